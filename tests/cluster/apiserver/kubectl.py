"""The program kubectl as a function."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

KUBECTL_SECONDS = 120.0


class KubectlError(RuntimeError):
    """It ended with an error; the message is what it printed."""


def kubectl(program: Path, kubeconfig: Path, arguments: Sequence[str], standard_input: str | None) -> str:
    """What kubectl prints on standard output.

    Args:
        program: The kubectl to run; what it learns of the API is kept beside the kubeconfig.
        kubeconfig: Which cluster, and who asks.
        arguments: As on the command line.
        standard_input: For ``-f -``.

    Raises:
        KubectlError: It ended with an error.
    """
    command = [str(program), f"--kubeconfig={kubeconfig}", f"--cache-dir={kubeconfig}.cache", *arguments]
    done = subprocess.run(
        command, input=standard_input, capture_output=True, text=True, check=False, timeout=KUBECTL_SECONDS
    )
    if done.returncode != 0:
        raise KubectlError(f"kubectl {' '.join(arguments)}: {done.stderr.strip()}")
    return done.stdout
