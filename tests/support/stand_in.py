"""Stands where ``python`` stands: a stage's program checks its arguments, then writes empty outputs at once.

The real program is run up to the point where its library would start, so a rule that calls it with a wrong option
fails here as it would in earnest.
"""

import runpy
import sys
from pathlib import Path

PREDICTED = [f"{task}.parquet" for task in ("retrieval", "ranking", "classification", "reconstruction")]

# Files of the programs that take a folder.
FOLDERS = {
    "train_llm.py": [
        "config.json",
        "generation_config.json",
        "model.safetensors",
        "tokenizer.json",
        "tokenizer_config.json",
        "chat_template.jinja",
    ],
    "align.py": [
        "adapter_model.safetensors",
        "adapter_config.json",
        "projectors.safetensors",
        "loss.csv",
        "record.json",
    ],
    "simulate_raters.py": ["rater1.json", "rater2.json", "rater3.json"],
    "draw_study.py": ["key.json", *(f"pages/rater{number}.html" for number in (1, 2, 3))],
    "predict.py": PREDICTED,
    "merge_predictions.py": PREDICTED,
    "baselines.py": PREDICTED,
    "surrogates.py": [
        f"{name}/{file}"
        for name in ("linear_probe", "nearest_embeddings", "sparse_linear", "decision_tree", "nearest_histories")
        for file in PREDICTED
    ],
}


def stand_in(main, description) -> None:
    """Take the place of ``cli.run``: parse the arguments, write every named file that is not there yet."""
    args = vars(arguments.parser(main, description).parse_args())
    for name, value in args.items():
        for path in value if isinstance(value, list) else [value]:
            if isinstance(path, str) and path.startswith("results/"):
                if name == "output_dir":
                    for file in FOLDERS[Path(sys.argv[0]).name]:
                        write(Path(path, file))
                elif name not in ("adapter", "checkpoints", "predictions", "shards"):
                    write(Path(path))


def write(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        path.write_text("stand-in\n")


if __name__ == "__main__":
    from recexplainer import arguments, cli

    cli.run = stand_in
    del sys.argv[0]
    runpy.run_path(sys.argv[0], run_name="__main__")
