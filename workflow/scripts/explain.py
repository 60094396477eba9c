"""Let an aligned model, or the base LLM, explain the cases.

Run as: python workflow/scripts/explain.py --llm results/llm/base.json --adapter results/alignment/games/hybrid/full
    --form hybrid --cases cases.parquet --embeddings embeddings.safetensors --items items.parquet
    --prompts config/prompts/explanation.yaml
    --settings '{"context": 1024, "precision": "fp16", "batch_size": 16, "max_tokens": 500}'
    --output results/explanations/games/hybrid-full.parquet
Some of the cases from several viewpoints: --viewpoints platform genre --viewpoint-cases 40, and the one of figure 5 as
well: --selected case.json.
"""

from recexplainer import cli


def main(args) -> None:
    from recexplainer.devices import claim

    claim(args.gpus)
    import torch

    from recexplainer.explanation.cases import read_selected
    from recexplainer.explanation.explain import explain
    from recexplainer.explanation.viewpoint_cases import viewpoint_case_names

    torch.set_num_threads(args.threads)
    only = [read_selected(args.selected)["case"]] if args.selected else []
    if args.viewpoint_cases:
        only = viewpoint_case_names(args.cases, args.viewpoint_cases, *only)
    explain(
        args.llm,
        args.chat_template,
        args.adapter,
        args.form,
        args.cases,
        args.embeddings,
        args.items,
        args.prompts,
        args.settings,
        args.output,
        args.viewpoints,
        only,
    )


if __name__ == "__main__":
    parser = cli.parser(__doc__)
    parser.add_argument("--llm", required=True, help="the base LLM's manifest")
    parser.add_argument("--chat-template", help="a Jinja chat template; default: the tokenizer's own")
    parser.add_argument("--adapter", help="the folder of an alignment; default: the base LLM alone")
    parser.add_argument("--form", required=True, help="behavior, intention or hybrid")
    parser.add_argument("--cases", required=True, help="cases.parquet")
    parser.add_argument("--embeddings", required=True, help="the recommender's embeddings.safetensors")
    parser.add_argument("--items", required=True, help="items.parquet")
    parser.add_argument("--prompts", required=True, help="YAML file of the explanations' prompts")
    parser.add_argument("--settings", type=cli.settings, required=True, help="JSON: context, precision, ...")
    parser.add_argument("--viewpoints", nargs="+", default=[], help="viewpoints of the prompts; default: none")
    parser.add_argument("--viewpoint-cases", type=cli.count, help="how many cases; default: all, or the selected")
    parser.add_argument("--selected", help="JSON that names a case")
    parser.add_argument("--output", required=True, help="Parquet to write")
    parser.add_argument("--gpus", type=cli.count, help="GPUs of the job; 0: the CPU (default: what is there)")
    cli.run(main, parser)
