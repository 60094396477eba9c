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
from typing import TYPE_CHECKING, Any

from recexplainer import cli, run_names
from recexplainer.errors import InputError
from recexplainer.interactive import guard
from recexplainer.place import ROOT

if TYPE_CHECKING:
    from recexplainer.interactive.explainer import Answer, Explainer, Verdict

DECISIONS = {True: "Yes", False: "No", None: "cannot be read"}
KEYS = {True: "yes", False: "no", None: None}
"""A decision as it stands in JSON, the recommender's and the systems'; the recommender's may also be "between"."""
VERDICTS = {"yes": "Yes: among its best", "no": "No: among its worst", "between": "neither yes nor no"}


def arguments() -> argparse.ArgumentParser:
    """Return the parser of the command."""
    result = cli.parser(__doc__)
    commands = result.add_subparsers(dest="command", required=True)
    explain = commands.add_parser("explain", help="print the decision, the recommender's score and the explanation")
    explain.add_argument(
        "--model", required=True, help="an aligned model, {results}/alignment/{dataset}/{mode}/{ablation}"
    )
    whose = explain.add_mutually_exclusive_group(required=True)
    whose.add_argument("--history", help='titles, oldest first, with ";" between them')
    whose.add_argument("--user", help="the id of a user, whose history but the last item is taken")
    explain.add_argument("--item", help="the title in question; default: the last item of the --user")
    explain.add_argument("--viewpoint", help="a point of view, by its name in the file of prompts")
    explain.add_argument("--base", action="store_true", help="let the base LLM answer, for comparison, as well")
    explain.add_argument("--json", action="store_true", help="print a JSON object")
    page = commands.add_parser("demo-ui", help="open a local page with all systems side by side")
    page.add_argument("--results", required=True, help="the folder of a finished run")
    page.add_argument("--dataset", help="such as games, or games.gru4rec; default: the first")
    page.add_argument("--port", type=guard.port, default=8080, help="on this machine (default 8080)")
    raw = commands.add_parser("inspect", help="show what raw files are, and write the config of their dataset")
    raw.add_argument("files", nargs="+", metavar="FILE", help="raw files, archives, or ARCHIVE:MEMBER")
    raw.add_argument("--output", help="config file to write, for snakemake --configfile; default: it is printed")
    raw.add_argument("--name", type=dataset_name, default="mine", help="of the dataset in the config (default mine)")
    out = commands.add_parser("export", help="write an alignment as a folder for peft and transformers, with its card")
    out.add_argument("results", metavar="RESULTS", help="the folder of a finished run")
    out.add_argument("--dataset", required=True, help="such as games, or games.gru4rec")
    out.add_argument("--mode", required=True, help="behavior, intention or hybrid")
    out.add_argument("--run", default="full", help="full, an ablation, reasons, or full.7 of a seed (default full)")
    out.add_argument("--base", help="the base LLM's id or folder where it goes to; default: as the run had it")
    out.add_argument("--to", required=True, metavar="FOLDER", help="a new folder")
    _of_reviewers(commands)
    return result


def _of_reviewers(commands: Any) -> None:
    """Add the commands about whole runs."""
    one = commands.add_parser("bundle", help="write a finished run as one file, with nothing of other people's data")
    one.add_argument("results", metavar="RESULTS", help="the folder of a finished run")
    one.add_argument("--output", metavar="FILE", help="the zip to write; default: RESULTS.zip")
    several = commands.add_parser("compare", help="whether runs reproduce the first of them; status 1 if one does not")
    kinds = "a folder of results, a published folder, or a bundle; the others are held against the first"
    several.add_argument("first", metavar="RUN", help=kinds)
    several.add_argument("others", metavar="RUN", nargs="+", help="likewise")
    several.add_argument("--output", metavar="FOLDER", help="gets a page and two CSV; default: only what is printed")


def dataset_name(text: str) -> str:
    """Argument type of the name of a dataset."""
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


def explain(args: argparse.Namespace) -> None:
    """Answer one question. What was asked is checked before the LLM is loaded.

    Raises:
        InputError: there is no item in question.
    """
    from recexplainer.interactive.explainer import BASE, Explainer

    results, dataset, system = place(args.model)
    explainer = Explainer(results, dataset, [system, BASE] if args.base else [system])
    if args.user is not None:
        *history, last = explainer.history_of(args.user)
        item = last if args.item is None else explainer.find(args.item)
    elif args.item is None:
        raise InputError("--item is missing: of a --history, it says which title is in question.")
    else:
        history, item = explainer.find_all(args.history), explainer.find(args.item)
    verdict = explainer.judge(history, item)
    explainer.question(args.viewpoint)
    quiet()
    answers = [explainer.ask(history, item, name, args.viewpoint) for name in explainer.systems]
    show = print_json if args.json else print_answers
    show(explainer, history, item, args.viewpoint, verdict, answers)


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


def demo_ui(args: argparse.Namespace) -> None:
    """Serve the page.

    Raises:
        InputError: the packages of the page are missing.
    """
    import importlib.util

    if importlib.util.find_spec("nicegui") is None:
        raise InputError("the page needs the package nicegui; `make setup` installs it.")
    from recexplainer.interactive.explainer import Explainer
    from recexplainer.interactive.page import HOST, serve

    quiet()
    guard.check_free(HOST, args.port)
    config = Explainer.config_of(args.results)
    dataset = args.dataset or run_names.of(config)[0]
    serve(args.results, config, dataset, args.port)


def inspect(args: argparse.Namespace) -> None:
    """Show what raw files are, and write or print the config of their dataset.

    Raises:
        InputError: a file cannot be read, there are no interactions, the output is there already; or the config is
            written, but a key of it is left to the user.
    """
    from recexplainer.data.entry import entry, summary
    from recexplainer.data.inspection import inspect as inspected
    from recexplainer.files import atomic, checksum_of, kept
    from recexplainer.planning.plan import merged

    if args.output and Path(args.output).exists():
        raise InputError(f"--output {args.output}: there already, perhaps with changes of yours. Choose another name.")
    with tempfile.TemporaryDirectory() as folder:
        result = inspected(args.files, Path(folder))
        text = entry(result, args.name)
        (config := Path(folder) / "config.yaml").write_text(text, encoding="utf-8")
        if not result.left:
            merged([ROOT / "config/config.yaml", config], ROOT / "config/schema.yaml")
    print("\n".join(summary(result)))
    if args.output:
        with kept(), atomic(args.output) as temporary:
            temporary.write_text(text, encoding="utf-8")
        checksum_of(args.output).unlink()  # it is the user's from now on
        print(f"written: {args.output}")
    else:
        print(f"\n{text}", end="")
    if result.left:
        keys = ", ".join(f"fields.{name}" for name in result.left)
        raise InputError(f"{keys}: could not be told and left to you; the entry says what may stand there.")
    print(f"# run: snakemake --cores 2 --configfile {args.output or 'FILE'}")


def export(args: argparse.Namespace) -> None:
    """Write an alignment as a folder.

    Raises:
        InputError: as :func:`recexplainer.publishing.adapter.export`.
    """
    from recexplainer.publishing.adapter import export as exported

    quiet()
    exported(args.results, args.dataset, args.mode, args.run, args.to, args.base)
    print(f"written: {args.to}; its README.md says how to load it")


def bundle(args: argparse.Namespace) -> None:
    """Write a run as one file."""
    import logging

    from recexplainer.publishing.bundle import bundle as bundled

    logging.getLogger("recexplainer").setLevel(logging.WARNING)  # of the tables, which are made anew elsewhere
    print(f"written: {bundled(args.results, args.output)}")


def compare(args: argparse.Namespace) -> None:
    """Compare runs. The last line is the verdict, and the status says whether all reproduce the first."""
    from recexplainer.comparison.compare import REPRODUCED
    from recexplainer.comparison.opened import compare as compared
    from recexplainer.comparison.summary import in_words

    comparison = compared([args.first, *args.others], args.output)
    if args.output:
        print(f"written: {args.output}/comparison.html")
    print(in_words(comparison))
    sys.exit(0 if comparison.verdict in REPRODUCED else 1)


def main() -> None:
    """Run the command."""
    commands = {"explain": explain, "demo-ui": demo_ui, "inspect": inspect, "export": export}
    commands |= {"bundle": bundle, "compare": compare}
    cli.run(lambda args: commands[args.command](args), arguments())
