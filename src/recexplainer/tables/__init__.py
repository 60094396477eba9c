"""The tables: they only read what the stages wrote."""
