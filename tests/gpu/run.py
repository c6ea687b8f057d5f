"""Runs one case: the order of a container's life, and what has to be so at each step."""

from __future__ import annotations

import shlex
import socket
import time
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from internvl_operator.catalog.models import INTERNVL2, MODELS
from tests.gpu import nvidia
from tests.gpu.checkpoint import write_checkpoint
from tests.gpu.client import ANSWER_TOKENS, IMAGE_TILES, Stream, chat, image_message, text_message
from tests.gpu.container.pod import Isolation, Pod
from tests.gpu.container.probing import HOST, Prober
from tests.gpu.result import CaseResult, Check

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.gpu.container.manifest import Container

_POLL_SECONDS = 0.1
_IMAGE_TOKENS = 256 * IMAGE_TILES
STREAM_SECONDS = 6.0
"""How long the answer that is in flight at SIGTERM should take, by the rate of an earlier one."""

_STREAM_TOKENS = (512, 3072)
"""Fewest and most tokens of that answer."""

_FIRST_CHUNK_SECONDS = 1.0
_TELLS = "out of memory"
_ENDED = (0, -15, 143)
"""Exit codes of a server that SIGTERM ended."""


def today() -> str:
    """Return the date of a run (UTC)."""
    return datetime.now(UTC).date().isoformat()


@dataclass(frozen=True, slots=True)
class Machine:
    """Where cases run.

    Attributes:
        directory: For checkpoints, scratch volumes and logs.
        models: A directory with real models by name; None: checkpoints with zero weights are written.
        isolation: What of the containers is as in the manifests.
        tell: Called with each line of the log.
    """

    directory: Path
    models: Path | None
    isolation: Isolation
    tell: Callable[[str], None]


class Run:
    """One container on this machine.

    Args:
        name: Of the case.
        container: What to run.
        machine: Where.
        predicted: The plan's outcome.
        stream_seconds: See `STREAM_SECONDS`.
    """

    def __init__(
        self,
        name: str,
        container: Container,
        machine: Machine,
        predicted: str,
        stream_seconds: float = STREAM_SECONDS,
    ) -> None:
        self.container = container
        self._stream_seconds = stream_seconds
        self.result = CaseResult(name, today(), shlex.join(container.command), predicted)
        self._machine = machine
        self._before = nvidia.used_mib()
        directory = machine.directory / name
        directory.mkdir(parents=True)
        self.pod = Pod(
            container, self._model(), directory / "scratch", directory / "engine.log", machine.isolation
        )
        self._prober = Prober(container.probes, container.port, self.tell)
        self._started = 0.0

    def tell(self, line: str) -> None:
        """Write a line to the log, with the seconds since the start."""
        since = time.monotonic() - self._started if self._started else 0.0
        self._machine.tell(f"{self.result.name:10s} {since:7.2f} s  {line}")

    def check(self, name: str, passed: bool, detail: str) -> bool:
        """Note one check, and return whether it passed."""
        self.result.checks.append(Check(name, passed, detail))
        self.tell(f"{'ok' if passed else 'FAILED'}: {name}: {detail}")
        return passed

    def serve(self) -> CaseResult:
        """Run a container that should serve, up to its end by SIGTERM."""
        with self._running():
            if self._starts():
                self._memory()
                tokens_per_second = self._chats()
                self._stays_healthy()
                self._drains(tokens_per_second)
        return self.result

    def fail(self, outcome: str) -> CaseResult:
        """Run a container that should fail as a refused plan says: ``oom`` or ``no_kv_for_session``."""
        with self._running():
            opened = self._wait_for_port()
            code = self.pod.exit_code
            self.check(
                "the port never opens", opened is None, "closed" if opened is None else f"{opened:.1f} s"
            )
            seconds = time.monotonic() - self._started
            if outcome == "oom":
                self._aborts(code, seconds)
            else:
                self._hangs(code, seconds)
        return self.result

    @contextmanager
    def _running(self) -> Iterator[None]:
        """Start the container, and end it; an error in between is a check that failed."""
        self._started = time.monotonic()
        self.pod.start()
        self.tell("started")
        self._prober.start()
        try:
            yield
        except Exception as error:
            self.check("the case goes through", False, repr(error))
        finally:
            self._prober.stop()
            self.pod.kill()
            held = nvidia.wait_until_freed(self._before)
            self.check("the GPU's memory is free again", held == 0, f"{held} MiB held")

    def _starts(self) -> bool:
        opened = self._wait_for_port()
        self.result.port_open = opened
        detail = f"after {opened:.1f} s" if opened is not None else self._why_closed()
        if not self.check("the port opens", opened is not None, detail):
            return False
        probes = self.container.probes
        times = [
            self._first_pass(kind, probes["startupProbe"].budget)
            for kind in ("startupProbe", "readinessProbe")
        ]
        self.result.startup, self.result.readiness = times
        return self.check("startup passes, then readiness", None not in times, f"after {_seconds(*times)}")

    def _wait_for_port(self) -> float | None:
        """Return when the port opened; None when the process or the startup probe's budget ended first."""
        while self.pod.exit_code is None and not self._prober.exhausted("startupProbe"):
            with socket.socket() as probe:
                if probe.connect_ex((HOST, self.container.port)) == 0:
                    return time.monotonic() - self._started
            time.sleep(_POLL_SECONDS)
        return None

    def _why_closed(self) -> str:
        code = self.pod.exit_code
        return "closed when the startup probe gave up" if code is None else f"exit code {code}"

    def _first_pass(self, kind: str, seconds: float) -> float | None:
        deadline = time.monotonic() + seconds
        while (passed := self._prober.first_pass(kind)) is None:
            if time.monotonic() > deadline or self.pod.exit_code is not None:
                return None
            time.sleep(_POLL_SECONDS)
        return passed - self._started

    def _memory(self) -> None:
        result = self.result
        result.planned_mib = self.container.plan["memory"]["usedMiB"]
        result.used_mib = nvidia.most_used_mib(self._before)
        assert result.error is not None
        self.check(
            "used memory is within 3 % of the plan",
            result.is_as_planned,
            f"{result.used_mib} MiB used, {result.planned_mib} MiB planned, {100 * result.error:+.2f} %",
        )

    def _chats(self) -> float:
        """Ask with text and with an image; return the tokens per second of the first answer."""
        model = self._flag("--model-name")
        text = chat(self.container.port, model, text_message())
        answered = text.status == 200 and text.completion_tokens == ANSWER_TOKENS
        self.check("chat with text is answered", answered, str(text))
        image = chat(self.container.port, model, image_message())
        tokens = image.prompt_tokens - text.prompt_tokens
        answered = image.status == 200 and image.completion_tokens == ANSWER_TOKENS
        self.check(
            f"chat with an image of {IMAGE_TILES} tiles is answered",
            answered and 0 <= tokens - _IMAGE_TOKENS < 64,
            f"{image}; {tokens} prompt tokens more than without",
        )
        self.result.peak_mib = nvidia.most_used_mib(self._before)
        return text.completion_tokens / text.seconds if text.seconds else 0.0

    def _stays_healthy(self) -> None:
        liveness = self.container.probes["livenessProbe"]
        live = self._first_pass("livenessProbe", liveness.period + liveness.timeout)
        self.result.liveness = live
        startup = self.result.startup
        self.check(
            "liveness passes, after startup",
            live is not None and startup is not None and live >= startup,
            f"after {_seconds(live)}",
        )
        given_up = [kind for kind in self.container.probes if self._prober.exhausted(kind)]
        self.check("no probe gives up", not given_up, ", ".join(given_up) or "none did")

    def _drains(self, tokens_per_second: float) -> None:
        fewest, most = _STREAM_TOKENS
        tokens = round(min(most, max(fewest, self._stream_seconds * tokens_per_second)))
        stream = Stream(self.container.port, self._flag("--model-name"), tokens)
        stream.begun.wait(_FIRST_CHUNK_SECONDS)
        in_flight = not stream.whole
        self._prober.stop()
        asked = time.monotonic()
        self.pod.terminate()
        self.tell("SIGTERM")
        closed = self._port_closes(asked + self.container.grace_seconds)
        still = not stream.whole
        stream.wait(asked + self.container.grace_seconds - time.monotonic())
        self.check(
            "no more connections after SIGTERM, while an answer is in flight",
            in_flight and closed is not None and still,
            f"closed {_seconds(None if closed is None else closed - asked)} after SIGTERM",
        )
        whole = stream.whole and stream.reply.completion_tokens == tokens
        self.check("the streamed answer in flight is finished", whole, str(stream.reply))
        code = self.pod.wait(asked + self.container.grace_seconds - time.monotonic())
        self.result.drain = time.monotonic() - asked
        self.check(
            f"the process ends within {self.container.grace_seconds:g} s",
            code in _ENDED,
            f"exit code {code}, {self.result.drain:.1f} s after SIGTERM",
        )

    def _port_closes(self, deadline: float) -> float | None:
        while time.monotonic() < deadline:
            with socket.socket() as probe:
                if probe.connect_ex((HOST, self.container.port)) != 0:
                    return time.monotonic()
            time.sleep(_POLL_SECONDS / 4)
        return None

    def _aborts(self, code: int | None, seconds: float) -> None:
        ended = code is not None and code != 0
        self.check("the process ends by itself", ended, f"exit code {code} after {seconds:.1f} s")
        self.check("its log says why", self._tells(), _TELLS)

    def _tells(self) -> bool:
        return _TELLS in self.pod.output().lower()

    def _hangs(self, code: int | None, seconds: float) -> None:
        budget = self.container.probes["startupProbe"].budget
        gave_up = self._prober.exhausted("startupProbe")
        log = f"its log {'says' if self._tells() else 'does not say'} {_TELLS}"
        detail = f"port closed for {seconds:.1f} s, the shortened budget is {budget:g} s; {log}"
        self.check("the process stays, until the startup probe gives up", code is None and gave_up, detail)
        self._prober.stop()
        asked = time.monotonic()
        self.pod.terminate()
        ended = self.pod.wait(self.container.grace_seconds)
        how = "only SIGKILL ends it" if ended is None else f"exit code {ended}"
        self.check(
            "SIGTERM ends it", ended is not None, f"{how}, {time.monotonic() - asked:.1f} s after SIGTERM"
        )

    def _flag(self, flag: str) -> str:
        return self.container.command[self.container.command.index(flag) + 1]

    def _model(self) -> Path:
        directory = Path(self.container.model_directory).name
        if self._machine.models:
            return self._machine.models / directory
        path = self._machine.directory / "models" / directory
        if not path.exists():
            plan = self.container.plan
            write_checkpoint(
                MODELS[plan.get("series", INTERNVL2), plan["size"]], plan["quantization"] == "AWQ", path
            )
        return path


def _seconds(*times: float | None) -> str:
    return " and ".join("never" if seconds is None else f"{seconds:.2f} s" for seconds in times)
