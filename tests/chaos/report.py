"""The results of all disturbances: as a table, and as lines for programs."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.bench.instruments.machine import Machine
    from tests.chaos.run import Outcome

MOST_RSS_GROWTH_MIB = 16.0
"""Of one process over all runs of a disturbance, after it has warmed up."""


@dataclass(frozen=True, slots=True)
class Result:
    """What came of one disturbance.

    Attributes:
        name: of the disturbance.
        outcomes: of its runs.
        rss_growth_mib: of the operator's resident memory, in MiB; None when it was not one process all the time.
    """

    name: str
    outcomes: Sequence[Outcome]
    rss_growth_mib: float | None

    @property
    def injected(self) -> Counter[str]:
        """Faults of all runs, by kind."""
        total: Counter[str] = Counter()
        for outcome in self.outcomes:
            total.update(outcome.injected)
        return total

    @property
    def equal(self) -> int:
        """Runs that ended as the undisturbed one."""
        return sum(outcome.is_equal for outcome in self.outcomes)

    @property
    def problems(self) -> list[str]:
        """Why the disturbance did not go well; empty when it did."""
        found = [
            f"run {number}: {problem}"
            for number, outcome in enumerate(self.outcomes, 1)
            for problem in outcome.problems
        ]
        if self.rss_growth_mib is not None and self.rss_growth_mib > MOST_RSS_GROWTH_MIB:
            found.append(f"memory grew by {self.rss_growth_mib:.1f} MiB")
        return found


@dataclass(frozen=True, slots=True)
class Report:
    """All disturbances on one machine.

    Attributes:
        machine: where they ran.
        undisturbed_writes: of the operator, in a run that nothing disturbs.
        results: in the order in which they ran.
    """

    machine: Machine
    undisturbed_writes: int
    results: Sequence[Result]

    @property
    def metrics(self) -> dict[str, float]:
        """The figures for programs."""
        growths = [item.rss_growth_mib for item in self.results if item.rss_growth_mib is not None]
        return {
            "chaos_runs": sum(len(result.outcomes) for result in self.results),
            "chaos_equal": sum(result.equal for result in self.results),
            "chaos_faults": sum(result.injected.total() for result in self.results),
            "chaos_rss_growth_mib": max(growths, default=0.0),
        }

    @property
    def problems(self) -> list[str]:
        """Why the exit code is not 0."""
        return [f"{result.name}: {problem}" for result in self.results for problem in result.problems]


def table(report: Report) -> str:
    """Return the results as a Markdown table: one line for each disturbance."""
    heading = f"writes (undisturbed: {report.undisturbed_writes})"
    lines = [
        f"| disturbance | faults injected | runs | equal | {heading} | seconds | RSS growth, MiB |",
        "|---|---|---:|---:|---:|---:|---:|",
    ]
    for result in report.results:
        faults = ", ".join(f"{number:,} x {kind}" for kind, number in sorted(result.injected.items()))
        growth = "" if result.rss_growth_mib is None else f"{result.rss_growth_mib:.1f}"
        seconds = sum(outcome.seconds for outcome in result.outcomes)
        cells = [result.name, faults or "none", str(len(result.outcomes)), str(result.equal)]
        lines.append(f"| {' | '.join([*cells, _range(result), f'{seconds:.0f}', growth])} |")
    return "\n".join(lines)


def faults_by_kind(report: Report) -> str:
    """Return one line for each kind of fault."""
    total: Counter[str] = Counter()
    for result in report.results:
        total.update(result.injected)
    width = len(f"{max(total.values(), default=0):,}")
    return "\n".join(f"{number:>{width},}  {kind}" for kind, number in sorted(total.items()))


def metric_lines(report: Report) -> list[str]:
    """Return a line ``METRIC name=value`` for each figure."""
    return [f"METRIC {name}={value:.6g}" for name, value in report.metrics.items()]


def _range(result: Result) -> str:
    writes = [outcome.writes for outcome in result.outcomes]
    if not writes:
        return ""
    return str(writes[0]) if min(writes) == max(writes) else f"{min(writes)} to {max(writes)}"
