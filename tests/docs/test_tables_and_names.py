"""What pages are made of holds together: tables are whole, and the modules and figures that they name are there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from internvl_operator.planner.speed.speed_constants import EVENT_LOOP_TOKENS_PER_SECOND
from tests.docs.test_pages import FENCED, PAGES, ROOT

CODE = [
    path.as_posix()
    for folder in ("operator", "tests", "images", ".ci")
    for path in (ROOT / folder).rglob("*.py")
]
MODULE = re.compile(r"`([\w./]+\.py)`")

LMDEPLOYS = {"fused_moe.py"}


def tables(page: Path) -> list[list[str]]:
    """The tables of a page, each with its rows."""
    paragraphs = re.split(r"\n(?!\|)", FENCED.sub("", page.read_text()))
    return [rows for each in paragraphs if len(rows := re.findall(r"^\|.*$", each, re.MULTILINE)) > 0]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_table_has_a_head(page: Path) -> None:
    headless = [rows[0] for rows in tables(page) if not re.fullmatch(r"[|: -]+", "".join(rows[1:2]) or "x")]
    assert headless == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_module_that_is_named_is_there(page: Path) -> None:
    named = set(MODULE.findall(page.read_text())) - LMDEPLOYS
    assert {name for name in named if not any(path.endswith(f"/{name}") for path in CODE)} == set()


def test_the_rate_of_the_event_loop_is_the_constant() -> None:
    text = (ROOT / "docs/speed-model.md").read_text()
    figures = re.findall(r"answer / ([\d,]+) tokens per second|event loop streams ([\d,]+) tokens", text)
    assert {f"{EVENT_LOOP_TOKENS_PER_SECOND:,}"} == {one or other for one, other in figures}
