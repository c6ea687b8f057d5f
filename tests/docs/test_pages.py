"""What the pages show is what happens: their resources can be rendered, their commands print what is shown."""

from __future__ import annotations

import re
import shlex
from doctest import ELLIPSIS, OutputChecker
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml

from internvl_operator.__main__ import main
from internvl_operator.api.v1alpha1 import API_VERSION, KIND

ROOT = Path(__file__).parents[2]
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]
# Their commands need programs or a cluster of their own; their links are checked.
OTHER_PAGES = sorted(
    page for folder in ("charts", "examples", "images", "tests") for page in (ROOT / folder).rglob("*.md")
)
CODE = re.compile(r"`[^`\n]*`")
# Commands whose examples need a cluster, a served model, or both: tests/docs/test_served_examples.py runs them.
SERVED = re.compile(r"(^|\| )internvl (chat|smoke|status|memory)\b")
LINK = re.compile(r"\]\(([^)#:]*)(?:#([^)]*))?\)")
FENCED = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)


class Block(NamedTuple):
    """A fenced block of a page."""

    page: str
    number: int
    text: str

    def __str__(self) -> str:
        return f"{self.page}-{self.number}"


def blocks(language: str) -> list[Block]:
    """The fenced blocks of a language in all pages."""
    fence = re.compile(rf"^```{language}\n(.*?)^```$", re.MULTILINE | re.DOTALL)
    return [
        Block(str(page.relative_to(ROOT)), number, text)
        for page in PAGES
        for number, text in enumerate(fence.findall(page.read_text()), start=1)
    ]


def entries() -> list[tuple[str, str]]:
    """The commands of the console blocks, each with the output that is shown."""
    return [
        (command, output)
        for block in blocks("console")
        for command, output in (
            entry.split("\n", 1) for entry in re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:]
        )
    ]


def commands() -> list[tuple[str, str]]:
    """Those that need neither a cluster nor a served model."""
    return [
        (command, output)
        for command, output in entries()
        if command.startswith("internvl ") and not SERVED.search(command)
    ]


@pytest.mark.parametrize("block", blocks("yaml"), ids=str)
def test_a_resource_that_a_page_shows_can_be_rendered(
    block: Block, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shown = yaml.safe_load(block.text)
    resource = {"apiVersion": API_VERSION, "kind": KIND, "metadata": {"name": "shown"}, **shown}
    file = tmp_path / "shown.yaml"
    file.write_text(yaml.safe_dump(resource))
    assert main(["render", "-f", str(file), "--gpu", "A100-80GB"]) == 0
    assert "kind: Deployment" in capsys.readouterr().out


@pytest.mark.parametrize(("command", "shown"), commands())
def test_a_command_prints_what_a_page_shows(
    command: str, shown: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(ROOT)
    main(shlex.split(command)[1:])
    printed = capsys.readouterr().out
    assert OutputChecker().check_output(shown, printed, ELLIPSIS), printed


def prose(page: Path) -> str:
    """A page's text without its fenced blocks and its inline code."""
    return CODE.sub("", FENCED.sub("", page.read_text()))


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub gives to a page's headings."""
    headings = HEADING.findall(FENCED.sub("", page.read_text()))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", [*PAGES, *OTHER_PAGES], ids=lambda page: str(page.relative_to(ROOT)))
def test_the_files_and_headings_that_a_page_links_to_exist(page: Path) -> None:
    missing = []
    for file, anchor in LINK.findall(prose(page)):
        target = page.parent / file if file else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            missing.append(f"{file}#{anchor}")
    assert missing == []


def test_the_user_guide_lists_each_of_its_pages() -> None:
    index = ROOT / "docs/user/README.md"
    linked = {file for file, _ in LINK.findall(prose(index)) if "/" not in file}
    assert linked == {page.name for page in index.parent.glob("*.md")} - {index.name}
