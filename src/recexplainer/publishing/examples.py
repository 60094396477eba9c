"""A question of each kind about a made-up history, for whoever tries an exported alignment: no person's choices."""

from dataclasses import dataclass
from typing import Any

from recexplainer.evaluation.predict import FRAME_TOKENS, ITEM_TOKENS, VERDICT_TOKENS, retrieval_beams
from recexplainer.explanation.questions import show
from recexplainer.llm.encoding import ChatEncoder
from recexplainer.prompts.explanation import load_explanation_prompts
from recexplainer.prompts.phrasings import Phrasing, load_prompts
from recexplainer.seeds import make_rng
from recexplainer.settings import resolve
from recexplainer.tasks.samples import History, Renderer, Sample
from recexplainer.tasks.schema import SEPARATOR

ITEMS = 5
"""Most items of the history."""
FURTHER_TOKENS = 8
"""Room for an answer that is longer than the one that is expected."""


@dataclass(frozen=True)
class Example:
    """A question.

    Attributes:
        kind: ``retrieval``, ``ranking``, ``classification``, ``reconstruction`` or ``explanation``.
        messages: the question, as segments, and an empty answer.
        how: how it is answered: ``beams``, ``max_new_tokens``, or ``choices``, each with the token that stands for it.
    """

    kind: str
    messages: list[dict[str, Any]]
    how: dict[str, Any]

    def shown(self) -> dict[str, Any]:
        """Return it as the card's code takes it: <user> and <item> stand for embeddings, ``items`` are the rows."""
        segments = self.messages[0]["segments"]
        rows = [segment["ref"] for segment in segments if segment["kind"] == "item"]
        ask = {"question": show(self.messages)} | ({"items": rows} if rows else {}) | self.how
        return {"kind": self.kind, "ask": ask}


def made_up(seed: int, dataset: str, items: int, longest: int, candidates: int) -> tuple[list[int], list[int]]:
    """Return a history and other items, drawn at random from the catalogue.

    Args:
        seed: the config's.
        dataset: the run name.
        items: how many the catalogue has.
        longest: most items that the recommender sees of a history.
        candidates: how many other items, at most.
    """
    drawn = make_rng(seed, "exported examples", dataset).permutation(items).tolist()
    length = min(ITEMS, longest, items - 1)
    return drawn[:length], drawn[length : length + candidates]


def examples(
    config: dict[str, Any], titles: list[str], form: str, history: list[int], others: list[int], encoder: ChatEncoder
) -> list[Example]:
    """Return a question of each kind that a mode is asked, in the first wording of each.

    Args:
        config: the run's.
        titles: of every item.
        form: ``behavior``, ``intention`` or ``hybrid``.
        history: items, oldest first.
        others: items that are ranked; the first of them is the one that is judged and explained.
        encoder: gives the lengths of answers.
    """
    renderer, shown = Renderer(titles), History(0, history)
    wordings = {task: phrasings[0] for task, phrasings in load_prompts(config["prompts"]).phrasings.items()}
    wordings["explanation"] = load_explanation_prompts(config["explanation"]["prompts"]).question
    switches = resolve(config)
    listed = 0 if switches["title_reading"] == "strict" else FRAME_TOKENS

    def tokens(items: list[int]) -> int:
        (answer,) = encoder.answers([SEPARATOR.join(titles[item] for item in items)])
        return len(answer) + FURTHER_TOKENS + (listed and listed + ITEM_TOKENS * len(items))

    def asked(kind: str, items: list[int], form: str, **how: Any) -> Example:
        phrasing: Phrasing = wordings[kind]
        slots: dict[str, History | list[int] | str] = dict.fromkeys(phrasing[1::2], items)
        slots["history"] = shown
        return Example(kind, renderer.messages(Sample(kind, kind, phrasing, slots, answer=""), form), how)

    questions = [
        asked("retrieval", [], form, **_beams(config, switches, titles, encoder)),
        asked("ranking", others, form, max_new_tokens=tokens(others)),
        asked("classification", others[:1], form, **_verdict(switches, encoder)),
    ]
    if form != "behavior":  # the history is read out of the embedding alone
        questions.append(asked("reconstruction", [], "intention", max_new_tokens=tokens(history)))
    return [*questions, asked("explanation", others[:1], form, max_new_tokens=config["explanation"]["max_tokens"])]


def _beams(config: dict[str, Any], switches: dict[str, Any], titles: list[str], encoder: ChatEncoder) -> dict[str, Any]:
    beams = retrieval_beams(switches["retrieval_decoding"], config["evaluation"]["beams"])
    return {"beams": beams, "max_new_tokens": max(map(len, encoder.answers(titles))) + 1}


def _verdict(switches: dict[str, Any], encoder: ChatEncoder) -> dict[str, Any]:
    if switches["classification_decision"] != "logits":
        return {"max_new_tokens": VERDICT_TOKENS}
    yes, no = (ids[0] for ids in encoder.answers(["Yes", "No"]))
    return {"choices": {"No": no, "Yes": yes}}
