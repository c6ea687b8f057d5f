"""Tables as text: aligned or Markdown for people, CSV for programs. The first row is the header."""

import csv
from collections.abc import Sequence
from typing import TextIO

Table = Sequence[Sequence[str]]


def aligned(table: Table) -> list[str]:
    """Return a table as lines, each column as wide as its widest cell."""
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    return [line(row, widths) for row in table]


def line(cells: Sequence[str], widths: Sequence[int]) -> str:
    """Return one row of a table whose other rows are not known yet.

    Args:
        cells: the row.
        widths: the width of each column in characters; a negative one puts the cell at the column's right end.
    """
    padded = (
        cell.rjust(-width) if width < 0 else cell.ljust(width)
        for cell, width in zip(cells, widths, strict=True)
    )
    return "  ".join(padded).rstrip()


def markdown(table: Table) -> str:
    """Return a table as Markdown."""
    header, *rows = ["| " + " | ".join(row) + " |" for row in table]
    return "\n".join([header, "|---" * len(table[0]) + "|", *rows])


def write_csv(table: Table, file: TextIO) -> None:
    """Write a table as CSV, each line ended by a line feed."""
    csv.writer(file, lineterminator="\n").writerows(table)
