"""The command ``recexplainer``: ask a finished run, hand it or its models on, compare runs, or describe raw files.

Run as: recexplainer explain --model results/demo/alignment/games/hybrid/full --history "A; B" --item "C"
    recexplainer explain --model results/demo/alignment/games/hybrid/full --user U12
    recexplainer demo-ui --results results/demo --dataset games
    recexplainer inspect data/ratings.csv data/movies.csv --output mine.yaml
    recexplainer export results/demo --dataset games --mode hybrid --to my-model
    recexplainer bundle results/demo --output demo.zip
    recexplainer compare docs/pocket results/pocket --output comparison
"""

import argparse
import json
import re
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from recexplainer import cli, run_names
from recexplainer.arguments import Function, OneOf
from recexplainer.errors import InputError
from recexplainer.interactive import guard
from recexplainer.place import ROOT

if TYPE_CHECKING:
    from recexplainer.interactive.explainer import Answer, Explainer, Verdict

DECISIONS = {True: "Yes", False: "No", None: "cannot be read"}
KEYS = {True: "yes", False: "no", None: None}
"""A decision as it stands in JSON, the recommender's and the systems'; the recommender's may also be "between"."""
VERDICTS = {"yes": "Yes: among its best", "no": "No: among its worst", "between": "neither yes nor no"}


def dataset_name(text: str) -> str:
    """Read the name of a dataset."""
    if not re.fullmatch("[a-z][a-z0-9_]*", text) or text in ("sharegpt", "llm"):
        raise argparse.ArgumentTypeError(
            f"{text[:40]!r}; expected small letters, digits and _, and neither sharegpt nor llm"
        )
    return text


def place(model: str | Path) -> tuple[Path, str, str]:
    """Return the folder of the results, the dataset and the system that a model's folder stands for.

    Raises:
        InputError: it is no such folder.
    """
    parts = Path(model).parts
    if len(parts) < 4 or parts[-4] != "alignment":
        raise InputError(f"--model {model}: expected a folder {{results}}/alignment/{{dataset}}/{{mode}}/{{ablation}}.")
    return Path(*parts[:-4]), parts[-3], "/".join(parts[-2:])


def explain(
    *,
    model: Annotated[str, "an aligned model, {results}/alignment/{dataset}/{mode}/{ablation}"],
    history: Annotated[str | None, OneOf, 'titles, oldest first, with ";" between them'] = None,
    user: Annotated[str | None, OneOf, "the id of a user, whose history but the last item is taken"] = None,
    item: Annotated[str | None, "the title in question; default: the last item of the --user"] = None,
    viewpoint: Annotated[str | None, "a point of view, by its name in the file of prompts"] = None,
    base: Annotated[bool, "let the base LLM answer, for comparison, as well"] = False,
    json: Annotated[bool, "print a JSON object"] = False,
) -> None:
    """Print the decision, the recommender's score and the explanation.

    What was asked is checked before the LLM is loaded.

    Raises:
        InputError: there is no item in question.
    """
    from recexplainer.interactive.explainer import BASE, Explainer

    results, dataset, system = place(model)
    explainer = Explainer(results, dataset, [system, BASE] if base else [system])
    if user is not None:
        *seen, last = explainer.history_of(user)
        asked = last if item is None else explainer.find(item)
    elif item is None:
        raise InputError("--item is missing: of a --history, it says which title is in question.")
    else:
        seen, asked = explainer.find_all(history or ""), explainer.find(item)
    verdict = explainer.judge(seen, asked)
    explainer.question(viewpoint)
    quiet()
    answers = [explainer.ask(seen, asked, name, viewpoint) for name in explainer.systems]
    show = print_json if json else print_answers
    show(explainer, seen, asked, viewpoint, verdict, answers)


def quiet() -> None:
    """Let libraries keep their warnings and progress to themselves: what is printed is the answer."""
    import logging
    import warnings

    from transformers.utils import logging as of_transformers

    warnings.simplefilter("ignore")
    of_transformers.set_verbosity_error()
    of_transformers.disable_progress_bar()
    logging.getLogger("recexplainer.evaluation").setLevel(logging.WARNING)


def print_json(
    explainer: "Explainer",
    history: list[int],
    item: int,
    viewpoint: str | None,
    verdict: "Verdict",
    answers: "list[Answer]",
) -> None:
    """Print question and answers as one JSON object."""
    titles, seen = explainer.titles, explainer.seen(history)
    question: dict[str, Any] = {"history": [titles[one] for one in history], "seen": [titles[one] for one in seen]}
    question |= {"item": titles[item], "viewpoint": viewpoint}
    answered = [asdict(one) | {"decision": KEYS[one.decision]} for one in answers]
    result = {"dataset": explainer.name, "synthetic": explainer.synthetic, "llm": explainer.llm, "question": question}
    print(json.dumps(result | {"recommender": asdict(verdict), "answers": answered}, indent=2))


def print_answers(
    explainer: "Explainer",
    history: list[int],
    item: int,
    viewpoint: str | None,
    verdict: "Verdict",
    answers: "list[Answer]",
) -> None:
    """Print question and answers to read."""
    from recexplainer.checking.marked import STANDINGS, standing

    titles, seen = explainer.titles, explainer.seen(history)
    generated = ", generated data" if explainer.synthetic else ""
    print(f"{explainer.name} (base LLM: {explainer.llm}{generated}): {titles[item]}")
    print(f"after: {'; '.join(titles[one] for one in seen)}")
    if len(seen) < len(history):
        print(f"       (the newest {len(seen)} of {len(history)} titles; the recommender sees no more)")
    if viewpoint:
        print(f"point of view: {viewpoint}")
    where = f"score {verdict.score:.3f}, rank {verdict.rank} of {verdict.unseen}"
    print(f"recommender: {VERDICTS[verdict.decision]} ({where})")
    for one in answers:
        print(f"\n{one.label}: {DECISIONS[one.decision]}\n{one.text or '(no answer: the question is too long)'}")
        for citation in one.citations:
            print(f"  {citation.title}: {STANDINGS[standing(citation)][1]}")
        print(f"  {' '.join(one.remarks(verdict))}")


def demo_ui(
    *,
    results: Annotated[str, "the folder of a finished run"],
    dataset: Annotated[str | None, "such as games, or games.gru4rec; default: the first"] = None,
    port: Annotated[int, guard.port, "on this machine"] = 8080,
) -> None:
    """Open a local page with all systems side by side.

    Raises:
        InputError: the packages of the page are missing.
    """
    import importlib.util

    if importlib.util.find_spec("nicegui") is None:
        raise InputError("the page needs the package nicegui; `make setup` installs it.")
    from recexplainer.interactive.explainer import Explainer
    from recexplainer.interactive.page import HOST, serve

    quiet()
    guard.check_free(HOST, port)
    config = Explainer.config_of(results)
    serve(results, config, dataset or run_names.of(config)[0], port)


def inspect(
    files: Annotated[list[str], "raw files, archives, or ARCHIVE:MEMBER"],
    *,
    output: Annotated[str | None, "config file to write, for snakemake --configfile; default: it is printed"] = None,
    name: Annotated[str, dataset_name, "of the dataset in the config"] = "mine",
) -> None:
    """Show what raw files are, and write the config of their dataset.

    Raises:
        InputError: a file cannot be read, there are no interactions, the output is there already; or the config is
            written, but a key of it is left to the user.
    """
    from recexplainer.data.entry import entry, summary
    from recexplainer.data.inspection import inspect as inspected
    from recexplainer.files import atomic, checksum_of, kept
    from recexplainer.planning.plan import merged

    if output and Path(output).exists():
        raise InputError(f"--output {output}: there already, perhaps with changes of yours. Choose another name.")
    with tempfile.TemporaryDirectory() as folder:
        result = inspected(files, Path(folder))
        text = entry(result, name)
        (config := Path(folder) / "config.yaml").write_text(text, encoding="utf-8")
        if not result.left:
            merged([ROOT / "config/config.yaml", config], ROOT / "config/schema.yaml")
    print("\n".join(summary(result)))
    if output:
        with kept(), atomic(output) as temporary:
            temporary.write_text(text, encoding="utf-8")
        checksum_of(output).unlink()  # it is the user's from now on
        print(f"written: {output}")
    else:
        print(f"\n{text}", end="")
    if result.left:
        keys = ", ".join(f"fields.{field}" for field in result.left)
        raise InputError(f"{keys}: could not be told and left to you; the entry says what may stand there.")
    print(f"# run: snakemake --cores 2 --configfile {output or 'FILE'}")


def export(
    results: Annotated[str, "the folder of a finished run"],
    *,
    dataset: Annotated[str, "such as games, or games.gru4rec"],
    mode: Annotated[str, "behavior, intention or hybrid"],
    run: Annotated[str, "full, an ablation, reasons, or full.7 of a seed"] = "full",
    base: Annotated[str | None, "the base LLM's id or folder where it goes to; default: as the run had it"] = None,
    to: Annotated[str, "a new folder"],
) -> None:
    """Write an alignment as a folder for peft and transformers, with its card.

    Raises:
        InputError: as :func:`recexplainer.publishing.adapter.export`.
    """
    from recexplainer.publishing.adapter import export as exported

    quiet()
    exported(results, dataset=dataset, mode=mode, run=run, to=to, base=base)
    print(f"written: {to}; its README.md says how to load it")


def bundle(
    results: Annotated[str, "the folder of a finished run"],
    *,
    output: Annotated[str | None, "the zip to write; default: RESULTS.zip"] = None,
) -> None:
    """Write a finished run as one file, with nothing of other people's data."""
    import logging

    from recexplainer.publishing.bundle import bundle as bundled

    logging.getLogger("recexplainer").setLevel(logging.WARNING)  # of the tables, which are made anew elsewhere
    print(f"written: {bundled(results, output)}")


def compare(
    first: Annotated[str, "a folder of results, a published folder, or a bundle, against which the others are held"],
    others: Annotated[list[str], "likewise"],
    *,
    output: Annotated[str | None, "gets a page and two CSV; default: only what is printed"] = None,
) -> None:
    """Say whether runs reproduce the first of them; status 1 if one does not."""
    from recexplainer.comparison.compare import REPRODUCED
    from recexplainer.comparison.opened import compare as compared
    from recexplainer.comparison.summary import in_words

    comparison = compared([first, *others], output)
    if output:
        print(f"written: {output}/comparison.html")
    print(in_words(comparison))
    sys.exit(0 if comparison.verdict in REPRODUCED else 1)


COMMANDS: dict[str, Function] = {
    "explain": explain,
    "demo-ui": demo_ui,
    "inspect": inspect,
    "export": export,
    "bundle": bundle,
    "compare": compare,
}


def main() -> None:
    """Run the command."""
    cli.run(COMMANDS, __doc__)
