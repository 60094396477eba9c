"""Write what follows from the rules, the config and pyproject.toml: results/README.md, docs/config_reference.md, and
what catalogues read: CITATION.cff, codemeta.json, .snakemake-workflow-catalog.yml. And out of the models of the config,
config/schema.yaml.

Run as: python workflow/scripts/document.py
"""

from pathlib import Path
from typing import Annotated

from recexplainer import cli

ROOT = Path(__file__).resolve().parents[2]


def main(*, root: Annotated[str, "folder that gets them"] = str(ROOT)) -> None:
    from recexplainer.config.schema import schema, schema_text
    from recexplainer.documentation.metadata import metadata_files
    from recexplainer.documentation.reference import reference_page
    from recexplainer.documentation.results import results_page
    from recexplainer.yaml_files import read_config

    pages = {
        "results/README.md": results_page(ROOT / "Snakefile"),
        "docs/config_reference.md": reference_page(schema(), read_config(ROOT / "config/config.yaml")),
        "config/schema.yaml": schema_text(),
        **metadata_files(ROOT / "pyproject.toml"),
    }
    for path, text in pages.items():
        # No checksum beside it: Git has it.
        (Path(root) / path).parent.mkdir(parents=True, exist_ok=True)
        (Path(root) / path).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    cli.run(main, __doc__)
