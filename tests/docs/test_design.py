"""The decisions are one page each, of the same shape, and the code that they rule names them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.docs.test_pages import LINK, ROOT, prose

DESIGN = ROOT / "docs/design"
DECISIONS = sorted(DESIGN.glob("[0-9]*.md"))
CODE = sorted(file for folder in ("operator", "tests") for file in (ROOT / folder).rglob("*.py"))
WHY = re.compile(r"^Why: (docs/design/\S+\.md)$", re.MULTILINE)
LONGEST = 60
"""Lines of one page."""


@pytest.mark.parametrize("decision", DECISIONS, ids=lambda page: page.stem)
def test_a_decision_is_one_page_of_four_parts(decision: Path) -> None:
    page = decision.read_text()
    assert page.startswith(f"# {decision.name[:3]} ")
    assert re.findall(r"^## (.*)$", page, re.MULTILINE) == [
        "Context",
        "Decision",
        "Consequences",
        "Alternatives",
    ]
    assert len(page.splitlines()) <= LONGEST


def test_the_numbers_of_the_decisions_have_no_gap() -> None:
    assert [page.name[:3] for page in DECISIONS] == [
        f"{number:03}" for number in range(1, len(DECISIONS) + 1)
    ]


def test_the_index_lists_each_decision_by_its_title() -> None:
    index = DESIGN / "README.md"
    assert [file for file, _ in LINK.findall(prose(index))] == [page.name for page in DECISIONS]
    for page in DECISIONS:
        title = page.read_text().splitlines()[0].removeprefix("# ")
        assert f"[{title}]({page.name})" in index.read_text()


def test_the_code_names_each_decision_and_none_that_is_not_there() -> None:
    named = {reference for file in CODE for reference in WHY.findall(file.read_text())}
    assert named == {str(page.relative_to(ROOT)) for page in DECISIONS}
