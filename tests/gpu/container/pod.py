"""A container's process with its mounts and its user, as near to a Pod as this machine allows.

With root and mount namespaces the process sees the model, its scratch directory and a /dev/shm of the given size under
the manifest's paths, and runs as its user without capabilities. Elsewhere the paths in its command line and
environment become this machine's.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.gpu.container.manifest import Container

_ISOLATE = """
set -e
mount -t tmpfs -o size="$1",mode=1777 tmpfs /dev/shm
mkdir -p "$3" "$5"
mount --bind "$2" "$3"
mount -o remount,bind,ro "$3"
mount --bind "$4" "$5"
shift 5
exec "$@"
"""


@dataclass(frozen=True, slots=True)
class Isolation:
    """What of a container is as in its manifest; the user only together with the mounts."""

    mounts: bool
    user: bool

    def __str__(self) -> str:
        if not self.mounts:
            return "the machine's mounts, /dev/shm and user"
        user = "user without capabilities" if self.user else "not the user"
        return f"the manifest's mounts, its size of /dev/shm, {user}"


def can_mount() -> bool:
    """Return whether this user may mount what a manifest says in a namespace of its own."""
    if os.geteuid() != 0 or not shutil.which("unshare") or not shutil.which("setpriv"):
        return False
    tried = ["unshare", "--mount", "mount", "-t", "tmpfs", "tmpfs", "/dev/shm"]
    return subprocess.run(tried, capture_output=True, check=False).returncode == 0


class Pod:
    """One run of a container.

    Args:
        container: What to run.
        model: The directory with the model on this machine.
        scratch: A directory for the scratch volume.
        log: The file for the container's output.
        isolation: What is as in the manifest.
    """

    def __init__(
        self, container: Container, model: Path, scratch: Path, log: Path, isolation: Isolation
    ) -> None:
        self.container = container
        self.log = log
        self._model = model
        self._scratch = scratch
        self._isolation = isolation
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the container's process; this process's environment stands for the image's."""
        self._scratch.mkdir(parents=True, exist_ok=True)
        command, env = list(self.container.command), dict(self.container.env)
        if self._isolation.mounts:
            os.chown(self._scratch, self.container.user, self.container.group)
            command = [*self._isolated(), *command]
        else:
            command = [self._here(word) for word in command]
            env = {name: self._here(value) for name, value in env.items()}
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, **env},
                start_new_session=True,
            )

    @property
    def exit_code(self) -> int | None:
        """As subprocess has it (negative: the signal that ended it); None while it runs."""
        return self._running.poll()

    @property
    def process_id(self) -> int:
        """Of the container's first process, which leads a session of its own."""
        return self._running.pid

    def terminate(self) -> None:
        """Send SIGTERM to the container's first process, as a runtime does."""
        self._running.send_signal(signal.SIGTERM)

    def wait(self, seconds: float) -> int | None:
        """Wait for the end; return the exit code, or None when it runs still."""
        with suppress(subprocess.TimeoutExpired):
            return self._running.wait(max(0.0, seconds))
        return None

    def kill(self) -> None:
        """End every process of the container."""
        with suppress(ProcessLookupError):
            os.killpg(self._running.pid, signal.SIGKILL)
        self._running.wait()

    def output(self) -> str:
        """What the container has printed."""
        return self.log.read_text(errors="replace")

    @property
    def _running(self) -> subprocess.Popen[bytes]:
        assert self._process is not None, "not started"
        return self._process

    def _here(self, text: str) -> str:
        places = {
            self.container.model_directory: str(self._model),
            self.container.scratch_directory: str(self._scratch),
        }
        for there, here in places.items():
            if text == there or text.startswith(f"{there}/"):
                return here + text.removeprefix(there)
        return text

    def _isolated(self) -> list[str]:
        container = self.container
        # tmpfs takes the same units without the last letter: 2Gi is 2G there.
        arguments = [container.shared_memory.removesuffix("i"), str(self._model), container.model_directory]
        arguments += [str(self._scratch), container.scratch_directory]
        setpriv: list[str] = []
        if self._isolation.user:
            setpriv = ["setpriv", f"--reuid={container.user}", f"--regid={container.group}", "--clear-groups"]
            setpriv += ["--no-new-privs", "--bounding-set=-all", "--inh-caps=-all"]
        unshare = ["unshare", "--mount", "--propagation", "private"]
        return [*unshare, "sh", "-c", _ISOLATE, "sh", *arguments, *setpriv]
