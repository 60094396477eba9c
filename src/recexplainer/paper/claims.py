"""What the paper claims in words (sections 3.3 to 3.6), each taken apart into comparisons that can be tested.

What it says of its data and set-up (section 3.2) is in its tables 1 and 4, whose numbers are compared one by one.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from recexplainer.style import system_label

RATING = "rating"
"""The metric of explanations, beside those of table 2."""
STRANGE = "strange_share"
"""Of the titles that an explanation cites, the share that the user's history has not."""
DECISION = "decision"
"""Whether an explanation decides as the recommender does."""
ABLATION = "-no_"
"""What the names of ablations have and those of other systems have not."""

KEPT = 0.9
"""The share of cases from which on a decision counts as kept under other points of view."""
FOLLOWED = 0.5
"""The share of cases from which on explanations count as following the point of view that was asked for."""
LITTLE = 0.5
"""The share of the history under which little of it is recalled."""
WEAK = 0.9
"""The share of an ablation's value under which the whole alignment has a weak point there."""

LABELS = {
    "retrieval_hr5": "retrieval HR@5",
    "retrieval_ndcg5": "retrieval NDCG@5",
    "ranking_ndcg5": "ranking NDCG@5",
    "classification_acc": "classification accuracy",
    "history_hcr": "history coverage",
    RATING: "rating",
    STRANGE: "share of cited titles that are not in the history",
    DECISION: "share of decisions that are the recommender's",
}


def _label(system: str) -> str:
    return {"random": "Random", "popularity": "Popularity"}.get(system) or system_label(system)


def in_names(detail: str, names: Mapping[str, str]) -> list[str]:
    """Return the parts of a claim's detail, each with the name of its dataset as readers know it.

    Args:
        detail: of ``claims.csv``: parts that begin with a dataset and a comma.
        names: what datasets are called.
    """
    parts = [part.partition(", ") for part in detail.split("; ") if part]
    return [f"{names.get(dataset, dataset)}{comma}{rest}" for dataset, comma, rest in parts]


@dataclass(frozen=True)
class Ahead:
    """A system is ahead of another on a metric; or of a ``share`` of what the other has."""

    system: str
    other: str
    metric: str
    share: float = 1.0

    def __str__(self) -> str:
        rival = _label(self.other) if self.share == 1 else f"{self.share:.0%} of {_label(self.other)}"
        return f"{_label(self.system)} against {rival}, {LABELS[self.metric]}"

    @property
    def ablation(self) -> bool:
        """Whether it is asked for only where the ablation was run."""
        return ABLATION in self.system + self.other


@dataclass(frozen=True)
class Below:
    """A system stays below a value on a metric."""

    system: str
    metric: str
    value: float
    ablation = False

    def __str__(self) -> str:
        return f"{_label(self.system)} below {self.value:g}, {LABELS[self.metric]}"


@dataclass(frozen=True)
class Commonest:
    """A system's explanations get one level of the rating more often than any other level."""

    system: str
    level: int
    ablation = False

    def __str__(self) -> str:
        return f"{_label(self.system)}, level {self.level} against the commonest other level"


Part = Ahead | Below | Commonest


@dataclass(frozen=True)
class Claim:
    """A claim of the paper.

    Attributes:
        name: short, of our own.
        words: what is claimed, in our words.
        where: the paper's section or table.
        parts: the comparisons that have to hold, each in every dataset; none where the data bring their own.
        some: the claim is that one of them holds somewhere.
    """

    name: str
    words: str
    where: str
    parts: tuple[Part, ...] = ()
    some: bool = False


def _all(systems: list[str], others: list[str], metrics: list[str], share: float = 1.0) -> tuple[Ahead, ...]:
    """Return every one of the systems ahead of every one of the others on every metric."""
    return tuple(Ahead(system, other, metric, share) for metric in metrics for system in systems for other in others)


BEHAVIOR, INTENTION, HYBRID = "behavior-full", "intention-full", "hybrid-full"
ALIGNED, UNALIGNED = [BEHAVIOR, INTENTION, HYBRID], ["base", "chatgpt"]
ABLATIONS = [
    f"hybrid{ABLATION}{task}"
    for task in ("discrimination", "reconstruction", "classification", "sharegpt", "retrieval_ranking")
]
RETRIEVAL = ["retrieval_hr5", "retrieval_ndcg5"]
TASKS = [*RETRIEVAL, "ranking_ndcg5", "classification_acc"]
"""The metrics of the tasks that every form of alignment has."""

PEOPLE = "judge_agrees_with_people"
"""A claim whose comparisons depend on who was rated."""

VIEWPOINT, FOLLOWING = "decision_kept_under_viewpoints", "explanation_follows_viewpoint"
COUNTED = {VIEWPOINT: ("kept", KEPT), FOLLOWING: ("followed", FOLLOWED)}
"""Claims of the table of controllability: the column that counts their cases, and the share that is to be exceeded."""

CLAIMS = (
    Claim(
        "popularity_over_random",
        "Popularity imitates the recommender better than chance in retrieval and ranking.",
        "table 2",
        _all(["popularity"], ["random"], TASKS[:3]),
    ),
    Claim(
        "base_below_random",
        "The LLM without alignment is below chance on every task.",
        "section 3.3",
        _all(["random"], ["base"], TASKS),
    ),
    Claim(
        "aligned_over_baselines",
        "All three alignments are ahead of chance, popularity and the LLM without alignment on every task.",
        "section 3.3",
        _all(ALIGNED, ["random", "popularity", "base"], TASKS[:3]) + _all(ALIGNED, ["random", "base"], TASKS[3:]),
    ),
    Claim(
        "behavior_last",
        "Of the three alignments, behavior is the last on every task and dataset.",
        "section 3.3",
        _all([INTENTION, HYBRID], [BEHAVIOR], TASKS),
    ),
    Claim(
        "intention_over_behavior",
        "Reading embeddings instead of titles improves every task: intention is ahead of behavior alignment.",
        "section 3.3",
        _all([INTENTION], [BEHAVIOR], TASKS),
    ),
    Claim(
        "hybrid_leads_but_for_two_tasks",
        "Hybrid alignment is ahead of all others, but for retrieval and classification.",
        "section 3.3",
        _all([HYBRID], ["random", "popularity", "base", BEHAVIOR, INTENTION], ["ranking_ndcg5"])
        + _all([HYBRID], [INTENTION], ["history_hcr"]),
    ),
    Claim(
        "intention_leads_somewhere",
        "In retrieval or classification, intention is somewhere ahead of hybrid alignment.",
        "section 3.3",
        _all([INTENTION], [HYBRID], [*RETRIEVAL, "classification_acc"]),
        some=True,
    ),
    Claim(
        "little_history_recalled",
        f"Neither alignment that reads embeddings recalls much of the history (here: less than {LITTLE:.0%}).",
        "section 3.3",
        (Below(INTENTION, "history_hcr", LITTLE), Below(HYBRID, "history_hcr", LITTLE)),
    ),
    Claim(
        "hybrid_explains_best",
        "Hybrid alignment gives the best explanations.",
        "section 3.4",
        _all([HYBRID], [BEHAVIOR, INTENTION, *UNALIGNED], [RATING]),
    ),
    Claim(
        "behavior_explains_second",
        "Behavior alignment gives the second best explanations.",
        "section 3.4",
        _all([HYBRID], [BEHAVIOR], [RATING]) + _all([BEHAVIOR], [INTENTION, *UNALIGNED], [RATING]),
    ),
    Claim(
        "intention_explains_worst",
        "Intention alignment gives the worst explanations.",
        "section 3.4",
        _all([BEHAVIOR, HYBRID, *UNALIGNED], [INTENTION], [RATING]),
    ),
    Claim(
        "intention_cites_strange_titles",
        "Intention alignment cites more titles that the user never had than any other system.",
        "sections 3.3 and 3.4",
        _all([INTENTION], [BEHAVIOR, HYBRID, *UNALIGNED], [STRANGE]),
    ),
    Claim(
        "unaligned_rated_3",
        "Explanations by LLMs without alignment gather at level 3.",
        "section 3.4",
        tuple(Commonest(system, 3) for system in UNALIGNED),
    ),
    Claim(
        "unaligned_decide_worse",
        "LLMs without alignment decide as the recommender does less often than the three alignments.",
        "sections 3.4 and 3.5.1",
        _all(ALIGNED, UNALIGNED, [DECISION]),
    ),
    Claim(PEOPLE, "GPT-4 puts the systems in the order in which people put them.", "section 3.4"),
    Claim(
        VIEWPOINT,
        f"The decision is kept under each point of view (here: in more than {KEPT:.0%} of the cases).",
        "section 3.5.2",
    ),
    Claim(
        FOLLOWING,
        "The explanation follows the point of view that is asked for (here: each time it speaks of this one and of no "
        f"other, in more than {FOLLOWED:.0%} of the cases).",
        "section 3.5.2",
    ),
    Claim(
        "hybrid_has_no_weak_point",
        f"No ablation leaves hybrid alignment far behind on any metric (here: at less than {WEAK:.0%} of its value).",
        "section 3.6, figure 6",
        _all([HYBRID], ABLATIONS, [*TASKS, "history_hcr", RATING], WEAK),
    ),
    Claim(
        "ablations_lower_their_task",
        "Leaving a task out lowers the hybrid alignment's own metric of that task.",
        "section 3.6, figure 6",
        _all([HYBRID], ["hybrid-no_retrieval_ranking"], TASKS[:3])
        + _all([HYBRID], ["hybrid-no_classification"], ["classification_acc"])
        + _all([HYBRID], ["hybrid-no_reconstruction"], ["history_hcr"]),
    ),
    Claim(
        "ablations_lower_explanations",
        "Leaving out reconstruction or classification makes the hybrid alignment's explanations worse.",
        "section 3.6, figure 6",
        _all([HYBRID], ["hybrid-no_reconstruction", "hybrid-no_classification"], [RATING]),
    ),
    Claim(
        "hybrid_not_best_everywhere",
        "On some metric an ablation is ahead of the whole hybrid alignment.",
        "section 3.6, figure 6",
        _all(ABLATIONS, [HYBRID], [*TASKS, "history_hcr", RATING]),
        some=True,
    ),
)
