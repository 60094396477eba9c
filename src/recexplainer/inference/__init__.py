"""Answers of an aligned LLM: generation, its cache, titles of the catalogue alone."""
