"""Paid answers of an OpenAI-compatible service: asked once, stored at once, never paid for twice."""
