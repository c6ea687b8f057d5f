"""What runs found: a case's checks, kept as JSON, and the report in Markdown and CSV."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

TOLERANCE = 0.03
"""Of the used memory against the plan."""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that had to be so."""

    name: str
    passed: bool
    detail: str


@dataclass(slots=True)
class CaseResult:
    """What was found for one case; seconds from the container's start, memory in MiB per GPU."""

    name: str
    date: str
    command: str
    predicted: str
    planned_mib: int | None = None
    used_mib: int | None = None
    peak_mib: int | None = None
    port_open: float | None = None
    startup: float | None = None
    readiness: float | None = None
    liveness: float | None = None
    drain: float | None = None
    checks: list[Check] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        """Whether there were checks and all passed."""
        return bool(self.checks) and all(check.passed for check in self.checks)

    @property
    def error(self) -> float | None:
        """Share by which more memory is used than planned; negative: less."""
        if self.used_mib is None or not self.planned_mib:
            return None
        return self.used_mib / self.planned_mib - 1

    @property
    def is_as_planned(self) -> bool:
        """Whether the used memory was read and is within the tolerance."""
        return self.error is not None and abs(self.error) <= TOLERANCE


def load(path: Path) -> list[CaseResult]:
    """Return the results in a file that `save` wrote; none when there is no file."""
    if not path.exists():
        return []
    return [
        CaseResult(**{**result, "checks": [Check(**check) for check in result["checks"]]})
        for result in json.loads(path.read_text())
    ]


def save(path: Path, results: list[CaseResult]) -> None:
    """Write results to a file."""
    path.write_text(json.dumps([asdict(result) for result in results], indent=1) + "\n")


_COLUMNS = (
    *("case", "date", "predicted", "planned_mib", "used_mib", "error_percent", "peak_mib"),
    *("port_open_s", "startup_s", "readiness_s", "liveness_s", "drain_s", "result"),
)


def csv_report(results: list[CaseResult]) -> str:
    """Return a line for each case."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_COLUMNS)
    writer.writerows(_row(result) for result in results)
    return text.getvalue()


def markdown_report(title: str, facts: dict[str, str], results: list[CaseResult]) -> str:
    """Return the report: where it ran, a table, and each check with what was seen."""
    lines = [f"# {title}", "", *(f"- {name}: {value}" for name, value in facts.items()), ""]
    lines += [f"| {' | '.join(_COLUMNS)} |", f"|{'---|' * len(_COLUMNS)}"]
    lines += [f"| {' | '.join(_row(result))} |" for result in results]
    for result in results:
        lines += [
            "",
            f"## {result.name}",
            "",
            f"`{result.command}`",
            "",
            "| check | result | seen |",
            "|---|---|---|",
        ]
        lines += [
            f"| {check.name} | {'passed' if check.passed else 'FAILED'} | {_cell(check.detail)} |"
            for check in result.checks
        ]
    return "\n".join(lines) + "\n"


def _row(result: CaseResult) -> list[str]:
    error = "" if result.error is None else f"{100 * result.error:+.2f}"
    memory = [_number(result.planned_mib), _number(result.used_mib), error, _number(result.peak_mib)]
    times = (result.port_open, result.startup, result.readiness, result.liveness, result.drain)
    return [
        result.name,
        result.date,
        result.predicted,
        *memory,
        *("" if seconds is None else f"{seconds:.1f}" for seconds in times),
        "passed" if result.passed else "FAILED",
    ]


def _number(value: int | None) -> str:
    return "" if value is None else str(value)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
