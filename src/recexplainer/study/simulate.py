"""Stand-ins for raters, so that the study runs from end to end without people. Never a result."""

import logging
from pathlib import Path

from recexplainer.errors import InputError
from recexplainer.files import read_parquet, write_json
from recexplainer.seeds import make_rng
from recexplainer.study.key import read_key

logger = logging.getLogger(__name__)

SLIP = 0.3
"""How often a simulated rater gives a neighbouring level instead of the judge's."""


def simulate_raters(*, key: str, judgements: str, seed: int, output_dir: str) -> None:
    """Write a file of ratings for each rater of the study, marked as simulated.

    Each rating is the judge's own, or, with probability :data:`SLIP`, one level higher or lower, within 1 to 4. The
    raters differ by their seeds alone.

    Args:
        key: the study's ``key.json``.
        judgements: the judge's Parquet file of the study's dataset.
        seed: of the raters.
        output_dir: gets one ``{rater}.json`` each, in the form that the rating page exports, with ``simulated`` true.

    Raises:
        InputError: a file is missing, or the judge has not rated a text of the study.
    """
    study = read_key(key)
    frame = read_parquet(judgements, ["case", "system", "rating"]).dropna(subset=["rating"])
    judged = {(row.case, row.system): int(row.rating) for row in frame.itertuples()}
    for what in study["texts"].values():
        if (what["case"], what["system"]) not in judged:
            raise InputError(
                f"{judgements}: no rating of case {what['case']} by {what['system']}; expected one of every text of "
                f"the study. Run the judge again."
            )
    for rater in study["raters"]:
        rng = make_rng(seed, "rater", rater)
        ratings = {}
        for text in sorted(study["texts"]):
            what = study["texts"][text]
            step = int(rng.choice([-1, 1])) if rng.random() < SLIP else 0
            ratings[text] = min(max(judged[what["case"], what["system"]] + step, 1), 4)
        content = {"study": study["study"], "rater": rater, "simulated": True, "ratings": ratings}
        write_json(Path(output_dir) / f"{rater}.json", content)
    logger.info("simulated ratings of %s: they stand in for people and are no result", ", ".join(study["raters"]))
