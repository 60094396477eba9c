"""Evaluation of the alignment: predictions, metrics, baselines, table 2 (sections 3.1.1 and 3.3)."""
