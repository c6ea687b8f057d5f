"""Reads files of text that a person names."""

import sys
from pathlib import Path


def read_text(path: str | Path) -> str:
    """Return the text of a file; ``-`` is the standard input.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is not UTF-8; the message names the file.
    """
    try:
        return sys.stdin.read() if path == "-" else Path(path).read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        name = "the standard input" if path == "-" else path
        raise ValueError(
            f"{name} is not UTF-8: byte {error.start} is 0x{error.object[error.start]:02x}"
        ) from None
