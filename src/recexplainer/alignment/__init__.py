"""Alignment of the LLM with the recommender: projectors, training (sections 2.2 to 2.4)."""
