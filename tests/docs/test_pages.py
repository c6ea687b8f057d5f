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
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]
CODE = re.compile(r"`[^`\n]*`")
# Commands whose examples need a cluster, a served model, or both: tests/docs/test_served_examples.py runs them.
SERVED = re.compile(r"(^|\| )internvl (chat|smoke|status|memory)\b")
LINK = re.compile(r"\]\(([^)#:]+)(?:#[^)]*)?\)")


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
        Block(page.name, number, text)
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


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_files_that_a_page_links_to_exist(page: Path) -> None:
    prose = CODE.sub("", page.read_text())
    missing = [target for target in LINK.findall(prose) if not (page.parent / target).exists()]
    assert missing == []
