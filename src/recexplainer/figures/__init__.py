"""The figures: they only read what the stages and the tables wrote."""
