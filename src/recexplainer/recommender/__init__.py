"""The target recommender (section 3.2.2) and the two files through which later stages know it."""
