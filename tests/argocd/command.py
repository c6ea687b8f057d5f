"""Argo CD's command line as functions: what it makes of a resource with the customizations of argocd-cm.yaml."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import yaml

from tests.argocd.customizations import ARGOCD_CM

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

SECONDS = 50.0
# Argo CD shows an action's result as a difference; shown by this program, it is the whole resource.
SHOW_RESULT = """sh -c 'cat "$2"' show"""


class ArgoCDError(RuntimeError):
    """It ended with an error; the message is what it printed."""


@dataclass(frozen=True, slots=True)
class Health:
    """What Argo CD shows of a resource."""

    status: str
    message: str


class ArgoCD:
    """Runs scripts of the customizations without a cluster.

    Args:
        program: The program argocd.
    """

    def __init__(self, program: Path) -> None:
        self._program = program

    def health(self, resource: Path) -> Health:
        """Health of the resource in a file."""
        status, message = self._run("health", resource).removeprefix("STATUS: ").split("\nMESSAGE: ", 1)
        return Health(status, message.removesuffix("\n"))

    def offered_actions(self, resource: Path) -> Mapping[str, bool]:
        """Names of the actions, each with whether it can be run on the resource in a file."""
        lines = self._run("list-actions", resource).splitlines()[1:]
        return {name: disabled == "false" for name, disabled in (line.split() for line in lines)}

    def run_action(self, resource: Path, action: str) -> dict[str, Any]:
        """The resource that an action makes of the one in a file.

        Raises:
            ArgoCDError: The action refuses.
        """
        shown = self._run("run-action", resource, action)
        result: dict[str, Any] = yaml.safe_load(shown.removeprefix("Following fields have been changed:\n\n"))
        return result

    def _run(self, verb: str, *arguments: object) -> str:
        command = [str(self._program), "admin", "settings", "resource-overrides", verb, *map(str, arguments)]
        with tempfile.TemporaryDirectory(prefix="argocd-") as scratch:
            done = subprocess.run(
                [*command, "--argocd-cm-path", str(ARGOCD_CM)],
                env={**os.environ, "KUBECTL_EXTERNAL_DIFF": SHOW_RESULT, "TMPDIR": scratch},
                capture_output=True,
                text=True,
                check=False,
                timeout=SECONDS,
            )
        if done.returncode != 0:
            raise ArgoCDError(json.loads(done.stderr.splitlines()[-1])["msg"])
        return done.stdout
