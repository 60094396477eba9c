r"""Write one of our tables as LaTeX (booktabs) and as a page.

Run as:
    python workflow/scripts/typeset.py --table table2.csv --kind table2 \
        --settings '{"names": {"games": "Amazon Video Games"}, "synthetic": ""}' --latex table2.tex --html table2.html
"""

from typing import Annotated, Any

from recexplainer import cli
from recexplainer.arguments import section


def main(
    *,
    table: Annotated[str, "CSV"],
    kind: Annotated[str, "table1, table2, table3, table4, recommender or human"],
    settings: Annotated[Any, section("shown.Shown"), "JSON: names, synthetic"],
    latex: Annotated[str, "table environment to write"],
    html: Annotated[str, "page to write"],
) -> None:
    from recexplainer.paper.tables import typeset

    typeset(table=table, kind=kind, settings=settings, latex=latex, html=html)


if __name__ == "__main__":
    cli.run(main, __doc__)
