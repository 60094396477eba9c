"""Memory of AdamW's state: only what is new trained, against the whole embedding matrix and LM head trained too.

Both take a training step under DeepSpeed, with a trained vector per placeholder (``embedding_injection: add``), so
that both train rows of the embedding matrix: ours the two new ones, the peer all of them and the head's.

Run as: python benchmarks/trained_memory.py [--hidden 256] [--layers 4] [--vocabulary 32000]
"""

from harness import ROOT, parser, record, run_benchmark

from recexplainer.config.alignment import Aligned, Lora

LORA = Lora(rank=8, alpha=32, dropout=0.0, targets=["q_proj", "k_proj", "v_proj", "o_proj"])
SETTINGS = {"lr": 1e-3, "weight_decay": 0.0, "gradient_clip": 1.0, "precision": "fp32"}


def main(args) -> None:
    from llm_work import llama

    new, everything = (
        optimizer_state(llama(args.vocabulary, args.hidden, args.layers, args.hidden // 64, args.hidden * 2), rows)
        for rows in ("new", "all")
    )
    size = f"vocabulary {args.vocabulary}, width {args.hidden}, LoRA on {args.layers} layers"
    against = "whole embedding matrix and LM head trained"
    record(
        f"AdamW's state of the embedding rows, {size}",
        against,
        [new["rows"] / 2**20],
        [everything["rows"] / 2**20],
        # The ratio of the trained rows: all of both matrices and the two new ones, over the two.
        goal=(2 * args.vocabulary + 2) / 2,
        unit="MiB",
        floor="two moments in fp32 per trained number",
        note="measured in the optimizer after a step",
        results=args.results,
    )
    record(
        f"AdamW's state in all, {size}",
        against,
        [sum(new.values()) / 2**20],
        [sum(everything.values()) / 2**20],
        goal=None,
        unit="MiB",
        floor="two moments in fp32 per trained number",
        note="with LoRA and projectors, which both train. " + seven_billion(),
        results=args.results,
    )


def optimizer_state(llm, trained_rows: str) -> dict[str, int]:
    """Train one step and return the bytes of AdamW's moments: of embedding ``rows`` (and head), and the ``rest``."""
    import numpy as np
    from deepspeed.utils import safe_get_full_optimizer_state

    from recexplainer.alignment.engine import start_engine
    from recexplainer.alignment.model import RecExplainer, with_lora
    from recexplainer.files import read_json
    from recexplainer.llm.encoding import ITEM_ID, USER_ID, Encoded
    from recexplainer.llm.packing import collate

    tables = np.random.default_rng(0).normal(size=(4, 64)).astype(np.float32)
    model = RecExplainer(with_lora(llm, LORA, trained_rows), tables, tables, "add")
    settings = Aligned.model_construct(**SETTINGS)
    engine = start_engine(model, read_json(ROOT / "config" / "deepspeed" / "zero2.json"), settings)
    ids = np.array([1, USER_ID, 5, ITEM_ID, 6, 7, 2], np.int32)
    sample = Encoded(ids, np.zeros_like(ids), np.arange(len(ids)) > 3)
    engine.backward(engine(collate([[0]], [sample]), 1))
    engine.step()
    held = {"rows": 0, "rest": 0}
    for name, parameter in engine.module.named_parameters():
        if parameter.requires_grad:
            rows = name == "token_rows" or "embed_tokens" in name or "lm_head" in name
            for moment in ("exp_avg", "exp_avg_sq"):
                held["rows" if rows else "rest"] += safe_get_full_optimizer_state(parameter, moment).nbytes
    return held


def seven_billion() -> str:
    """Count, without memory for it, what Vicuna-7B's shape would need."""
    import numpy as np
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    from recexplainer.alignment.model import RecExplainer, with_lora

    tables = np.ones((4, 256), np.float32)
    gib = []
    for rows in ("new", "all"):
        with torch.device("meta"):
            llm = with_lora(LlamaForCausalLM(LlamaConfig()), LORA, rows)
        model = RecExplainer(llm, tables, tables, "add")
        gib.append(sum(p.numel() for p in model.parameters() if p.requires_grad) * 8 / 2**30)
    return f"Vicuna-7B's shape, counted: {gib[0]:.2f} GiB against {gib[1]:.2f} GiB"


if __name__ == "__main__":
    arguments = parser(__doc__)
    arguments.add_argument("--hidden", type=int, default=256, help="width, a multiple of 64 (default 256)")
    arguments.add_argument("--layers", type=int, default=4, help="transformer layers (default 4)")
    arguments.add_argument("--vocabulary", type=int, default=32000, help="tokens (default 32000, as Vicuna's)")
    run_benchmark(main, arguments)
