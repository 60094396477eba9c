"""Explanations of recommendations: the cases, the questions, the texts (sections 3.1.2 and 3.5)."""
