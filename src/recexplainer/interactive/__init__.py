"""Questions of one's own to an aligned LLM: any history, any item, any point of view."""
