"""Builds the planner page: `make planner-page`.

A directory of files that any web server can serve: the page of docs/planner, the operator's wheel, and Pyodide, which
npm takes from its registry by the versions and hashes of docs/planner/package-lock.json.
"""

from __future__ import annotations

import argparse
import gzip
import os
import shutil
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from internvl_operator.page.answers import description
from release.errors import ReleaseError
from release.programs import run
from release.wheel import ROOT, build_wheel

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

SOURCE = ROOT / "docs" / "planner"
PACKAGES = ROOT / ".local" / "planner-page" / "node_modules"
"""Where npm puts what the page is built from, and what its tests check it with."""

_PAGE = ("*.html", "*.css", "*.js")
_PYODIDE = ("pyodide.mjs", "pyodide.asm.mjs", "pyodide.asm.wasm", "pyodide-lock.json", "python_stdlib.zip")
_WHEEL = "internvl_operator.whl"


def build_page(output: Path, environment: Mapping[str, str]) -> None:
    """Write the page into a directory, in place of what is there.

    Args:
        output: the directory.
        environment: may have SOURCE_DATE_EPOCH.

    Raises:
        ReleaseError: something cannot be made.
    """
    _install_packages(environment)
    shutil.rmtree(output, ignore_errors=True)
    (output / "pyodide").mkdir(parents=True)
    for pattern in _PAGE:
        for file in SOURCE.glob(pattern):
            shutil.copyfile(file, output / file.name)
    shutil.copyfile(ROOT / "docs" / "icon.svg", output / "icon.svg")
    for name in _PYODIDE:
        shutil.copyfile(PACKAGES / "pyodide" / name, output / "pyodide" / name)
    with TemporaryDirectory() as scratch:
        shutil.copyfile(build_wheel(Path(scratch), _build_time(environment)), output / _WHEEL)
    (output / "description.json").write_text(description(), encoding="utf-8")


def sizes(output: Path) -> list[tuple[str, int, int]]:
    """Return the page's files with their bytes, as they are and as a server sends them with gzip."""
    files = sorted(path for path in output.rglob("*") if path.is_file())
    return [
        (str(file.relative_to(output)), file.stat().st_size, len(gzip.compress(file.read_bytes())))
        for file in files
    ]


def _install_packages(environment: Mapping[str, str]) -> None:
    if shutil.which("npm", path=environment.get("PATH")) is None:
        raise ReleaseError(
            "the planner page needs npm, and there is none on PATH: install Node.js 20 or later"
        )
    folder = PACKAGES.parent
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copyfile(SOURCE / name, folder / name)
    run("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", directory=folder)


def _build_time(environment: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environment.items() if name == "SOURCE_DATE_EPOCH"}


def main(arguments: Sequence[str] | None = None) -> int:
    """Build the page, print its size, and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m release.planner_page", description=__doc__)
    parser.add_argument("--output", type=Path, default=Path("dist/planner"), help="default dist/planner")
    options = parser.parse_args(arguments)
    try:
        build_page(options.output, os.environ)
    except ReleaseError as error:
        print(f"planner page: {error}", file=sys.stderr)
        return 1
    rows = sizes(options.output)
    total = ("in all", sum(size for _, size, _ in rows), sum(packed for *_, packed in rows))
    for name, size, packed in [*rows, total]:
        print(f"{name:28} {size / 1e6:7.3f} MB {packed / 1e6:7.3f} MB with gzip")
    print(f"serve it: {sys.executable} -m http.server --directory {options.output}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
