"""Align the LLM with the recommender: LoRA and projectors, under DeepSpeed.

Run as: python workflow/scripts/align.py --llm results/llm/base.json --train train.parquet sharegpt.parquet
    --embeddings embeddings.safetensors --deepspeed config/deepspeed/zero2.json --settings '{...}' --seed 1
    --ablation full --checkpoints results/checkpoints/games/hybrid/full --output-dir results/alignment/games/hybrid/full
or under torchrun, with the same arguments, for several processes. On SIGTERM or SIGUSR1 the training saves its state
at the end of the step and exits with status 75; the same call goes on from there.
"""

import sys
from typing import Annotated, Any

from recexplainer import cli
from recexplainer.arguments import Gpus, Seed, section


def main(
    *,
    llm: Annotated[str, "the base LLM's manifest"],
    chat_template: Annotated[str | None, "a Jinja chat template; default: the tokenizer's own"] = None,
    train: Annotated[list[str], "Parquet files of training samples"],
    embeddings: Annotated[str, "the recommender's embeddings.safetensors"],
    deepspeed: Annotated[str, "the DeepSpeed configuration, JSON"],
    settings: Annotated[Any, section("alignment.Aligned"), "the alignment section as JSON"],
    ablation: Annotated[str, "full, or which tasks are left out"] = "full",
    seed: Seed,
    checkpoints: Annotated[str, "folder for checkpoints"],
    output_dir: Annotated[str, "folder for the results"],
    gpus: Gpus = None,
    threads: int,
) -> None:
    from recexplainer.devices import claim

    claim(gpus)
    import torch

    from recexplainer.alignment.engine import leave
    from recexplainer.alignment.interruption import EXIT_STATUS, Interrupted
    from recexplainer.alignment.run import align

    torch.set_num_threads(threads)
    status = 0
    try:
        align(
            llm=llm,
            chat_template=chat_template,
            train_tasks=train,
            embeddings=embeddings,
            deepspeed=deepspeed,
            settings=settings,
            ablation=ablation,
            seed=seed,
            checkpoints=checkpoints,
            output_dir=output_dir,
        )
    except Interrupted:
        status = EXIT_STATUS
    leave()
    sys.exit(status)


if __name__ == "__main__":
    cli.run(main, __doc__)
