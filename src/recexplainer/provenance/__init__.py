"""What a run will take, what it was made of, and whether its files are still the same."""
