"""Cases per second of five-beam retrieval, greedy ranking and explanations, against transformers' ``generate``.

The peer takes two prompts at a time, padded to the context. The weights are random, so that nearly every answer runs to
its limit. Real answers differ in length, and a batch waits for its longest; ``--steps`` trains the model first, so that
answers end by themselves. Too few steps make answers of two tokens, which show little: see the note of the row.

Run as: python benchmarks/generation.py [--cases 48] [--context 1024] [--hidden 128] [--layers 4] [--steps 0]
"""

from harness import alternate, matmul_rate, parser, record, run_benchmark

# How each task is called, its longest answer in tokens, and its beams.
TASKS = {
    "retrieval": ("five-beam retrieval", 24, 5),
    "ranking": ("greedy ranking", 96, 1),
    "explanation": ("explanations", 128, 1),
}


def main(args) -> None:
    import torch
    from llm_peers import generate_padded
    from llm_work import explainer, fit, generation_flops, make_work

    from recexplainer.inference.generation import TextGenerator

    torch.set_num_threads(args.threads)
    work = make_work(users=max(args.cases, 100), items=300, context=args.context)
    model = explainer(work, args.hidden, args.layers, args.hidden // 32, args.hidden * 11 // 4)
    if args.steps:
        print(f"trained for {args.steps} steps to a loss of {fit(model, work.train, args.steps, args.context):.2f}")
    runner = TextGenerator(model, work.tokenizer, args.batch)
    size = sum(parameter.numel() for parameter in model.parameters()) / 1e6
    rate = matmul_rate(args.hidden, args.hidden * 11 // 4)
    for task, (name, longest, beams) in TASKS.items():
        prompts = work.tests[task][: args.cases]
        texts: dict[str, list[list[str]]] = {}

        def ours(prompts=prompts, longest=longest, beams=beams, texts=texts) -> None:
            texts["ours"] = runner.generate(prompts, longest, beams)

        def peer(prompts=prompts, longest=longest, beams=beams, texts=texts) -> None:
            texts["peer"] = generate_padded(model, work.tokenizer, prompts, args.context, args.each, longest, beams)

        turns = alternate(ours, peer, args.rounds, warm_up=False)
        same = sum(a == b for a, b in zip(*texts.values(), strict=True))
        speeds = [[len(prompts) / cost.wall for cost in side] for side in (turns.ours, turns.peer)]
        answers = [len(ids) + 1 for ids in work.tokenizer([one[0] for one in texts["ours"]])["input_ids"]]
        best = rate / generation_flops(model, prompts, sum(answers) / len(answers), beams)
        record(
            f"{name}, {size:.1f} M parameters, context {args.context}",
            f"transformers generate, {args.each} prompts at a time padded to the context",
            *speeds,
            goal=8,
            unit="cases/s",
            more_is_better=True,
            cpu=([cost.cpu for cost in turns.ours], [cost.cpu for cost in turns.peer]),
            floor=f"{best:.0f} cases/s at a bare matrix product's rate: we reach {max(speeds[0]) / best:.0%}",
            note=f"{same} of {len(prompts)} answers identical; prompts of {sum(map(len, prompts)) // len(prompts)} and"
            f" answers of {sum(answers) // len(answers)} tokens on average",
            results=args.results,
        )


if __name__ == "__main__":
    arguments = parser(__doc__)
    arguments.add_argument("--cases", type=int, default=48, help="prompts per task (default 48)")
    arguments.add_argument("--batch", type=int, default=64, help="our sequences at a time, beams included (default 64)")
    arguments.add_argument("--each", type=int, default=2, help="the peer's prompts at a time (default 2)")
    arguments.add_argument("--context", type=int, default=1024, help="tokens (default 1024)")
    arguments.add_argument("--hidden", type=int, default=128, help="width, a multiple of 32 (default 128)")
    arguments.add_argument("--layers", type=int, default=4, help="transformer layers (default 4)")
    arguments.add_argument("--steps", type=int, default=0, help="training steps before (default 0)")
    run_benchmark(main, arguments)
