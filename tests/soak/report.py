"""The summary of a soak, and its figures for programs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from tests.bench.instruments.machine import Machine

MOST_RSS_GROWTH_MIB = 32.0
"""Of one process between the last kill and the end of the acts."""

_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Sample:
    """The operator at one moment.

    Attributes:
        seconds: since the first act.
        rss_mib: resident memory, in MiB.
        queue_depth: resources that are ready to be reconciled.
        process: id of the process.
    """

    seconds: float
    rss_mib: float
    queue_depth: int
    process: int


@dataclass(frozen=True, slots=True)
class Summary:
    """What came of a soak.

    Attributes:
        machine: where it ran.
        seed: of everything that was left to chance.
        seconds: for which acts went on.
        resources: that should exist in the end.
        acts: by kind.
        faults: by kind.
        samples: in the order of time.
        settle_seconds: from the last act to the operator's last write.
        unconverged: what is wrong in the end, by the name of the resource.
        final_queue_depth: of the operator in the end.
        writes_at_rest: of an operator that is started anew in the end.
    """

    machine: Machine
    seed: int
    seconds: float
    resources: int
    acts: Mapping[str, int]
    faults: Mapping[str, int]
    samples: Sequence[Sample]
    settle_seconds: float
    unconverged: Mapping[str, Sequence[str]]
    final_queue_depth: int
    writes_at_rest: int

    @property
    def steady(self) -> list[Sample]:
        """The samples of the process that ran last, without its first minute if there are later ones."""
        last = [sample for sample in self.samples if sample.process == self.samples[-1].process]
        warm = [sample for sample in last if sample.seconds >= last[0].seconds + 60.0]
        return warm if len(warm) > 1 else last

    @property
    def rss_mib_per_hour(self) -> float:
        """Growth of the operator's memory by least squares, in MiB per hour."""
        return 3600.0 * slope([(sample.seconds, sample.rss_mib) for sample in self.steady])

    @property
    def rss_growth_mib(self) -> float:
        """Growth of the operator's memory over the steady samples, along that line."""
        return self.rss_mib_per_hour / 3600.0 * (self.steady[-1].seconds - self.steady[0].seconds)

    @property
    def metrics(self) -> dict[str, float]:
        """The figures for programs."""
        return {
            "soak_unconverged": len(self.unconverged),
            "soak_rss_growth_mib": self.rss_growth_mib,
            "soak_rss_mib_per_hour": self.rss_mib_per_hour,
            "soak_queue_depth": self.final_queue_depth,
            "soak_largest_queue_depth": max(sample.queue_depth for sample in self.samples),
            "soak_faults": sum(self.faults.values()),
            "soak_writes_at_rest": self.writes_at_rest,
        }

    @property
    def problems(self) -> list[str]:
        """Why the exit code is not 0."""
        lines = [f"{name}: {line}" for name, lines in sorted(self.unconverged.items()) for line in lines]
        found = lines[:_SHOWN]
        if self.final_queue_depth:
            found.append(f"{self.final_queue_depth} resources wait in the queue")
        if self.writes_at_rest:
            found.append(f"an operator that is started anew makes {self.writes_at_rest} writes")
        if self.rss_growth_mib > MOST_RSS_GROWTH_MIB:
            found.append(f"memory grew by {self.rss_growth_mib:.1f} MiB")
        return found


def slope(points: Sequence[tuple[float, float]]) -> float:
    """Return the slope of the line through points by least squares; 0 where there is none."""
    count = len(points)
    if count < 2:
        return 0.0
    mean_x = sum(x for x, _ in points) / count
    mean_y = sum(y for _, y in points) / count
    spread = sum((x - mean_x) ** 2 for x, _ in points)
    return sum((x - mean_x) * (y - mean_y) for x, y in points) / spread if spread else 0.0


def table(summary: Summary) -> str:
    """Return the summary as a Markdown table."""
    largest = max(sample.queue_depth for sample in summary.samples)
    rows = [
        ("seed", str(summary.seed)),
        ("seconds", f"{summary.seconds:.0f}"),
        ("resources in the end", f"{summary.resources:,}"),
        ("acts", _counts(summary.acts)),
        ("faults", _counts(summary.faults)),
        (
            "resident memory at each minute, MiB",
            ", ".join(f"{mib:.0f}" for mib in by_minute(summary.samples)),
        ),
        (
            f"its growth over the last {summary.steady[-1].seconds - summary.steady[0].seconds:.0f} s, MiB",
            f"{summary.rss_growth_mib:.1f} ({summary.rss_mib_per_hour:.1f} per hour)",
        ),
        ("queue depth, largest", str(largest)),
        ("queue depth in the end", str(summary.final_queue_depth)),
        ("seconds to the last write", f"{summary.settle_seconds:.0f}"),
        ("writes of an operator started anew", str(summary.writes_at_rest)),
        ("unconverged resources", str(len(summary.unconverged))),
    ]
    return "\n".join(["| | |", "|---|---|", *(f"| {name} | {value} |" for name, value in rows)])


def metric_lines(summary: Summary) -> list[str]:
    """Return a line ``METRIC name=value`` for each figure."""
    return [f"METRIC {name}={value:.4g}" for name, value in summary.metrics.items()]


def by_minute(samples: Iterable[Sample]) -> list[float]:
    """Return the resident memory at the first sample of each minute, in MiB."""
    minutes: dict[int, float] = {}
    for sample in samples:
        minutes.setdefault(int(sample.seconds // 60), sample.rss_mib)
    return list(minutes.values())


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{number:,} x {name}" for name, number in sorted(counts.items())) or "none"
