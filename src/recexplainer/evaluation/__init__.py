"""Evaluation of the alignment: predictions, metrics, baselines (sections 3.1.1 and 3.3)."""
