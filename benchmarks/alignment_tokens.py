"""Alignment training: real (not padding) tokens per second, against transformers' Trainer with padding.

Both train the same adapter and projectors on the same samples in the same global batches, in fp32. The Trainer takes
eight samples at a time, its default, and pads them to the context or to the longest of the eight.

Run as: python benchmarks/alignment_tokens.py [--hidden 256] [--layers 4] [--context 1024] [--batch 32]
"""

from statistics import median

from harness import ROOT, Cost, alternate, matmul_rate, parser, record, run_benchmark

from recexplainer.config.alignment import Aligned, Lora

LORA = Lora(rank=8, alpha=32, dropout=0.0, targets=["q_proj", "k_proj", "v_proj", "o_proj"])
SETTINGS = {"lr": 1e-3, "weight_decay": 0.0, "gradient_clip": 1.0, "precision": "fp32", "rows_per_micro_batch": 1}
SETTINGS |= {"loss_average": "tokens"}
GOALS = {"context": 3, "longest": 1.5}


def main(args) -> None:
    import copy

    import torch
    from llm_peers import PaddedTraining
    from llm_work import SEED, explainer, make_work, training_flops

    from recexplainer.alignment.model import with_lora
    from recexplainer.llm.packing import plan_steps
    from recexplainer.seeds import make_rng

    torch.set_num_threads(args.threads)
    work = make_work(users=200, items=1000, context=args.context)
    base = explainer(work, args.hidden, args.layers, args.hidden // 64, args.hidden * 11 // 4)
    base.llm = with_lora(base.llm, LORA, "new")
    steps = plan_steps(
        work.train, batch=args.batch, context=args.context, epochs=1, max_steps=args.rounds + 1, seed=SEED
    )
    tokens = [step.tokens for step in steps[1:]]
    size = sum(parameter.numel() for parameter in base.parameters()) / 1e6
    rate = matmul_rate(args.hidden, args.hidden * 11 // 4) / training_flops(base, work.train)
    for padding, goal in GOALS.items():
        peer = PaddedTraining(
            copy.deepcopy(base), args.context if padding == "context" else None, args.each, SETTINGS["lr"], 1.0
        )
        packed = packed_training(copy.deepcopy(base), work.train)
        losses = {"ours": [], "peer": []}

        def ours(packed=packed, losses=losses["ours"]) -> None:
            losses.append(packed(steps[len(losses)]))

        def theirs(peer=peer, losses=losses["peer"]) -> Cost:
            # In a random order: the plan has them sorted by length within its rows.
            chosen = make_rng(SEED, len(losses)).permutation([i for row in steps[len(losses)].rows for i in row])
            loss, cost = peer.step([work.train[index] for index in chosen])
            losses.append(loss)
            return cost

        turns = alternate(ours, theirs, args.rounds)
        gap = max(abs(a - b) / b for a, b in zip(*losses.values(), strict=True))
        speeds = [[n / cost.wall for n, cost in zip(tokens, side, strict=True)] for side in (turns.ours, turns.peer)]
        real = sum(step.tokens for step in steps) / peer.padded
        record(
            f"alignment training, {size:.1f} M parameters, context {args.context}, {args.batch} samples a step",
            f"transformers Trainer, padding to the {padding}",
            *speeds,
            goal,
            unit="tokens/s",
            more_is_better=True,
            cpu=([cost.cpu for cost in turns.ours], [cost.cpu for cost in turns.peer]),
            floor=f"{rate:.0f} tokens/s at a bare matrix product's rate: we reach {median(speeds[0]) / rate:.0%}",
            note=f"{real:.0%} of the Trainer's tokens are real; losses within {gap:.0e}; {args.threads} thread(s)",
            results=args.results,
        )


def packed_training(model, samples, settings: dict = SETTINGS):
    """Return a function that trains on one step of the plan, as the pipeline does, and returns its loss."""
    from recexplainer.alignment.engine import start_engine
    from recexplainer.alignment.interruption import StopRequest
    from recexplainer.alignment.training import _step
    from recexplainer.files import read_json

    chosen = Aligned.model_construct(**settings)
    engine = start_engine(model, read_json(ROOT / "config" / "deepspeed" / "zero2.json"), chosen)
    engine.train()
    stop = StopRequest()
    return lambda step: _step(engine, step, samples, chosen, stop)[0]


if __name__ == "__main__":
    arguments = parser(__doc__)
    arguments.add_argument("--hidden", type=int, default=256, help="width, a multiple of 64 (default 256)")
    arguments.add_argument("--layers", type=int, default=4, help="transformer layers (default 4)")
    arguments.add_argument("--context", type=int, default=1024, help="tokens (default 1024)")
    arguments.add_argument("--batch", type=int, default=32, help="samples per step (default 32)")
    arguments.add_argument("--each", type=int, default=8, help="samples at a time of the Trainer (default 8, as its)")
    run_benchmark(main, arguments)
