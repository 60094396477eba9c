"""A finished run as something that can be asked: what the recommender thinks of an item, and what the systems say."""

import difflib
import textwrap
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from recexplainer import about, run_names
from recexplainer.alignment.model import RecExplainer, load_aligned
from recexplainer.checking.checker import Citation, check, load_catalogue
from recexplainer.checking.marked import remarks
from recexplainer.devices import claim
from recexplainer.errors import InputError
from recexplainer.explanation.questions import render
from recexplainer.files import read_parquet
from recexplainer.inference.answering import answer
from recexplainer.llm.base import load_fitting, load_tokenizer
from recexplainer.llm.precision import resolved
from recexplainer.prompts.explanation import load_explanation_prompts
from recexplainer.prompts.phrasings import Phrasing
from recexplainer.provenance.recorded import RECORD, recorded_config
from recexplainer.recommender.contract import load_tables
from recexplainer.recommender.labels import thresholds
from recexplainer.recommender.scorer import recommender_encoder
from recexplainer.service.thoughts import without_thoughts
from recexplainer.style import system_label

NEAR = 5  # titles that a message offers in place of one that is not there
BASE = "base"
FACTS = ("tags", "brand")
FACTS_LENGTH = 60  # characters


@dataclass(frozen=True)
class Verdict:
    """What the recommender thinks of an item after a history.

    Attributes:
        decision: ``yes``, ``no`` or ``between``: over the threshold of positive items, under that of negative ones,
            or neither (section 3.1.1).
        score: the dot product of the user's and the item's embedding.
        rank: 1 for the best of the unseen items.
        unseen: how many there are.
    """

    decision: str
    score: float
    rank: int
    unseen: int


@dataclass(frozen=True)
class Answer:
    """What a system says.

    Attributes:
        system: its name.
        text: the explanation.
        finish: ``stop``, ``length`` (cut off) or ``failed`` (the question is too long).
        decision: whether the text recommends the item; None if it cannot be read.
        citations: the titles in the text: what they are, what they are said to be, and whether that is so.
        aspects: as of :class:`recexplainer.checking.checker.Checked`.
    """

    system: str
    text: str
    finish: str
    decision: bool | None
    citations: list[Citation]
    aspects: dict[str, bool | None]

    @property
    def label(self) -> str:
        """What readers call the system, as in the report."""
        return system_label(self.system.replace("/", "-"))

    def remarks(self, verdict: Verdict) -> list[str]:
        """Say in words what the checks found; beside a recommender that decides neither way, any decision passes."""
        right = verdict.decision == "between" or self.decision == (verdict.decision == "yes")
        return remarks(self.decision, right, self.citations, self.aspects, self.finish)


class Explainer:
    """One dataset of a finished run. Its LLM is loaded at the first question, or by :meth:`load`.

    Args:
        results: the folder of the run, with its ``provenance.json``, which holds the config.
        dataset: one of the run's datasets, with another recommender than SASRec as ``games.gru4rec``.
        systems: ``base``, or names of folders of ``alignment/{dataset}`` such as ``hybrid/full``; default: the base
            LLM and all alignments but the ablations and those with other seeds. They share one base LLM in memory.

    Attributes:
        titles: of the items.
        users: the users' own ids.
        facts: of each item, what is known of it in a line: tags and brand; "" if nothing is.
        viewpoints: the names of points of view that can be asked for.
        systems: the names.
        name: what the dataset, and the recommender if it is not SASRec, are called.
        llm: what the base LLM is called, in the same words as in the report.
        synthetic: whether the dataset is generated.

    Raises:
        InputError: there is no such run, dataset or system, or a file of it is missing or broken.
    """

    def __init__(self, results: str | Path, dataset: str, systems: Sequence[str] = ()):
        results = Path(results)
        self.config = self.config_of(results)
        known = run_names.of(self.config)
        if dataset not in known:
            raise InputError(f"{results}: no dataset {dataset!r} in this run; expected one of: {', '.join(known)}.")
        plain, _, recommender = dataset.partition(".")
        if recommender in run_names.external(self.config):
            raise InputError(
                f"{results}: {recommender!r} of {dataset!r} comes from outside and cannot embed a history that it has "
                "not seen; expected a recommender that was trained in this run."
            )
        self.name, self.llm = run_names.shown(self.config, dataset), about.llm_in_words(self.config)
        self.synthetic = dataset in about.generated(self.config)
        data = results / "data" / plain
        items = data / "items.parquet"
        known_of = read_parquet(items, ["title", *FACTS])
        self.titles: list[str] = list(known_of["title"])
        self.facts = [
            textwrap.shorten(" · ".join(filter(None, row)), FACTS_LENGTH, placeholder=" …")
            for row in known_of[list(FACTS)].fillna("").itertuples(index=False)
        ]
        self.catalogue = load_catalogue(items)
        self.users: list[str] = list(read_parquet(data / "users.parquet", ["user_id"])["user_id"])
        events = read_parquet(data / "interactions.parquet", ["user", "item", "position"])
        events = events.sort_values(["user", "position"])
        self._histories = {user: group.tolist() for user, group in events.groupby("user", sort=True)["item"]}
        trained = results / "recommender" / dataset
        self._encode, self._items = recommender_encoder(trained / "model.safetensors", trained / "config.json")
        self.max_length = self.config["datasets"][plain]["recommender"]["max_length"]
        self._prompts = load_explanation_prompts(self.config["explanation"]["prompts"])
        self.viewpoints = list(self._prompts.viewpoints)
        self.systems = list(systems) or self._found(results / "alignment" / dataset)
        self._results, self._dataset = results, dataset
        self._models: dict[str, RecExplainer] = {}
        for name in self.systems:
            folder = results / "alignment" / dataset / name
            if name != BASE and not (folder / "adapter_model.safetensors").is_file():
                made = ", ".join(self._found(results / "alignment" / dataset))
                raise InputError(f"{folder}: no aligned model; expected one of: {made}.")

    @staticmethod
    def config_of(results: str | Path) -> dict[str, Any]:
        """Return the config of a finished run.

        Raises:
            InputError: there is no such run, or its record is none.
        """
        path = Path(results, RECORD)
        if not path.is_file():
            raise InputError(
                f"{path}: no such file; expected the folder of a finished run, such as results or results/demo."
            )
        return recorded_config(path)

    def _found(self, folder: Path) -> list[str]:
        made = [f"{mode}/full" for mode in self.config["run"]["modes"]]
        return [BASE, *(name for name in made if (folder / name / "adapter_model.safetensors").is_file())]

    def unload(self) -> None:
        """Let the LLM go; the next question loads it again."""
        self._models = {}

    def load(self) -> None:
        """Load the LLM, unless it is there.

        Raises:
            InputError: a file of it is missing or broken.
        """
        if self._models:
            return
        claim()
        results, config = self._results, self.config
        llm, template = results / "llm/base.json", config["llm"]["chat_template"]
        self._tokenizer = load_tokenizer(str(llm), None if template == "tokenizer" else template)
        tables = load_tables(results / f"export/{self._dataset}/embeddings.safetensors")
        self._scale = max(tables["user"].std(), 1e-8)
        device = "cuda" if torch.cuda.is_available() else "cpu"
        context, precision = config["alignment"]["context"], config["evaluation"]["precision"]
        shared, models = load_fitting(str(llm), self._tokenizer, context, resolved(precision)), {}
        for number, name in enumerate(one for one in self.systems if one != BASE):
            folder = results / "alignment" / self._dataset / name
            model = load_aligned(shared, folder, tables["user"], tables["item"], f"adapter{number}")
            models[name] = model.to(device)
            shared = model.llm
        if BASE in self.systems:
            models[BASE] = RecExplainer(shared, tables["user"], tables["item"]).eval().to(device)
        self._models = models

    def find(self, title: str) -> int:
        """Return the item of a title; capitals do not matter if that leaves one.

        Raises:
            InputError: there is none; the message offers the nearest titles.
        """
        title = title.strip()
        if title in self.titles:
            return self.titles.index(title)
        alike = [item for item, known in enumerate(self.titles) if known.casefold() == title.casefold()]
        if len(alike) == 1:
            return alike[0]
        folded = {known.casefold(): known for known in self.titles}
        near = difflib.get_close_matches(title.casefold(), folded, NEAR, 0.4)
        hint = f"; near: {', '.join(repr(folded[one]) for one in near)}" if near else ""
        raise InputError(f"no item of the catalogue has the title {title!r}{hint}. Give a title as it stands there.")

    def find_all(self, titles: str) -> list[int]:
        """Return the items of several titles with ";" between them; a title may hold a ";" itself.

        Raises:
            InputError: there is no item of one of them.
        """
        parts, items = titles.split(";"), []
        known = {title.casefold() for title in self.titles}
        while parts:
            whole = (";".join(parts[:end]).strip() for end in range(len(parts), 1, -1))
            title = next((one for one in whole if one.casefold() in known), parts[0].strip())
            parts = parts[title.count(";") + 1 :]
            if title:
                items.append(self.find(title))
        return items

    def question(self, viewpoint: str | None) -> Phrasing:
        """Return the question that is put to a system.

        Raises:
            InputError: there is no such point of view.
        """
        return self._prompts.question_from(viewpoint) if viewpoint else self._prompts.question

    def seen(self, history: Sequence[int]) -> list[int]:
        """Return what the recommender and the systems see of a history: its newest items."""
        return list(history)[-self.max_length :]

    def history_of(self, user: str) -> list[int]:
        """Return the items of a user, oldest first.

        Raises:
            InputError: there is no such user.
        """
        if user not in self.users:
            raise InputError(f"no user {user!r}; expected an id such as {', '.join(self.users[:3])}.")
        return self._histories[self.users.index(user)]

    def scores(self, histories: Sequence[Sequence[int]]) -> np.ndarray:
        """Return the recommender's scores (histories, items), float64, of all items after some histories.

        Raises:
            InputError: a history is empty.
        """
        if not all(map(len, histories)):
            raise InputError("the history is empty; expected one title at least.")
        return (self._encode([list(history) for history in histories]) @ self._items.T).astype(np.float64)

    def judge(self, history: Sequence[int], item: int) -> Verdict:
        """Return what the recommender thinks of an item.

        Args:
            history: items, oldest first.
            item: the item; none of the history.

        Raises:
            InputError: the history is empty, or holds the item.
        """
        if item in history:
            raise InputError(f"{self.titles[item]!r} is part of the history; expected another item.")
        scores = self.scores([history])
        score = float(scores[0, item])
        scores[0, list(history)] = -np.inf
        labels, unseen = self.config["labels"], scores.shape[1] - len(set(history))
        shares = (labels["positive_share"], labels["negative_share"])
        (high,), (low,) = thresholds(scores, np.array([unseen]), *shares)
        decision = "yes" if score > high else "no" if score < low else "between"
        return Verdict(decision, score, 1 + int((scores[0] > score).sum()), unseen)

    def ask(self, history: Sequence[int], item: int, system: str, viewpoint: str | None = None) -> Answer:
        """Let a system decide and explain.

        Args:
            history, item: as for :meth:`judge`.
            system: one of :attr:`systems`.
            viewpoint: one of :attr:`viewpoints`, or None for the common question.

        Raises:
            InputError: there is no such system or viewpoint.
        """
        if system not in self.systems:
            raise InputError(f"no system {system!r}; expected one of: {', '.join(self.systems)}.")
        question = self.question(viewpoint)
        self.load()
        model, form = self._models[system], "behavior" if system == BASE else system.partition("/")[0]
        shown = [self.titles[one] for one in self.seen(history)]
        case = {"case": "own", "prefix": 0, "history": shown, "title": self.titles[item]}
        messages = render([case], [question], self.titles, form)
        # The one user that is asked about stands where the run's users stood, on their scale.
        model.users = torch.from_numpy(self._encode([history]) / self._scale).float().to(model.users.device)
        context, longest = self.config["alignment"]["context"], self.config["explanation"]["max_tokens"]
        with self._speaking(model, system):
            answers = answer(model, self._tokenizer, messages, context=context, max_tokens=longest, batch_size=1)
        ((text, finish),) = answers
        text = without_thoughts(text)
        checked = check(text, case, self.catalogue)
        return Answer(system, text, finish, checked.decision, checked.citations, checked.aspects)

    def _speaking(self, model: RecExplainer, system: str) -> Any:
        """Let the shared LLM speak as one of the systems."""
        if not hasattr(model.llm, "set_adapter"):
            return nullcontext()
        if system == BASE:
            return model.llm.disable_adapter()
        model.llm.set_adapter(f"adapter{[one for one in self.systems if one != BASE].index(system)}")
        return nullcontext()
