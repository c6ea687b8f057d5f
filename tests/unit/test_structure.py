"""Where code stands: small modules in small folders, each under a name of its own."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "operator" / "internvl_operator"
MODULES = sorted(PACKAGE.rglob("*.py"))
MOST_FILES = 12
MOST_LINES = 250
LONGEST = {"internvl_operator/init_container/fetch_model.py": 300}
"""A pod gets this program as one text: it cannot import a second module."""
CODE_FOLDERS = sorted({module.parent for module in MODULES})


def _name(path: Path) -> str:
    return str(path.relative_to(PACKAGE.parent))


@pytest.mark.parametrize("folder", CODE_FOLDERS, ids=_name)
def test_a_folder_has_at_most_twelve_files(folder: Path) -> None:
    files = sorted(path.name for path in folder.iterdir() if path.is_file())
    assert len(files) <= MOST_FILES, f"give a part of these a folder: {', '.join(files)}"


@pytest.mark.parametrize("folder", CODE_FOLDERS, ids=_name)
def test_a_folder_says_what_it_is_for(folder: Path) -> None:
    first, *_ = (folder / "__init__.py").read_text(encoding="utf-8").splitlines()
    assert first.startswith('"""')


def test_no_two_modules_have_one_name() -> None:
    names = Counter(module.name for module in MODULES if module.name != "__init__.py")
    assert [name for name, count in names.items() if count > 1] == []


@pytest.mark.parametrize("module", MODULES, ids=_name)
def test_a_module_has_at_most_250_lines(module: Path) -> None:
    assert len(module.read_text(encoding="utf-8").splitlines()) <= LONGEST.get(_name(module), MOST_LINES)


def test_the_folder_of_the_package_is_no_package() -> None:
    assert not (PACKAGE.parent / "__init__.py").exists()
