r"""Ask the base LLM and the aligned ones for their own Yes or No on the explained cases, by logits.

Run as:
    python workflow/scripts/classify_cases.py --llm results/llm/base.json \
        --systems '[["base", "behavior", null], ["hybrid-full", "hybrid", "results/alignment/games/hybrid/full"]]' \
        --cases cases.parquet --embeddings embeddings.safetensors --items items.parquet \
        --prompts config/prompts/default.yaml \
        --settings '{"context": 1024, "precision": "fp16", "batch_size": 64}' --seed 2024 \
        --output results/faithfulness/games/own_decisions.parquet
"""

from typing import Annotated, Any

from recexplainer import cli
from recexplainer.arguments import Gpus, Seed, Triples, section


def main(
    *,
    llm: Annotated[str, "the base LLM's manifest"],
    chat_template: Annotated[str | None, "a Jinja chat template; default: the tokenizer's own"] = None,
    systems: Annotated[Triples, "JSON: name, form and alignment's folder (or null) of each"],
    cases: Annotated[str, "cases.parquet"],
    embeddings: Annotated[str, "the recommender's embeddings.safetensors"],
    items: Annotated[str, "items.parquet"],
    prompts: Annotated[str, "YAML file of the tasks' phrasings"],
    settings: Annotated[Any, section("inference.Answering"), "JSON: context, precision, batch_size"],
    seed: Seed,
    output: Annotated[str, "Parquet to write"],
    gpus: Gpus = None,
    threads: int,
) -> None:
    from recexplainer.devices import claim

    claim(gpus)
    import torch

    from recexplainer.faithfulness.own_decisions import classify_cases

    torch.set_num_threads(threads)
    classify_cases(
        llm=llm,
        chat_template=chat_template,
        systems=systems,
        cases=cases,
        embeddings=embeddings,
        items=items,
        prompts=prompts,
        settings=settings,
        seed=seed,
        output=output,
    )


if __name__ == "__main__":
    cli.run(main, __doc__)
