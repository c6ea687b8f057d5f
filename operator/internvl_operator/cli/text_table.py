"""Tables as text: Markdown for people, CSV for programs. The first row is the header."""

import csv
from collections.abc import Sequence
from typing import TextIO

Table = Sequence[Sequence[str]]


def markdown(table: Table) -> str:
    """Return a table as Markdown."""
    header, *rows = ["| " + " | ".join(row) + " |" for row in table]
    return "\n".join([header, "|---" * len(table[0]) + "|", *rows])


def write_csv(table: Table, file: TextIO) -> None:
    """Write a table as CSV, each line ended by a line feed."""
    csv.writer(file, lineterminator="\n").writerows(table)
