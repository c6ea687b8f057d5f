"""Parts of sentences."""

from collections.abc import Iterable


def in_words(items: Iterable[str], conjunction: str = "and") -> str:
    """Return items as a sentence has them.

    Example:
        >>> in_words(["1B", "2B", "8B"])
        '1B, 2B and 8B'
    """
    *first, last = items
    return f"{', '.join(first)} {conjunction} {last}" if first else last
