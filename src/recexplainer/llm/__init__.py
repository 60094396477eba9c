"""The base LLM: where it comes from, how it is loaded, how conversations become packed tokens."""
