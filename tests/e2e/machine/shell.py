"""Programs of this machine, run with one environment, whose failure shows what they printed."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT = Path(__file__).parents[3]


class CommandError(RuntimeError):
    """A program ended with an error; the message is what it printed."""


@dataclass(frozen=True, slots=True)
class Shell:
    """Runs programs at the root of the checkout.

    Attributes:
        environment: The variables that the programs get.
    """

    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))

    def run(
        self,
        *command: str | Path,
        given: str | None = None,
        seconds: float = 120.0,
        directory: Path = ROOT,
    ) -> str:
        """Run a program and return what it printed on standard output.

        Args:
            command: The program and its arguments.
            given: Its standard input.
            seconds: How long it may take.
            directory: Its working directory.

        Raises:
            CommandError: It ended with an error, or not in time.
        """
        words = [str(word) for word in command]
        try:
            done = subprocess.run(
                words,
                cwd=directory,
                env=dict(self.environment),
                input=given,
                stdin=None if given is not None else subprocess.DEVNULL,
                capture_output=True,
                text=True,
                check=False,
                timeout=seconds,
            )
        except subprocess.TimeoutExpired as error:
            raise CommandError(f"{' '.join(words)}: no end within {seconds:g} s") from error
        if done.returncode != 0:
            raise CommandError(f"{' '.join(words)}: exit code {done.returncode}\n{done.stdout}{done.stderr}")
        return done.stdout

    def succeeds(self, *command: str | Path, seconds: float = 120.0) -> bool:
        """Run a program and return whether it ended without an error."""
        try:
            self.run(*command, seconds=seconds)
        except (CommandError, FileNotFoundError):
            return False
        return True


def say(step: str) -> None:
    """Report a step that takes a while on standard error, which `make e2e` lets through."""
    print(f"e2e: {step}", file=sys.stderr, flush=True)
