"""Intervals, tests and coefficients of agreement: what several stages and tables need of statistics."""
