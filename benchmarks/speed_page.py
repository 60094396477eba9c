"""Write the table of ``results.csv`` into ``docs/speed.md``, between its two marks.

Run as: python benchmarks/speed_page.py
"""

import re
from pathlib import Path

from harness import RESULTS, ROOT

START, END = "<!-- benchmarks: make bench writes this table -->", "<!-- end of the benchmarks -->"
SHOWN = {
    "work": "work",
    "against": "peer or limit",
    "ours": "ours",
    "peer": "peer",
    "ratio": "ratio",
    "goal": "goal",
    "spread": "quartiles",
    "cpu_ratio": "ratio of CPU times",
}


def table(results: str | Path = RESULTS) -> str:
    """Return the rows of a CSV of results as a Markdown table; the ratio is bold where it misses its goal."""
    import pandas as pd

    lines = [f"| {' | '.join(SHOWN.values())} |", "|" + "---|" * len(SHOWN)]
    for row in pd.read_csv(results, dtype=str, keep_default_na=False).to_dict("records"):
        unit = f" {row['unit']}" if row["unit"] else ""
        missed = row["goal"] and float(row["ratio"]) < float(row["goal"])
        row |= {"ours": row["ours"] + unit, "peer": row["peer"] + unit}
        row |= {"ratio": f"**{row['ratio']}**" if missed else row["ratio"]}
        lines.append(f"| {' | '.join(row[name].replace('|', '/') for name in SHOWN)} |")
    return "\n".join(lines) + "\n"


def shown(text: str) -> str:
    """Return the part of a page between the marks."""
    return re.search(re.escape(START) + r"\n(.*?)" + re.escape(END), text, re.DOTALL).group(1)


def main() -> None:
    page = ROOT / "docs" / "speed.md"
    text = page.read_text(encoding="utf-8")
    # No checksum beside it: Git has it.
    page.write_text(text.replace(f"{START}\n{shown(text)}{END}", f"{START}\n{table()}{END}"), encoding="utf-8")


if __name__ == "__main__":
    main()
