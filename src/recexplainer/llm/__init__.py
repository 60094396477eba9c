"""The base LLM: where it comes from, how it is loaded, how a conversation becomes tokens."""
