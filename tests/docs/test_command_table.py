"""The user guide lists every verb of the command and every exit code."""

from __future__ import annotations

import re

from internvl_operator.__main__ import VERBS
from internvl_operator.cli import exit_codes
from tests.docs.test_pages import ROOT

SECTION = (ROOT / "docs/user/README.md").read_text().split("## The command internvl\n")[1]


def test_the_guide_has_every_verb_in_the_order_of_the_help() -> None:
    assert re.findall(r"^\| `([a-z]+)` \|", SECTION, re.MULTILINE) == list(VERBS)


def test_the_guide_has_every_exit_code() -> None:
    codes = {value for value in vars(exit_codes).values() if isinstance(value, int)}
    assert {int(code) for code in re.findall(r"^\| (\d+) \|", SECTION, re.MULTILINE)} == {0, *codes}
