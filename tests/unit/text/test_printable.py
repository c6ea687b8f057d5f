"""No character of others reaches a terminal that would act on it."""

from __future__ import annotations

import json
import unicodedata

import pytest

from internvl_operator.text.printable import printable

ACTS = (
    "\x1b[2J",
    "\x1b]0;title\x07",
    "\x9b31m",
    "\r",
    "\b",
    "\x00",
    "\u202e",
    "\u2066",
    "\u200f",
    "\u2028",
    "\ufeff",
    "\U000e0041",
)


@pytest.mark.parametrize("text", ACTS)
def test_what_a_terminal_acts_on_is_escaped(text: str) -> None:
    shown = printable(f"a{text}b")
    assert all(unicodedata.category(character) not in ("Cc", "Cf", "Zl", "Zp") for character in shown)
    assert json.loads(f'"{shown}"') == f"a{text}b"


@pytest.mark.parametrize(
    "text", ["plain", "two\nlines\tand a tab", "Größe 模型 שלום", "👩‍🚀 e\u0301", '{"a": "\\\\"}']
)
def test_all_else_stays_as_it_is(text: str) -> None:
    assert printable(text) == text


def test_no_character_at_all_is_lost() -> None:
    every = "".join(map(chr, range(0x3000)))
    assert printable(printable(every)) == printable(every)
