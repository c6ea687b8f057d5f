"""Another version of the operator: a wheel that is built from a copy of the sources with other texts in them."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[3]


@dataclass(frozen=True, slots=True)
class Patch:
    """A text of one file that is replaced.

    Attributes:
        file: relative to the package.
        old: what stands there, once.
        new: what stands there instead.
    """

    file: str
    old: str
    new: str


def built(directory: Path, *patches: Patch) -> Path:
    """Build a patched operator and return the directory in which it is installed, for PYTHONPATH.

    Args:
        directory: empty; for the sources, the wheel and the installed package.
        patches: what is different.

    Raises:
        ValueError: a patch does not fit the sources.
    """
    sources, wheels, installed = (directory / name for name in ("sources", "wheels", "installed"))
    sources.mkdir()
    patched(sources, *patches)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, sources)
    _pip("wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(wheels), str(sources))
    (wheel,) = wheels.glob("*.whl")
    _pip("install", "--no-deps", "--no-index", "--target", str(installed), str(wheel))
    return installed


def patched(directory: Path, *patches: Patch) -> Path:
    """Copy and patch the operator's sources, and return their directory, for PYTHONPATH.

    Raises:
        ValueError: a patch does not fit the sources.
    """
    sources = directory / "operator"
    shutil.copytree(ROOT / "operator", sources, ignore=shutil.ignore_patterns("__pycache__"))
    for patch in patches:
        _apply(sources / "internvl_operator" / patch.file, patch)
    return sources


def _apply(path: Path, patch: Patch) -> None:
    text = path.read_text(encoding="utf-8")
    if text.count(patch.old) != 1:
        raise ValueError(f"{patch.file} holds {patch.old!r} {text.count(patch.old)} times")
    path.write_text(text.replace(patch.old, patch.new), encoding="utf-8")


def _pip(*arguments: str) -> None:
    command = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
