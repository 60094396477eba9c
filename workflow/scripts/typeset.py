r"""Write one of our tables as LaTeX (booktabs) and as a page.

Run as:
    python workflow/scripts/typeset.py --table table2.csv --kind table2 \
        --settings '{"names": {"games": "Amazon Video Games"}, "synthetic": ""}' --latex table2.tex --html table2.html
"""

from recexplainer import cli


def main(args) -> None:
    from recexplainer.paper.tables import typeset

    typeset(args.table, args.kind, args.settings, args.latex, args.html)


if __name__ == "__main__":
    parser = cli.parser(__doc__)
    parser.add_argument("--table", required=True, help="CSV")
    parser.add_argument("--kind", required=True, help="table1, table2, table3, table4, recommender or human")
    parser.add_argument("--settings", type=cli.settings, default={}, help="JSON: names, synthetic")
    parser.add_argument("--latex", required=True, help="table environment to write")
    parser.add_argument("--html", required=True, help="page to write")
    cli.run(main, parser)
