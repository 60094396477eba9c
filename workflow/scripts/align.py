"""Align the LLM with the recommender: LoRA and projectors, under DeepSpeed.

Run as: python workflow/scripts/align.py --llm results/llm/base.json --train train.parquet sharegpt.parquet
    --embeddings embeddings.safetensors --deepspeed config/deepspeed/zero2.json --settings '{...}' --seed 1
    --ablation full --checkpoints results/checkpoints/games/hybrid/full --output-dir results/alignment/games/hybrid/full
or under torchrun, with the same arguments, for several processes. On SIGTERM or SIGUSR1 the training saves its state
at the end of the step and exits with status 75; the same call goes on from there.
"""

import sys

from recexplainer import cli


def main(args):
    from recexplainer.devices import claim

    claim(args.gpus)
    import torch

    from recexplainer.alignment.engine import leave
    from recexplainer.alignment.interruption import EXIT_STATUS, Interrupted
    from recexplainer.alignment.run import align

    torch.set_num_threads(args.threads)
    status = 0
    try:
        align(
            args.llm,
            args.chat_template,
            args.train,
            args.embeddings,
            args.deepspeed,
            args.settings,
            args.ablation,
            args.seed,
            args.checkpoints,
            args.output_dir,
        )
    except Interrupted:
        status = EXIT_STATUS
    leave()
    sys.exit(status)


if __name__ == "__main__":
    arguments = cli.parser(__doc__)
    arguments.add_argument("--llm", required=True, help="the base LLM's manifest")
    arguments.add_argument("--chat-template", help="a Jinja chat template; default: the tokenizer's own")
    arguments.add_argument("--train", nargs="+", required=True, help="Parquet files of training samples")
    arguments.add_argument("--embeddings", required=True, help="the recommender's embeddings.safetensors")
    arguments.add_argument("--deepspeed", required=True, help="the DeepSpeed configuration, JSON")
    arguments.add_argument("--settings", type=cli.settings, required=True, help="the alignment section as JSON")
    arguments.add_argument("--ablation", default="full", help="which tasks are left out (default: none)")
    arguments.add_argument("--seed", type=cli.seed, required=True)
    arguments.add_argument("--checkpoints", required=True, help="folder for checkpoints")
    arguments.add_argument("--output-dir", required=True, help="folder for the results")
    arguments.add_argument("--gpus", type=cli.count, help="GPUs of the job; 0: the CPU (default: what is there)")
    cli.run(main, arguments)
