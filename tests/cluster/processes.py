"""A process of the cluster: started, waited for, stopped and started again, with its log in a file."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from tests.cluster.guardian import Guardian

START_SECONDS = 60.0
STOP_SECONDS = 15.0
POLL_SECONDS = 0.05
QUOTED_LOG_LINES = 20


class ProcessError(RuntimeError):
    """A process ended or did not become ready; the message quotes the end of its log."""


class Process:
    """One program with its arguments, restartable on the same ports and data.

    Args:
        name: For messages.
        argv: Command line.
        log: Output of every run, appended.
        guardian: Kills it when this interpreter dies.
        ready: Says whether it serves; asked until it does.
        env: Environment; None: this interpreter's.
    """

    def __init__(
        self,
        name: str,
        argv: Sequence[str],
        log: Path,
        guardian: Guardian,
        ready: Callable[[], bool] = lambda: True,
        env: Mapping[str, str] | None = None,
    ) -> None:
        self.name = name
        self.argv = list(argv)
        self.log = log
        self._guardian = guardian
        self._ready = ready
        self._env = env
        self._popen: subprocess.Popen[bytes] | None = None
        self._group: int | None = None

    @property
    def running(self) -> bool:
        """Whether it has been started and has not ended; a suspended process runs."""
        return self._popen is not None and self._popen.poll() is None

    @property
    def pid(self) -> int:
        """Process id, which is also its process group's.

        Raises:
            ProcessError: It has not been started.
        """
        if self._popen is None:
            raise ProcessError(f"{self.name} has not been started")
        return self._popen.pid

    @property
    def exit_code(self) -> int | None:
        """As subprocess has it (negative: the signal that ended it); None while it runs."""
        return None if self._popen is None else self._popen.poll()

    def start(self, timeout: float = START_SECONDS) -> None:
        """Start it and wait until it is ready.

        Args:
            timeout: Seconds.

        Raises:
            ProcessError: It runs already, ended, or was not ready in time; it is stopped then.
        """
        self.launch()
        self.wait_ready(timeout)

    def launch(self) -> None:
        """Start it without waiting.

        Raises:
            ProcessError: It runs already.
        """
        if self.running:
            raise ProcessError(f"{self.name} runs already")
        with self.log.open("ab") as log:
            self._popen = subprocess.Popen(
                self.argv,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=self._env,
                start_new_session=True,
            )
        self._group = self._popen.pid
        self._guardian.watch(self._group)

    def wait_ready(self, timeout: float = START_SECONDS) -> None:
        """Wait until it is ready.

        Args:
            timeout: Seconds.

        Raises:
            ProcessError: It ended or was not ready in time; it is stopped then.
        """
        deadline = time.monotonic() + timeout
        while True:
            answered = self._ready()
            # Afterwards: when it ended because its port was taken, the answer was another program's.
            if not self.running:
                raise ProcessError(f"{self.name} ended with exit code {self.exit_code}.\n{self.log_tail()}")
            if answered:
                return
            if time.monotonic() > deadline:
                self.kill()
                raise ProcessError(f"{self.name} was not ready after {timeout:g} s.\n{self.log_tail()}")
            time.sleep(POLL_SECONDS)

    def stop(self, timeout: float = STOP_SECONDS) -> None:
        """End it with SIGTERM, and with SIGKILL when that does not help; no error if it has ended.

        Args:
            timeout: Seconds between the two signals.
        """
        self._end(signal.SIGTERM, timeout)

    def kill(self) -> None:
        """End it at once with SIGKILL, as a crash would; no error if it has ended."""
        self._end(signal.SIGKILL, STOP_SECONDS)

    def suspend(self) -> None:
        """Halt it (SIGSTOP): its connections stay open and nothing answers."""
        os.killpg(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        """Let a suspended process go on."""
        os.killpg(self.pid, signal.SIGCONT)

    def log_tail(self, lines: int = QUOTED_LOG_LINES) -> str:
        """End of its log, with a line that says where the rest is."""
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        return "\n".join([f"The end of {self.log}:", *text.splitlines()[-lines:]])

    def _end(self, how: signal.Signals, timeout: float) -> None:
        # Once only: its number is another program's some day.
        group, self._group = self._group, None
        if self._popen is None or group is None:
            return
        # The whole group: a wrapper's children must go too, even when the wrapper has ended by itself.
        with suppress(ProcessLookupError):
            os.killpg(group, how)
            os.killpg(group, signal.SIGCONT)
        try:
            self._popen.wait(timeout)
        except subprocess.TimeoutExpired:
            with suppress(ProcessLookupError):
                os.killpg(group, signal.SIGKILL)
            self._popen.wait()
        self._guardian.forget(group)
