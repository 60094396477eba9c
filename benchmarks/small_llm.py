"""Alignment of a small real LLM's shapes: SmolLM2-135M with random weights, LoRA on all linear layers, short samples.

The peer is transformers' Trainer without padding: it lays the samples end to end, ten at a time, and tells their
attention apart by positions. Speeds are real tokens per second of CPU time, so that others on the machine weigh less.
Run it with both precisions: processors differ in which one they multiply faster, and the floor says by how much.

Run as: python benchmarks/small_llm.py [--precision bf16] [--layers 30] [--batch 32] [--each 10]
"""

import time
from statistics import median

from harness import Cost, alternate, matmul_rate, parser, record, run_benchmark

from recexplainer.config.alignment import Lora

VOCABULARY, HIDDEN, INTERMEDIATE, HEADS, GROUPS = 49152, 576, 1536, 9, 3
LORA = Lora(rank=16, alpha=32, dropout=0.0, targets="all-linear")
SETTINGS = {"lr": 1e-3, "weight_decay": 0.0, "gradient_clip": 1.0, "rows_per_micro_batch": 1, "loss_average": "tokens"}
ROW = 512


def main(args) -> None:
    import copy

    import torch
    from alignment_tokens import packed_training
    from llm_peers import FlattenedTraining

    from recexplainer.alignment.engine import PRECISIONS
    from recexplainer.llm.packing import plan_steps

    torch.set_num_threads(args.threads)
    dtype = PRECISIONS[args.precision]
    samples = short_samples(args.batch * (args.rounds + 1))
    base = small_llm(args.layers, dtype)
    steps = plan_steps(samples, batch=args.batch, context=ROW, epochs=1, max_steps=args.rounds + 1, seed=0)
    peer = FlattenedTraining(copy.deepcopy(base), None, args.each, SETTINGS["lr"], SETTINGS["gradient_clip"])
    packed = packed_training(base, samples, SETTINGS | {"precision": args.precision})
    losses = {"ours": [], "peer": []}

    def ours() -> None:
        losses["ours"].append(packed(steps[len(losses["ours"])]))

    def theirs() -> Cost:
        step = steps[len(losses["peer"])]
        loss, cost = peer.step([samples[index] for row in step.rows for index in row])
        losses["peer"].append(loss)
        return cost

    turns = alternate(ours, theirs, args.rounds)
    tokens = [step.tokens for step in steps[1:]]
    speeds = [[n / cost.cpu for n, cost in zip(tokens, side, strict=True)] for side in (turns.ours, turns.peer)]
    gap = max(abs(a - b) / b for a, b in zip(*losses.values(), strict=True))
    rates = {
        name: matmul_rate(HIDDEN, INTERMEDIATE, ROW, kind, clock=time.process_time) for name, kind in PRECISIONS.items()
    }
    floor = rates[args.precision] / flops(base, samples)
    products = ", ".join(f"{name} {rate / 1e9:.0f}" for name, rate in rates.items())
    record(
        f"alignment training, SmolLM2-135M's shapes, {args.layers} layers, {args.precision}",
        "transformers Trainer without padding",
        *speeds,
        goal=2,
        unit="tokens/s of CPU",
        more_is_better=True,
        floor=f"{floor:.0f} tokens/s at a bare matrix product's rate: we reach {median(speeds[0]) / floor:.0%}",
        note=f"10^9 operations/s of a product: {products}; losses within {gap:.0e}; {args.threads} thread(s)",
        results=args.results,
    )


def short_samples(count: int) -> list:
    """Return samples of 30 to 65 random tokens with one ``<user>``, of which the last 3 to 15 are learnt."""
    import numpy as np

    from recexplainer.llm.encoding import USER_ID, Encoded

    rng, samples = np.random.default_rng(0), []
    for length in rng.integers(30, 66, count):
        input_ids = rng.integers(3, VOCABULARY, length).astype(np.int32)
        input_ids[10] = USER_ID
        targets = np.arange(length) >= length - rng.integers(3, 16)
        samples.append(Encoded(input_ids, np.zeros(length, np.int32), targets))
    return samples


def small_llm(layers: int, dtype):
    """Return the explainer around a Llama of SmolLM2-135M's shapes, with its adapter."""
    import numpy as np
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    from recexplainer.alignment.model import RecExplainer, with_lora

    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=VOCABULARY,
        hidden_size=HIDDEN,
        intermediate_size=INTERMEDIATE,
        num_hidden_layers=layers,
        num_attention_heads=HEADS,
        num_key_value_heads=GROUPS,
        tie_word_embeddings=True,
        attn_implementation="sdpa",
    )
    tables = np.random.default_rng(1).normal(size=(10, 64)).astype(np.float32)
    return RecExplainer(with_lora(LlamaForCausalLM(config).to(dtype).eval(), LORA, "new"), tables, tables)


def flops(model, samples: list) -> float:
    """Return what a token takes at least: two operations per weight forwards, two backwards; the head at targets."""
    decoder = model.base[0].get_decoder()
    frozen = sum(p.numel() for name, p in decoder.named_parameters() if "base_layer" in name)
    trained = sum(p.numel() for name, p in decoder.named_parameters() if "lora_" in name)
    targets = sum(int(sample.loss_mask.sum()) for sample in samples) / sum(map(len, samples))
    return 4 * (frozen + targets * VOCABULARY * HIDDEN) + 6 * trained


if __name__ == "__main__":
    arguments = parser(__doc__)
    arguments.add_argument("--precision", choices=["bf16", "fp32"], default="bf16", help="default: bf16")
    arguments.add_argument("--layers", type=int, default=30, help="transformer layers (default 30)")
    arguments.add_argument("--batch", type=int, default=32, help="samples per step (default 32)")
    arguments.add_argument("--each", type=int, default=10, help="samples at a time of the Trainer (default 10)")
    run_benchmark(main, arguments)
