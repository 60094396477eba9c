"""The names of the systems that stand beside the LLMs, and what each is."""

CONTROLS = ("control-newest", "control-copy", "control-template", "control-genre", "control-shuffled")
"""Texts that explain nothing; see :mod:`recexplainer.faithfulness.controls`."""

SURROGATES = {
    "linear_probe": "embeddings",
    "nearest_embeddings": "embeddings",
    "sparse_linear": "history",
    "decision_tree": "history",
    "nearest_histories": "history",
}
"""Models that are no LLM, and what of the user each reads; see :mod:`recexplainer.evaluation.surrogates`."""
