"""From a finished run's report one gets everywhere; Snakemake's own report names and explains what is in it."""

import json
import re
from urllib.parse import unquote

from clone import CONFIG, ROOT, snakemake

LINK = re.compile(r'<a [^>]*?href="([^"]*)"')


def test_every_link_of_every_page_leads_somewhere(whole_run):
    pages = sorted(page for folder in (".", "tables", "figures") for page in (whole_run / folder).glob("*.html"))
    followed = set()
    for page in pages:
        text = page.read_text(encoding="utf-8")
        for address in LINK.findall(text):
            path, _, anchor = unquote(address).partition("#")
            assert (page.parent / path).exists(), f"{page.name}: {address}"
            assert not anchor or f'id="{anchor}"' in text, f"{page.name}: {address}"
            if path and page.name == "report.html":
                followed.add(path.partition("/")[0])
    assert followed >= {"tables", "figures", "logs", "study", "provenance.json"}


def part(text: str, name: str):
    """Return what a variable of Snakemake's report holds; it stands in a block that is named after it."""
    start = f'<script id="{name.replace("_", "-")}">\n    var {name} = '
    return json.JSONDecoder().raw_decode(text, text.index(start) + len(start))[0]


def test_snakemakes_own_report_names_and_explains_each_result(whole_run, tmp_path):
    page = tmp_path / "report.html"
    done = snakemake(whole_run.parents[1], "--configfile", CONFIG, "--report", str(page))
    assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]
    text = page.read_text(encoding="utf-8")
    assert "a recommender is trained" in " ".join(part(text, "workflow_desc").split())
    results = part(text, "results")
    made = {path.name for folder in ("tables", "figures") for path in (whole_run / folder).glob("*.*")}
    rules = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "rules").glob("*.smk"))
    marked = set(re.findall(r'in_report\(\s*"<results>/\w+/(\S+?)"', rules))
    assert {path.rpartition("/")[2] for path in results} == marked & made
    for path, result in results.items():
        assert len(result["caption"]) > 60, path
        assert result["labels"]["Data"] == "synthetic"
    labels = {tuple(result["labels"].values())[:2] for result in results.values()}
    assert labels >= {("Table 2. Alignment", "CSV"), ("Figure 4. Case study", "page"), ("Learning curves", "SVG")}
    assert len(labels) == len(results)
