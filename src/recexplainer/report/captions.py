"""The report's blocks of tables and figures: their order, headings, and a sentence about each."""

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Block:
    """One section of the report.

    Attributes:
        anchor: its address on the page.
        title: its heading.
        tables: names of result tables, in order.
        figures: names of figures, in order; they follow the tables.
        missing: what is said where none of them is there.
    """

    anchor: str
    title: str
    tables: tuple[str, ...]
    figures: tuple[str, ...]
    missing: str


BLOCKS = (
    Block("data", "Data and samples", ("table1", "table4"), (), "the tables of data and samples (1 and 4)"),
    Block("sasrec", "The recommender", ("recommender",), (), "the recommender's own quality"),
    Block("training", "Training", (), ("learning_curves",), "the learning curves"),
    Block(
        "alignment",
        "Alignment with the recommender",
        ("table2", "pointwise", "surrogates", "seeds"),
        (),
        "the alignment (table 2)",
    ),
    Block("ablations", "Ablations", (), ("figure6",), "the ablations (figure 6)"),
    Block("explanations", "Explanations, as the judges rate them", ("table3", "judges"), (), "the ratings (table 3)"),
    Block(
        "trust",
        "Can one trust the explanations?",
        ("faithfulness", "words_alone"),
        (),
        "the faithfulness of the explanations",
    ),
    Block("study", "Explanations, as people rate them", ("human", "human_agreement"), ("figure3",), "the human study"),
    Block("cases", "Case studies", ("controllability",), ("figure4", "figure5"), "the case studies (figures 4 and 5)"),
)

CAPTIONS = {
    "table1": ("Table 1. Data sets", "What the recommender learns from, and whose histories are explained."),
    "table4": ("Table 4. Samples", "Training and test samples of each task, what is expected, and the paper's."),
    "recommender": (
        "The target recommender",
        "What is explained, beside the popularity of the items: how high each stands the item that a user really chose "
        "last.",
    ),
    "learning_curves": (
        "Learning curves",
        "The recommender's validation by epoch, with the epoch that is kept; the training loss of each alignment, "
        "averaged over stretches of steps.",
    ),
    "table2": (
        "Table 2. Alignment",
        "How well each system predicts what the recommender does. All systems of a data set are compared on the same "
        "cases. The retrieval held to the catalogue, and the answers in which nothing could be read, are not in the "
        "paper.",
    ),
    "surrogates": (
        "Without a language model",
        "Models that are no LLM, from the same training labels, on the cases of table 2; below them what each LLM adds "
        "to those that read what it reads. An interval above zero: the language model knows more of the recommender "
        "than so simple a model of the same information; below zero: it loses some of what was there to read.",
    ),
    "pointwise": (
        "The order that is known",
        "Each candidate of a ranking asked about alone, in the words of the classification, and all sorted by Yes over "
        "No, beside the order that the same language model lists. Above it: it knows more than it lists.",
    ),
    "seeds": ("Repetitions", "Mean and standard deviation over alignments with other seeds, on the same cases."),
    "figure6": (
        "Figure 6. Ablations",
        "Each row is an alignment without the samples of the named task. A hatched bar belongs to the task that was "
        "left out.",
    ),
    "table3": (
        "Table 3. Quality of the explanations",
        "What the judges think of the texts. The ratings of the offline rubric cannot be compared with the paper's. "
        "The controls explain nothing; the file of the table says how far each system is above the best of them.",
    ),
    "judges": ("Agreement of the judges", "Each pair of judges on the texts that both have rated."),
    "faithfulness": (
        "Faithfulness",
        "Measures that need no judge. The controls explain nothing: they cite the newest items, copy the history, say "
        "one line, name a common genre, or show a text on another case. The file of the table also has the differences "
        "from the base LLM and from the best control, taken within the same resamples.",
    ),
    "words_alone": (
        "Better than words alone?",
        "How far each system is above the best of the controls: its gain over what one gets without the explanation, "
        "less theirs.",
    ),
    "controllability": (
        "Controllability",
        "What figure 5 shows of one case, as a number: in how many cases the decision is kept, and the text follows "
        "the point of view that was asked for and speaks of no other; in the rows “each”, under each of them. An "
        "explanation is controlled where both hold in the row “each”: the controls, who do not hear the question, "
        "cannot have that.",
    ),
    "human": (
        "Ratings by people",
        "Mean rating of each system.",
    ),
    "human_agreement": (
        "Agreement of the people",
        "Krippendorff's alpha of all, weighted kappa of each pair, rank correlation with each judge.",
    ),
    "figure3": ("Figure 3. Distribution of the ratings", "Shares of the four levels, and the mean of each system."),
    "figure4": ("Figure 4. Case study", "The same decision, explained by each system."),
    "figure5": (
        "Figure 5. Explanations on instruction",
        "The same decision, explained from the points of view asked for.",
    ),
    "spending": ("Spending on services", "Requests, tokens and US dollars per stage and model."),
}
"""Heading and sentence of each table and figure."""

WITH_HISTORIES = ("figure4", "figure5")
"""Figures that show a history."""

BESIDE_THE_PAPER = {"paper_vs_ours": "The paper's numbers and ours", "claims": "The paper's claims"}
"""What the files are called that the report shows as a section of its own."""


def of_run(simulated: bool) -> tuple[tuple[Block, ...], dict[str, tuple[str, str]]]:
    """Return the blocks and the headings of a run; where the raters are simulated, each heading about them says so.

    Args:
        simulated: whether the ratings of the study are made up.
    """
    if not simulated:
        return BLOCKS, CAPTIONS
    study = "Explanations, as simulated raters rate them (no people took part)"
    blocks = tuple(replace(block, title=study) if block.anchor == "study" else block for block in BLOCKS)
    made_up = "The ratings were made up from the offline rubric's, to try the pipeline."
    return blocks, CAPTIONS | {
        "human": ("Ratings by simulated raters", f"{CAPTIONS['human'][1]} {made_up}"),
        "human_agreement": ("Agreement of the simulated raters", f"{CAPTIONS['human_agreement'][1]} {made_up}"),
        "figure3": ("Figure 3. Distribution of the ratings by simulated raters", CAPTIONS["figure3"][1]),
    }
