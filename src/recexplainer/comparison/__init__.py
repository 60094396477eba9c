"""Two runs of one experiment beside each other, number by number."""
