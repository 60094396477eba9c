r"""Set the paper's numbers and claims beside ours.

Run as:
    python workflow/scripts/paper_vs_ours.py --numbers config/paper_numbers.csv \
        --tables table1.csv table2.csv table3.csv table4.csv \
        --predictions predictions/games/random predictions/games/hybrid-full \
        --prediction-rows '[["games", "random"], ["games", "hybrid-full"]]' \
        --judgements judgements/games/systems/gpt-4.parquet --judgement-rows '[["games", "gpt-4"]]' \
        --records faithfulness/games/hybrid-full.parquet --record-rows '[["games", "hybrid-full"]]' \
        --human human.csv --controllability controllability.csv \
        --settings '{"judge": "gpt-4", "generated": [], "others": [], "shown": {"games": "Games"},
            "synthetic": "", "coverage_counts": "once", "names": {"hybrid-full": "hybrid"}, "study": "games"}' \
        --seed 2024 --output paper_vs_ours.csv --claims claims.csv --page paper_vs_ours.html
"""

from collections.abc import Sequence
from typing import Annotated, Any

from recexplainer import cli
from recexplainer.arguments import Pairs, Seed, check_paired, section


def main(
    *,
    numbers: Annotated[str, "CSV of the paper's numbers"],
    tables: Annotated[tuple[str, str, str, str], "our CSV of tables 1, 2, 3 and 4"],
    predictions: Annotated[Sequence[str], "folders, one per dataset and system"] = (),
    prediction_rows: Annotated[Pairs, "JSON: dataset and system of each"] = (),
    judgements: Annotated[Sequence[str], "Parquet files, one per dataset and judge"] = (),
    judgement_rows: Annotated[Pairs, "JSON: dataset and judge of each"] = (),
    records: Annotated[Sequence[str], "of faithfulness, one file per dataset and system"] = (),
    record_rows: Annotated[Pairs, "JSON: dataset and system of each"] = (),
    human: Annotated[str | None, "CSV of people's mean ratings; leave it out without a study"] = None,
    controllability: Annotated[str | None, "CSV of decisions and texts under points of view, if there is one"] = None,
    settings: Annotated[
        Any,
        section("paper.BesidePaper"),
        "JSON: judge, generated, others, shown, synthetic, coverage_counts, names, study",
    ],
    seed: Seed,
    output: Annotated[str, "CSV of the numbers to write"],
    claims: Annotated[str, "CSV of the claims to write"],
    page: Annotated[str, "HTML to write"],
) -> None:
    from recexplainer.paper.compare import paper_vs_ours
    from recexplainer.paper.verdicts import Sources

    check_paired(predictions=predictions, prediction_rows=prediction_rows)
    check_paired(judgements=judgements, judgement_rows=judgement_rows)
    check_paired(records=records, record_rows=record_rows)
    judged: dict[str, list[str]] = {}
    for path, (dataset, judge) in zip(judgements, judgement_rows, strict=True):
        if judge == settings.judge:
            judged.setdefault(dataset, []).append(path)
    sources = Sources(
        predictions={(name, system): path for path, (name, system) in zip(predictions, prediction_rows, strict=True)},
        judgements=judged,
        records={(name, system): path for path, (name, system) in zip(records, record_rows, strict=True)},
        human=human,
        controllability=controllability,
    )
    paper_vs_ours(
        numbers=numbers,
        tables=dict(zip("1234", tables, strict=True)),
        sources=sources,
        settings=settings,
        seed=seed,
        outputs=(output, claims, page),
    )


if __name__ == "__main__":
    cli.run(main, __doc__)
