"""What a measurement found, as it is kept and read again."""

import fcntl
import hashlib
import json
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from internvl_operator.api.reasons import Reason
from internvl_operator.measurement.configuration import Configuration
from internvl_operator.planner.outcome import Outcome

INVALID = "Invalid"
"""The reason of a configuration that the API server refuses."""

_OUTCOMES: Mapping[str, Outcome] = {
    Reason.OUT_OF_GPU_MEMORY: Outcome.OOM,
    Reason.WARMUP_HUNG: Outcome.NO_KV_FOR_SESSION,
    Reason.ENGINE_REJECTED_FLAGS: Outcome.REJECTED,
}
"""What a resource's reason says of the engine."""


@dataclass(frozen=True, slots=True)
class Measurement:
    """A configuration and what became of it; memory of one GPU in MiB.

    Args:
        plan: the resource's ``status.plan``; None when it has none.
        used_mib: of each GPU, with the server up; empty when it did not come up.
        seconds: from the creation of the resource to its readiness.
        reason: why it did not come up, in one word.
        message: the same as a sentence.
    """

    configuration: Configuration
    plan: Mapping[str, Any] | None = None
    used_mib: tuple[int, ...] = ()
    seconds: float | None = None
    reason: str = ""
    message: str = ""

    @property
    def most_used_mib(self) -> int | None:
        """Of the GPU that uses most, which is the one that has to fit."""
        return max(self.used_mib, default=None)

    @property
    def outcome(self) -> Outcome | None:
        """What the engine did; None when that was not seen."""
        return Outcome.OK if self.used_mib else _OUTCOMES.get(self.reason)

    @property
    def is_settled(self) -> bool:
        """Whether another try would find the same: it was seen what the engine does, or it is refused before."""
        is_refused = self.plan is not None and self.plan["outcome"] != Outcome.OK
        return self.outcome is not None or is_refused or self.reason == INVALID

    @property
    def predicted_mib(self) -> int | None:
        """What the plan says that a GPU uses; None when the plan says that it does not run."""
        if self.plan is None or self.plan["outcome"] != Outcome.OK:
            return None
        return int(self.plan["memory"]["usedMiB"])

    @property
    def error_percent(self) -> float | None:
        """How much more or less than predicted is used, in percent of what is used."""
        used, predicted = self.most_used_mib, self.predicted_mib
        return None if used is None or predicted is None else 100 * (predicted - used) / used

    def document(self) -> dict[str, Any]:
        """Return the measurement as JSON."""
        return asdict(self)

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Self:
        """Return the measurement that a document was made from.

        Raises:
            KeyError, TypeError: it is not one.
        """
        fields = dict(document)
        return cls(
            **fields
            | {
                "configuration": Configuration(**fields["configuration"]),
                "used_mib": tuple(fields["used_mib"]),
            }
        )


class Journal:
    """The file that keeps each measurement from the moment it is made, so that a run can be taken up again.

    Args:
        path: a line of JSON for each measurement.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    @property
    def campaign(self) -> str:
        """The name of the measurement that is kept here, the same for each of its runs on this machine."""
        place = f"{socket.gethostname()}:{self._path.absolute()}"
        return hashlib.sha256(place.encode()).hexdigest()[:16]

    @contextmanager
    def reserved(self) -> Iterator[None]:
        """Keep other runs from the file while the context lasts.

        Raises:
            OSError: the file cannot be opened.
            ValueError: another run uses it.
        """
        with self._path.open("a", encoding="utf-8") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise ValueError(f"another run uses {self._path}: give a --journal of its own") from None
            yield

    def read(self) -> dict[Configuration, Measurement]:
        """Return the measurements that the journal has.

        Raises:
            OSError: the file cannot be read.
            ValueError: it is another file.
        """
        if not self._path.exists():
            return {}
        # A run that was killed may have left half a line at the end.
        *lines, _ = self._path.read_text(encoding="utf-8").split("\n")
        try:
            known = [Measurement.of(json.loads(line)) for line in lines]
        except (ValueError, KeyError, TypeError):
            raise ValueError(f"{self._path} holds something else than measurements") from None
        return {measurement.configuration: measurement for measurement in known}

    def add(self, measurement: Measurement) -> None:
        """Keep a measurement.

        Raises:
            OSError: the file cannot be written.
        """
        with self._path.open("r+" if self._path.exists() else "w", encoding="utf-8") as file:
            text = file.read() if file.readable() else ""
            file.seek(text.rfind("\n") + 1)
            file.truncate()
            file.write(json.dumps(measurement.document()) + "\n")
