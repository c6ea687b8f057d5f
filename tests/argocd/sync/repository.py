"""A Git repository on disk, from which Argo CD deploys."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

BRANCH = "main"
AUTHOR = {
    f"GIT_{role}_{what}": value
    for role in ("AUTHOR", "COMMITTER")
    for what, value in {"NAME": "Platform", "EMAIL": "platform@example.com"}.items()
}


class Repository:
    """A bare repository and a checkout of it.

    Args:
        directory: An empty one, for both.
    """

    def __init__(self, directory: Path) -> None:
        self._bare = directory / "models.git"
        self._checkout = directory / "checkout"
        self._git(directory, "init", "--quiet", "--bare", f"--initial-branch={BRANCH}", str(self._bare))
        self._git(directory, "init", "--quiet", f"--initial-branch={BRANCH}", str(self._checkout))

    @property
    def url(self) -> str:
        """Where Argo CD finds it."""
        return f"file://{self._bare}"

    def add(self, source: Path, path: str) -> None:
        """Publish a directory under a path."""
        shutil.copytree(source, self._checkout / path)
        self._publish(f"Add {path}")

    def remove(self, path: str) -> None:
        """Publish the removal of a file."""
        (self._checkout / path).unlink()
        self._publish(f"Remove {path}")

    def _publish(self, message: str) -> None:
        self._git(self._checkout, "add", "--all")
        self._git(self._checkout, "commit", "--quiet", f"--message={message}")
        self._git(self._checkout, "push", "--quiet", self.url, BRANCH)

    def _git(self, directory: Path, *arguments: str) -> None:
        # Without the settings of whoever runs the tests, such as signatures and hooks.
        environment = {
            **os.environ,
            **AUTHOR,
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_SYSTEM": os.devnull,
        }
        subprocess.run(["git", *arguments], cwd=directory, env=environment, check=True)
