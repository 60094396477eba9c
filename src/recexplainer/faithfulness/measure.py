"""Every measure of faithfulness for every case of one dataset."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from recexplainer.checking.checker import Catalogue, Citation, check
from recexplainer.config.faithfulness import Measured
from recexplainer.errors import InputError
from recexplainer.explanation.cases import load_cases
from recexplainer.explanation.known_titles import index_titles
from recexplainer.explanation.texts import load_explanations
from recexplainer.faithfulness.controls import is_control
from recexplainer.faithfulness.counterfactual import Effect, Question, removal_effects
from recexplainer.faithfulness.readers import read_scores, read_verdicts, recognise
from recexplainer.faithfulness.records import load_own_decisions, write_records
from recexplainer.faithfulness.simulation import Pair, Reader, draw_pairs
from recexplainer.files import read_parquet
from recexplainer.recommender.contract import load_export
from recexplainer.recommender.histories import Histories, load_histories
from recexplainer.recommender.scorer import Scorer

logger = logging.getLogger(__name__)


def measure_faithfulness(
    *,
    cases: str,
    explanations: list[str],
    systems: list[str],
    own_decisions: str | None,
    interactions: str,
    items: str,
    embeddings: str,
    labels: str,
    scorer: Scorer | None,
    settings: Measured,
    seed: int,
    outputs: list[str],
) -> None:
    """Measure the explanations of all systems of a dataset and write one row per case for each system.

    Args:
        cases: ``cases.parquet``.
        explanations: one file per system.
        systems: their names, in the same order.
        own_decisions: ``own_decisions.parquet``; systems that are not in it have none. None: no system has.
        interactions, items: the data stage's files.
        embeddings, labels: the recommender's export.
        scorer: the recommender; None leaves the counterfactual measure out.
        settings: the folds of the cross-validation, and the most choices of removed items per case.
        seed: of folds and draws.
        outputs: one file per system, in the same order.

    Raises:
        InputError: a file is missing or broken, or the files do not belong together.
    """
    if len(outputs) != len(systems):
        raise InputError(f"--outputs: {len(outputs)} files for {len(systems)} systems; expected one each.")
    chosen = load_cases(cases)
    texts = load_explanations(explanations, systems, chosen)
    own = load_own_decisions(own_decisions, chosen) if own_decisions else {}
    frame = read_parquet(items, ["title", *Catalogue.FACTS])
    histories, export = load_histories(interactions, items), load_export(embeddings, labels)
    if len(export.labels) != len(histories) or len(export.item) != histories.item_count:
        raise InputError(f"{labels}: not of the interactions in {interactions}. Export the recommender again.")
    pairs = draw_pairs(chosen, export, histories, seed)
    records = measure_cases(chosen, texts, own, frame, export.item, histories, pairs, scorer, settings, seed)
    for system, path in zip(systems, outputs, strict=True):
        write_records(path, records[system])
    logger.info("%d cases of %d systems in %s", len(chosen), len(systems), Path(outputs[0]).parent)


def measure_cases(
    cases: Sequence[dict[str, Any]],
    texts: dict[str, list[dict[str, Any]]],
    own: dict[str, list[bool | None]],
    items: Any,
    vectors: np.ndarray,
    histories: Histories,
    pairs: Sequence[Pair | None],
    scorer: Scorer | None,
    settings: Measured,
    seed: int,
) -> dict[str, list[dict[str, Any]]]:
    """Return, per system, one row per case with the columns of :data:`recexplainer.faithfulness.records.RECORDS`.

    Args:
        cases: the rows of ``cases.parquet``.
        texts: per system, the rows of its explanations.
        own: per system, what it classifies the cases as; systems without an entry have no such decision.
        items: frame of ``items.parquet``.
        vectors: (items, dim) the recommender's item embeddings, which tell the items that are similar.
        histories: all prefixes.
        pairs: per case, the two other items of the simulation.
        scorer, settings, seed: as of :func:`measure_faithfulness`.
    """
    titles, catalogue = list(items["title"]), Catalogue(items)
    reader = Reader(titles, catalogue)
    users = [int(case["user"]) for case in cases]
    scores = [float(case["score"]) for case in cases]
    said = {system: [row["text"] or "" for row in rows] for system, rows in texts.items()}
    citations_of = {
        system: [check(text, case, catalogue).citations for text, case in zip(rows, cases, strict=True)]
        for system, rows in said.items()
    }
    effects = _effects(cases, citations_of, titles, vectors, histories, scorer, settings.draws, seed)
    # Controls stand in nobody's way: one of them shows the systems' own texts.
    authors = recognise(
        {name: rows for name, rows in said.items() if not is_control(name)}, users, settings.folds, seed
    )
    from_title = read_scores([case["title"] for case in cases], scores, users, settings.folds, seed)
    result: dict[str, Any] = {}
    for place, (system, rows) in enumerate(texts.items()):
        decisions = [row["decision"] for row in rows]
        read = read_scores(said[system], scores, users, settings.folds, seed)
        verdicts = read_verdicts(said[system], decisions, users, settings.folds, seed)
        owns = own.get(system, [None] * len(cases))
        result[system] = []
        for number, (case, citations, pair) in enumerate(zip(cases, citations_of[system], pairs, strict=True)):
            effect = effects[number][place] if effects else None
            record = {
                "case": case["case"],
                "user": users[number],
                "label": bool(case["label"]),
                "score": scores[number],
                "decision": decisions[number],
                "own_decision": owns[number],
                **_grounding(citations),
                "effect": effect and effect.cited,
                "effect_by_chance": effect and effect.chance,
                "effect_rank": effect and effect.rank,
                "effect_by_newest": effect and effect.newest,
                "rank_of_newest": effect and effect.newest_rank,
                "effect_by_similar": effect and effect.similar,
                "rank_of_similar": effect and effect.similar_rank,
                "author": authors[system][number] if system in authors else None,
                "score_read": float(read[number]),
                "score_read_from_title": float(from_title[number]),
                "verdict_read": verdicts[number],
            }
            if pair:
                foresight = reader.foresee(
                    said[system][number], decisions[number], citations, case["history"], case["title"], pair
                )
                record |= {
                    "offered": titles[pair.offered],
                    "refused": titles[pair.refused],
                    "foreseen": foresight.reader,
                    "foreseen_by_verdict": foresight.verdict_only,
                    "foreseen_from_prompt": foresight.prompt_only,
                }
            result[system].append(record)
    return result


def _grounding(citations: Sequence[Citation]) -> dict[str, Any]:
    """Return how many different titles a text cites of each kind, beside the target, those of the history, and errors.

    The target is none of them, unless the text says that it is in the history: then it counts as another item.
    """
    kinds = ("history", "catalogue", "nowhere")
    by_kind: dict[str, dict[str, str]] = {kind: {} for kind in kinds}
    for cited in citations:
        kind = "catalogue" if cited.kind == "target" and cited.error == "role" else cited.kind
        if kind in by_kind:
            by_kind[kind][cited.title.casefold()] = cited.title
    counts = {f"cited_{kind}": len(by_kind[kind]) for kind in kinds}
    wrong = {f"wrong_{error}s": sum(cited.error == error for cited in citations) for error in ("role", "fact")}
    return counts | wrong | {"cited": list(by_kind["history"].values())}


def _effects(
    cases: Sequence[dict[str, Any]],
    citations_of: dict[str, list[list[Citation]]],
    titles: list[str],
    vectors: np.ndarray,
    histories: Histories,
    scorer: Scorer | None,
    draws: int,
    seed: int,
) -> list[list[Effect]]:
    """Return, per case, the effect of removing what each system cites; [] without a scorer."""
    if scorer is None:
        return []
    index = index_titles(titles, cases)
    unit = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    questions, cited = [], []
    for number, case in enumerate(cases):
        prefix, target = int(case["prefix"]), index[case["title"]]
        # Of equals the newer first.
        newest = list(dict.fromkeys(index[title] for title in reversed(case["history"])))
        nearest = np.argsort(-(unit[newest] @ unit[target]), kind="stable")
        questions.append(
            Question(
                name=case["case"],
                history=tuple(index[title] for title in case["history"]),
                seen=tuple(histories.items[prefix - histories.length[prefix] + 1 : prefix + 1].tolist()),
                target=target,
                label=bool(case["label"]),
                score=float(case["score"]),
                similar=tuple(newest[place] for place in nearest),
            )
        )
        cited.append(
            [
                frozenset(index[mention.title] for mention in citations[number] if mention.kind == "history")
                for citations in citations_of.values()
            ]
        )
    return removal_effects(questions, cited, scorer, draws, seed)
