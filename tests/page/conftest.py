"""One browser, and one tab that has the planner loaded, for all tests of the page."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.page.browser import BUILT, PlannerPage, chromium, served

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


@pytest.fixture(scope="session")
def address() -> Iterator[str]:
    with served(BUILT) as there:
        yield there


@pytest.fixture(scope="session")
def loaded(browser: Browser, address: str) -> Iterator[PlannerPage]:
    context = browser.new_context(permissions=["clipboard-read", "clipboard-write"])
    page = PlannerPage.in_new_tab(context, address)
    page.open()
    yield page
    context.close()


@pytest.fixture
def planner(loaded: PlannerPage) -> Iterator[PlannerPage]:
    """The loaded page; at the end it has no error, and has asked no other server for anything."""
    loaded.complaints.clear()
    loaded.page.set_viewport_size({"width": 1280, "height": 900})
    loaded.page.emulate_media(color_scheme="light")
    yield loaded
    assert loaded.complaints == []
