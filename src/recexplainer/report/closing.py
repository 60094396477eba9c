"""What a finished run says last on the terminal: what it found, what that rests on, and where to look."""

from pathlib import Path
from typing import Any

from recexplainer import about
from recexplainer.errors import InputError
from recexplainer.report.first import headline


def closing(config: dict[str, Any]) -> str:
    """Return the last lines of a run.

    Args:
        config: of the run.
    """
    results = config["pathvars"]["results"]
    paths = [path for name in ("tables", "figures") for path in Path(results, name).glob("*")]
    made = sorted(path.name for path in paths if path.suffix in (".csv", ".html", ".svg"))
    if not Path(results, "report.html").is_file():
        return f"Done. Tables and figures so far, in {results}: {', '.join(made) or 'none'}."
    try:
        agrees = headline(f"{results}/tables/table2.csv", about.names(config))
    except InputError:
        agrees = ""
    lines = [
        f"Done. {about.title(config)}",
        *filter(None, (about.synthetic(config), agrees)),
        f"Open {results}/report.html; {len(made)} tables and figures are in {results}/tables and {results}/figures.",
        f"Ask the run:       make ui RESULTS={results}",
        f"Check its files:   make verify RESULTS={results}",
    ]
    for page in sorted(Path(results, "study/pages").glob("*.html"))[:1]:
        lines.append(f"Rate its texts:    open {page}")
    return "\n".join(lines)
