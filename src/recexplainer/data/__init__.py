"""The data stage: download, read, filter, clean; and Table 1."""
