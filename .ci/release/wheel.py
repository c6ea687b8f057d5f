"""The wheel of the operator."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from release.programs import run

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT = Path(__file__).parents[2]


def build_wheel(output: Path, environment: Mapping[str, str]) -> Path:
    """Build the wheel into a directory that has none, and return its file.

    It is built with what is installed here: a build environment of its own would need a package index.

    Args:
        output: the directory.
        environment: may have SOURCE_DATE_EPOCH, the time of every file in the wheel; without it that is a fixed one.

    Raises:
        ReleaseError: it cannot be built.
    """
    target = ("--target", "wheel", "--directory", output.absolute())
    run(sys.executable, "-m", "hatchling", "build", *target, environment=environment, directory=ROOT)
    (wheel,) = output.glob("*.whl")
    return wheel
