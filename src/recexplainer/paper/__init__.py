"""The paper's numbers and claims beside ours, and our tables as LaTeX and HTML."""
