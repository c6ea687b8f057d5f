"""The page of the architecture names functions and files that exist, and the layers of the import contract."""

from __future__ import annotations

import ast
import re
import tomllib
from typing import TYPE_CHECKING

import pytest

import internvl_operator
from tests.docs.test_pages import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PAGE = ROOT / "docs/architecture.md"
PACKAGE = ROOT / "operator" / internvl_operator.__name__
FILE = re.compile(r"[\w./-]+(?:\.(?:py|md|yaml|json)\b|/(?![\w.]))")
NAME = re.compile(r"`([^`\n]+)`")


def section(title: str) -> str:
    """The part of the page below a heading."""
    return PAGE.read_text().split(f"## {title}\n")[1].split("\n## ")[0]


def rows(title: str) -> list[list[str]]:
    """The cells of a section's table, without its head."""
    lines = [line for line in section(title).splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines[2:]]


def picture() -> str:
    """The text of the drawing."""
    return PAGE.read_text().split("```mermaid\n")[1].split("```")[0]


def files() -> list[str]:
    """Every file and folder that the page names in code or in the picture."""
    quoted = " ".join(NAME.findall(PAGE.read_text().replace(picture(), "")))
    return sorted({*FILE.findall(quoted), *FILE.findall(picture().replace("<br>", " "))})


def place_of(name: str) -> Path:
    """Where a name is: in the package, or from the root of the repository."""
    return next((path for path in (PACKAGE / name, ROOT / name) if path.exists()), PACKAGE / name)


def functions_of(module: Path) -> Iterator[str]:
    """The functions of a module and the methods of its classes, as ``function`` and ``Class.method``."""
    for node in ast.parse(module.read_text()).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name
        if isinstance(node, ast.ClassDef):
            yield from (
                f"{node.name}.{method.name}"
                for method in node.body
                if isinstance(method, ast.FunctionDef | ast.AsyncFunctionDef)
            )


def journey() -> list[tuple[str, str]]:
    """Each function of the journey and the file that it is said to be in."""
    return [
        (function, NAME.findall(cells[2])[0])
        for cells in rows("The journey of one resource")
        for function in NAME.findall(cells[1])
    ]


@pytest.mark.parametrize("name", files())
def test_a_file_that_the_page_names_is_there(name: str) -> None:
    place = place_of(name)
    assert place.is_dir() if name.endswith("/") else place.is_file()


@pytest.mark.parametrize(("function", "file"), journey())
def test_a_function_of_the_journey_is_in_its_file(function: str, file: str) -> None:
    assert function in set(functions_of(PACKAGE / file))


@pytest.mark.parametrize(
    "what",
    [
        "flag",
        "option that changes memory",
        "size",
        "series",
        "GPU",
        "engine release",
        "child kind",
        "reason",
        "verb",
        "metric",
    ],
)
def test_the_page_says_where_each_kind_of_change_goes(what: str) -> None:
    (places,) = [cells[1] for cells in rows("Where to put what") if what in cells[0]][:1]
    assert FILE.search(places)


def test_the_layers_are_those_of_the_import_contract() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    (layers,) = [item["layers"] for item in contracts if item["name"] == "Data flows one way"]
    named = [
        {name.removesuffix("/").removesuffix(".py") for name in NAME.findall(cells[0])}
        for cells in rows("Layers")
    ]
    assert named == [set(layer.split(" | ")) for layer in layers if layer != "__main__"]
