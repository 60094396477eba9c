"""Beam search constrained to a catalogue of 10,000 and of 100,000 titles, against the same search unconstrained.

Compared is the time of a decoding step, as the two searches may end after different numbers of steps. Reading the
prompt, the same for both, is left out. The weights are random; they cost what trained ones do.

Run as: python benchmarks/constrained.py [--titles 10000 100000] [--cases 24] [--hidden 256] [--layers 4]
"""

import time

from harness import Cost, alternate, parser, record, run_benchmark

LONGEST, BEAMS = 16, 5


def main(args) -> None:
    import torch
    from llm_work import explainer, make_work

    from recexplainer.inference.catalogue import CatalogueConstraint
    from recexplainer.inference.generation import TextGenerator

    torch.set_num_threads(args.threads)
    for count in args.titles:
        work = make_work(users=args.cases, items=count, training=False)
        model = explainer(work, args.hidden, args.layers, args.hidden // 64, args.hidden * 11 // 4)
        clock = StepClock(TextGenerator(model, work.tokenizer, args.batch), work.tests["retrieval"][: args.cases])
        titles = work.tokenizer(work.titles, add_special_tokens=False)["input_ids"]
        begin = time.perf_counter()
        constraint = CatalogueConstraint(titles, work.tokenizer.eos_token_id)
        built = time.perf_counter() - begin
        turns = alternate(lambda clock=clock, bound=constraint: clock.step(bound), clock.step, args.rounds)
        record(
            f"constrained beam search, {count} titles, {args.batch // BEAMS} prompts of {BEAMS} beams at a time",
            "the same search unconstrained",
            [1000 * cost.wall for cost in turns.ours],
            [1000 * cost.wall for cost in turns.peer],
            goal=1 / 1.1,
            unit="ms per step",
            cpu=([cost.cpu for cost in turns.ours], [cost.cpu for cost in turns.peer]),
            floor="the unconstrained step",
            note=f"{built:.1f} s once to build the tree of titles; vocabulary {len(work.tokenizer)}",
            results=args.results,
        )


class StepClock:
    """Run beam searches and take the mean time of a decoding step.

    Args:
        runner: a generator.
        prompts: a multiple of what the runner takes at a time, or fewer.
    """

    def __init__(self, runner, prompts: list):
        self.runner, self.prompts, self.begins = runner, prompts, []
        decoder = runner.model.base[0].get_decoder()
        decoder.register_forward_pre_hook(
            lambda *_, **__: self.begins.append((time.perf_counter(), time.process_time()))
        )

    def step(self, constraint=None) -> Cost:
        """Decode all prompts; return what a step took, from one call of the model to the next."""
        taken, steps, size = [0.0, 0.0], 0, max(1, self.runner.batch_size // BEAMS)
        for start in range(0, len(self.prompts), size):
            self.begins.clear()
            self.runner.generate(self.prompts[start : start + size], LONGEST, BEAMS, constraint)
            # The first call reads the prompts.
            first, last = self.begins[1], self.begins[-1]
            taken = [taken[0] + last[0] - first[0], taken[1] + last[1] - first[1]]
            steps += len(self.begins) - 2
        return Cost(taken[0] / steps, taken[1] / steps)


if __name__ == "__main__":
    arguments = parser(__doc__)
    arguments.add_argument("--titles", type=int, nargs="+", default=[10_000, 100_000], help="sizes of the catalogue")
    arguments.add_argument("--cases", type=int, default=24, help="prompts (default 24)")
    arguments.add_argument("--batch", type=int, default=60, help="sequences at a time, beams included (default 60)")
    arguments.add_argument("--hidden", type=int, default=256, help="width, a multiple of 64 (default 256)")
    arguments.add_argument("--layers", type=int, default=4, help="transformer layers (default 4)")
    run_benchmark(main, arguments)
