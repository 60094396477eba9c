"""The data stage: download, read, filter, clean."""
