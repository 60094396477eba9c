"""Judges of explanations (section 3.1.2): services, and a rubric in code."""
