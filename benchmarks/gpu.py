"""On a CUDA device: alignment of Llamas of 0.1 to 7 B parameters with LoRA in bf16, and beam retrieval at 7 B.

Weights are random; speed does not depend on them. The utilisation counts the operations that training an adapter needs
(:func:`llm_work.training_flops`: 4 per frozen weight and token, no recomputation), over the device's peak. SASRec is
not here: it trains on the CPU. Without a CUDA device nothing is run.

Run as: python benchmarks/gpu.py [--shapes 0.1B 1B 3B 7B] [--steps 10]
"""

import time

from harness import alternate, matmul_rate, parser, record, run_benchmark, skip

# hidden, layers, heads, intermediate
SHAPES = {
    "tiny": (64, 2, 2, 128),
    "0.1B": (768, 12, 12, 2048),
    "1B": (2048, 20, 16, 5504),
    "3B": (3200, 26, 32, 8640),
    "7B": (4096, 32, 32, 11008),
}
# Dense bf16 operations per second, from the makers' data sheets; of other devices a large product's rate is taken.
PEAKS = {"A100": 312e12, "H100": 989e12, "H200": 989e12, "L40S": 362e12}
CONTEXT, BATCH = 1024, 64
SETTINGS = {"lr": 1e-4, "weight_decay": 0.0, "gradient_clip": 1.0, "precision": "bf16", "loss_average": "samples"}


def main(args) -> None:
    import torch

    if args.device == "cuda" and not torch.cuda.is_available():
        skip("gpu", "no CUDA device here")
        return
    from llm_work import make_work

    work = make_work(users=400, items=2000, context=CONTEXT)
    for shape in args.shapes:
        train(shape, work, args)
    retrieve(args.shapes[-1], work, args)


def model_of(shape: str, work, device: str):
    """Return a model of a shape with random weights in bf16, made on the device."""
    import torch
    from llm_work import llama

    from recexplainer.alignment.model import RecExplainer

    torch.set_default_dtype(torch.bfloat16)
    try:
        with torch.device(device):
            llm = llama(32000, *SHAPES[shape])
    finally:
        torch.set_default_dtype(torch.float32)
    return RecExplainer(llm, work.users, work.items)


def train(shape: str, work, args) -> None:
    """Train some steps, one after the other, and record the utilisation of each."""
    import torch
    from alignment_tokens import LORA, packed_training
    from llm_work import SEED, training_flops

    from recexplainer.alignment.model import with_lora
    from recexplainer.llm.packing import plan_steps

    model = model_of(shape, work, args.device)
    size = sum(parameter.numel() for parameter in model.llm.parameters()) / 1e9
    needed = training_flops(model, work.train)
    model.llm = with_lora(model.llm, LORA, "new")
    peak = matmul_rate(4096, 4096, 4096, torch.bfloat16, args.device) if args.device == "cuda" else 1e12
    name = torch.cuda.get_device_name() if args.device == "cuda" else "cpu"
    peak = next((rate for device, rate in PEAKS.items() if device in name), peak)
    run = packed_training(model, work.train, SETTINGS | {"rows_per_micro_batch": args.rows})
    speeds = []
    for step in plan_steps(
        work.train, batch=args.batch, context=CONTEXT, epochs=1000, max_steps=args.steps + 2, seed=SEED
    ):
        begin = time.perf_counter()
        # The loss is a number on the host: the step is over when it is there.
        run(step)
        speeds.append(step.tokens / (time.perf_counter() - begin))
    record(
        f"alignment training on the GPU, {size:.2f} B parameters, bf16, LoRA, context {CONTEXT}",
        "45 % of the device's peak",
        [100 * speed * needed / peak for speed in speeds[2:]],
        [45],
        goal=1 if shape == "7B" else None,
        unit="% of peak",
        more_is_better=True,
        floor=f"peak {peak / 1e12:.0f} TFLOP/s",
        note=f"{sum(speeds[2:]) / args.steps:.0f} real tokens/s; {name}",
        results=args.results,
    )


def retrieve(shape: str, work, args) -> None:
    """Five-beam retrieval, against two prompts at a time padded to the context."""
    from llm_peers import generate_padded

    from recexplainer.inference.generation import TextGenerator

    model = model_of(shape, work, args.device).to(args.device).eval()
    prompts = work.tests["retrieval"][: args.cases]
    runner = TextGenerator(model, work.tokenizer, 320)
    turns = alternate(
        lambda: runner.generate(prompts, 16, 5),
        lambda: generate_padded(model, work.tokenizer, prompts, CONTEXT, 2, 16, 5),
        args.rounds,
    )
    record(
        f"five-beam retrieval on the GPU, {shape}, bf16",
        "transformers generate, 2 prompts at a time padded to the context",
        *([len(prompts) / cost.wall for cost in side] for side in (turns.ours, turns.peer)),
        goal=8,
        unit="cases/s",
        more_is_better=True,
        results=args.results,
    )


if __name__ == "__main__":
    arguments = parser(__doc__)
    arguments.add_argument("--shapes", nargs="+", choices=SHAPES, default=["0.1B", "1B", "3B", "7B"])
    arguments.add_argument("--steps", type=int, default=10, help="measured training steps (default 10)")
    arguments.add_argument("--batch", type=int, default=BATCH, help="samples per step (default 64)")
    arguments.add_argument("--rows", type=int, default=4, help="packed rows at a time (default 4)")
    arguments.add_argument("--cases", type=int, default=128, help="prompts of the retrieval (default 128)")
    arguments.add_argument("--device", default="cuda", help="cpu tries the script itself out, with --shapes tiny")
    run_benchmark(main, arguments)
