"""What a run was made of, and whether its files are still the same."""
