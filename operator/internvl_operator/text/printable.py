"""Makes text safe for a terminal, which obeys escape sequences: models, users and API servers write such text."""

import json
import re
import unicodedata
from functools import cache

_UNPRINTABLE = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
"""Control characters, formatting ones such as those of direction, halves of pairs, and separators of lines."""

_ALLOWED = frozenset("\n\t\u00ad\u200c\u200d")
"""Also those by which hyphens, scripts and emoji are joined."""

_MAYBE = re.compile("[^ -~\n\t]")


def printable(text: str) -> str:
    r"""Return a text in which every character that a terminal would act on is written as JSON would escape it.

    Example:
        >>> printable("\x1b[2J")
        '\\u001b[2J'
    """
    return _MAYBE.sub(lambda found: _escaped(found.group()), text)


@cache
def _escaped(character: str) -> str:
    if character in _ALLOWED or unicodedata.category(character) not in _UNPRINTABLE:
        return character
    return json.dumps(character)[1:-1]
