"""The demo's made-up data: raw files of two formats, and conversations."""
