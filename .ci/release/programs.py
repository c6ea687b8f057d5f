"""Programs that make parts of a release."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

from release.errors import ReleaseError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def run(
    *command: str | Path, environment: Mapping[str, str] | None = None, directory: Path | None = None
) -> str:
    """Run a program and return what it printed on standard output.

    Args:
        command: the program and its arguments.
        environment: variables beside those of this process.
        directory: to run in.

    Raises:
        ReleaseError: it ended with an error; the message has what it printed.
    """
    done = subprocess.run(
        list(map(str, command)),
        env={**os.environ, **(environment or {})},
        cwd=directory,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise ReleaseError(f"{' '.join(map(str, command))} failed:\n{done.stdout}{done.stderr}")
    return done.stdout
