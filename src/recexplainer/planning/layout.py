"""Tables as lines of text."""

from collections.abc import Container, Sequence


def columns(rows: Sequence[Sequence[str]], left: Container[int]) -> list[str]:
    """Return rows of cells as lines whose columns are two spaces apart.

    Args:
        rows: cells, as many in each row.
        left: which columns are set to the left; the others, of numbers, to the right.
    """
    widths = [max(map(len, cells)) for cells in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell.ljust(width) if place in left else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
