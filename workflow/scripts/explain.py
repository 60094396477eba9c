"""Let an aligned model, or the base LLM, explain the cases.

Run as: python workflow/scripts/explain.py --llm results/llm/base.json --adapter results/alignment/games/hybrid/full
    --form hybrid --cases cases.parquet --embeddings embeddings.safetensors --items items.parquet
    --prompts config/prompts/explanation.yaml
    --settings '{"context": 1024, "precision": "fp16", "batch_size": 16, "max_tokens": 500}'
    --output results/explanations/games/hybrid-full.parquet
Some of the cases from several viewpoints: --viewpoints platform genre --viewpoint-cases 40, and the one of figure 5 as
well: --selected case.json.
"""

from typing import Annotated, Any

from recexplainer import cli
from recexplainer.arguments import Count, Gpus, section


def main(
    *,
    llm: Annotated[str, "the base LLM's manifest"],
    chat_template: Annotated[str | None, "a Jinja chat template; default: the tokenizer's own"] = None,
    adapter: Annotated[str | None, "the folder of an alignment; default: the base LLM alone"] = None,
    form: Annotated[str, "behavior, intention or hybrid"],
    cases: Annotated[str, "cases.parquet"],
    embeddings: Annotated[str, "the recommender's embeddings.safetensors"],
    items: Annotated[str, "items.parquet"],
    prompts: Annotated[str, "YAML file of the explanations' prompts"],
    settings: Annotated[Any, section("explanation.Explaining"), "JSON: context, precision, ..."],
    viewpoints: Annotated[list[str] | None, "viewpoints of the prompts; default: none"] = None,
    viewpoint_cases: Annotated[Count | None, "how many cases; default: all, or the selected"] = None,
    selected: Annotated[str | None, "JSON that names a case"] = None,
    output: Annotated[str, "Parquet to write"],
    gpus: Gpus = None,
    threads: int,
) -> None:
    from recexplainer.devices import claim

    claim(gpus)
    import torch

    from recexplainer.explanation.cases import read_selected
    from recexplainer.explanation.explain import explain
    from recexplainer.explanation.viewpoint_cases import viewpoint_case_names

    torch.set_num_threads(threads)
    only = [read_selected(selected)["case"]] if selected else []
    if viewpoint_cases:
        only = viewpoint_case_names(cases, viewpoint_cases, *only)
    explain(
        llm=llm,
        chat_template=chat_template,
        adapter=adapter,
        form=form,
        cases=cases,
        embeddings=embeddings,
        items=items,
        prompts=prompts,
        settings=settings,
        output=output,
        viewpoints=viewpoints or (),
        only=only,
    )


if __name__ == "__main__":
    cli.run(main, __doc__)
