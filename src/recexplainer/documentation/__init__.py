"""Pages that follow from the rules and the config, so that they stay true: what a run leaves, and every key."""
