"""Explanations of recommendations, and what judges them (sections 3.1.2, 3.4 and 3.5)."""
