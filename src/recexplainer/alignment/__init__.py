"""Alignment of the LLM with the recommender: projectors, packing, training (sections 2.2 to 2.4)."""
