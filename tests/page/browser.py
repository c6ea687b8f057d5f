"""Chromium on the planner page: what a person does there, and what the page shows."""

from __future__ import annotations

import json
import os
import shutil
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from internvl_operator.page.answers import description

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from playwright.sync_api import Browser, BrowserContext, Page

ROOT = Path(__file__).parents[2]
BUILT = ROOT / "dist" / "planner"
AXE = ROOT / ".local" / "planner-page" / "node_modules" / "axe-core" / "axe.min.js"
PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
DEADLINE_MS = 60_000

# A browser does not tell a page of an address that it has already.
_FOLLOW = """address => {
  if (location.hash === address) window.dispatchEvent(new HashChangeEvent("hashchange"));
  else location.hash = address;
}"""


class _Handler(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def served(directory: Path) -> Iterator[str]:
    """Serves a directory as any web server does; gives its address."""
    handler = partial(_Handler, directory=str(directory))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def chromium() -> Iterator[Browser]:
    """Chromium without a window.

    Raises:
        FileNotFoundError: it is not installed, or the page is not built.
    """
    from playwright.sync_api import sync_playwright

    if not BUILT.is_dir():
        raise FileNotFoundError(f"{BUILT}: build it with `make planner-page`")
    program = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, PROGRAMS)), None)
    if program is None:
        raise FileNotFoundError(
            f"none of {', '.join(PROGRAMS)} is on PATH: install one, or name it in CHROMIUM"
        )
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program)
        try:
            yield browser
        finally:
            browser.close()


@dataclass(frozen=True)
class PlannerPage:
    """The planner page in one tab.

    Attributes:
        page: the tab.
        address: of the page, without the inputs.
        complaints: errors of the page, and what it asks of any other server.
    """

    page: Page
    address: str
    complaints: list[str] = field(default_factory=list)

    @classmethod
    def in_new_tab(cls, context: BrowserContext, address: str) -> PlannerPage:
        """Open a tab for the page, and hear of what goes wrong there."""
        planner = cls(context.new_page(), address)
        complain = planner.complaints.append
        planner.page.on("pageerror", lambda error: complain(str(error)))
        planner.page.on("console", lambda told: complain(told.text) if told.type == "error" else None)
        context.on("request", lambda asked: None if asked.url.startswith(address) else complain(asked.url))
        return planner

    def open(self, values: Mapping[str, str] | None = None) -> None:
        """Load the page by an address that holds inputs, and wait for the first answer."""
        self.page.goto("about:blank")
        self.page.goto(self.address + (f"#{urlencode(values)}" if values else ""))
        self.wait_for_answers(1)

    def follow(self, values: Mapping[str, str]) -> None:
        """Change the address to hold other inputs, and wait for their answer."""
        before = self.answers()
        self.page.evaluate(_FOLLOW, f"#{urlencode(values)}")
        self.wait_for_answers(before + 1)

    def answers(self) -> int:
        """Answers that the page has shown since it was loaded."""
        return len(self.milliseconds())

    def milliseconds(self) -> list[float]:
        """How long each answer took, from the change to what is shown."""
        measured: list[float] = self.page.evaluate(
            "performance.getEntriesByName('answer').map(entry => entry.duration)"
        )
        return measured

    def wait_for_answers(self, count: int) -> None:
        """Wait until the page has shown so many answers."""
        self.page.wait_for_function(
            "count => performance.getEntriesByName('answer').length >= count", arg=count, timeout=DEADLINE_MS
        )

    def wait_for_map(self) -> None:
        """Wait until the map is whole."""
        self.page.wait_for_function(
            "() => ![...document.querySelectorAll('#map button')].some(button => button.textContent === '…')",
            timeout=DEADLINE_MS,
        )

    def wait_for_headline(self, part: str) -> None:
        """Wait until the answer's first line has these words."""
        self.page.locator("#headline", has_text=part).wait_for(timeout=DEADLINE_MS)

    def text(self, name: str) -> str:
        """The text of the element of that id, as it is in the document."""
        return self.page.locator(f"#{name}").text_content() or ""

    def field(self, name: str) -> str:
        """What the form holds for an input."""
        return str(self.page.locator(f"#input-{name}").input_value())

    def fields(self) -> dict[str, str]:
        """What the form holds."""
        names = [each["name"] for each in json.loads(description())["inputs"]]
        return {name: self.field(name) for name in names if self.field(name)}

    def violations(self) -> list[str]:
        """What axe-core finds that people with disabilities cannot use, by the rule."""
        self.page.evaluate(AXE.read_text(encoding="utf-8"))
        found: dict[str, Any] = self.page.evaluate("axe.run(document)")
        assert found["passes"], "axe has looked at nothing"
        return [f"{each['id']}: {each['help']}: {each['nodes'][0]['html']}" for each in found["violations"]]
