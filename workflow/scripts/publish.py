r"""Make the folder that is published out of a run: tables, texts, curves, times, and a page; nothing of the data set.

Of a run that is not finished, the page says which systems are there. With --readme its table is put into the README,
between the marks.

Run as:
    python workflow/scripts/publish.py --results results/pocket --config config/config.yaml config/pocket.yaml \
        --output docs/pocket --readme README.md
"""

from typing import Annotated

from recexplainer import cli


def main(
    *,
    results: Annotated[str, "folder of results"],
    config: Annotated[list[str], "config files, each laid over the one before it"],
    schema: Annotated[str, "what the config is checked against"] = "config/schema.yaml",
    output: Annotated[str, "folder to write; what is in it is replaced"],
    readme: Annotated[str | None, "README with the marks, to be changed in place"] = None,
) -> None:
    from recexplainer.planning.plan import merged
    from recexplainer.publishing.publish import around_block, block_of, publish, write_block

    if readme:
        around_block(readme)  # without its marks, nothing is published either
    publish(results=results, config=merged(config, schema), output=output)
    if readme:
        write_block(readme, block_of(output))


if __name__ == "__main__":
    cli.run(main, __doc__)
