"""The results: as figures, as a table, and as lines for programs."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from statistics import median, quantiles
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from tests.bench.instruments.machine import Machine
    from tests.bench.series import Phase


@dataclass(frozen=True, slots=True)
class Run:
    """One run with so many resources.

    Attributes:
        count: resources.
        limits: seconds that the bare client took for the same writes: ``cold`` and ``hot``.
        phases: of the operator, by name.
    """

    count: int
    limits: Mapping[str, float]
    phases: Mapping[str, Phase]

    def ratio(self, phase: str) -> float:
        """Return the operator's time divided by the bare client's."""
        return self.phases[phase].seconds / self.limits[phase]

    @property
    def rss_mib(self) -> float:
        """The most resident memory in any phase, in MiB."""
        return max(phase.peak_rss_mib for phase in self.phases.values())


@dataclass(frozen=True, slots=True)
class Report:
    """All runs on one machine.

    Attributes:
        machine: where they ran.
        concurrency: seconds of the bare client by writes at once, the best first.
        runs: in the order in which they ran.
        latencies: seconds from created to Deployment, one list for each run.
    """

    machine: Machine
    concurrency: Mapping[int, float]
    runs: Sequence[Run]
    latencies: Sequence[Sequence[float]]

    @property
    def counts(self) -> list[int]:
        """The numbers of resources, in ascending order."""
        return sorted({run.count for run in self.runs})

    def values(self, count: int, figure: Callable[[Run], float]) -> list[float]:
        """Return a figure of each run with so many resources that has it."""
        found: list[float] = []
        for run in self.runs:
            if run.count == count:
                with suppress(KeyError):
                    found.append(figure(run))
        return found

    @property
    def metrics(self) -> dict[str, float]:
        """The figures that the project's targets are about: medians of the runs, steady writes their sum."""
        found: dict[str, float] = {}
        for count in self.counts:
            ratios = [median(self.values(count, partial(Run.ratio, phase=name))) for name in ("cold", "hot")]
            found[f"converge_ratio_{count}"] = max(ratios)
            found[f"rss_mib_{count}"] = median(self.values(count, lambda run: run.rss_mib))
        rested = [run.phases["steady"] for run in self.runs if "steady" in run.phases]
        if not rested:
            return found
        found["steady_writes"] = sum(phase.requests.writes for phase in rested)
        percentiles = [quantiles(sample, n=100, method="inclusive") for sample in self.latencies]
        found["create_p50_ms"] = 1000 * median(cuts[49] for cuts in percentiles)
        found["create_p95_ms"] = 1000 * median(cuts[94] for cuts in percentiles)
        return found


def table(report: Report) -> str:
    """Return the results as a Markdown table: one column for each number of resources."""
    counts = report.counts
    lines = [
        f"| | {' | '.join(f'{count:,}' for count in counts)} |",
        f"|---|{'---:|' * len(counts)}",
    ]
    for label, figure, digits in _rows():
        cells = (_median_and_spread(report.values(count, figure), digits) for count in counts)
        lines.append(f"| {label} | {' | '.join(cells)} |")
    return "\n".join(lines)


def metric_lines(report: Report) -> list[str]:
    """Return a line ``METRIC name=value`` for each figure."""
    return [f"METRIC {name}={value:.4g}" for name, value in report.metrics.items()]


def _rows() -> list[tuple[str, Callable[[Run], float], int]]:
    return [
        ("cold: seconds to converge", lambda run: run.phases["cold"].seconds, 1),
        ("cold: the bare client", lambda run: run.limits["cold"], 1),
        ("cold: ratio", lambda run: run.ratio("cold"), 2),
        ("hot: seconds to converge", lambda run: run.phases["hot"].seconds, 1),
        ("hot: the bare client", lambda run: run.limits["hot"], 1),
        ("hot: ratio", lambda run: run.ratio("hot"), 2),
        ("edit of all: seconds", lambda run: run.phases["edit"].seconds, 1),
        ("restart: seconds", lambda run: run.phases["restart"].seconds, 1),
        ("deletion of all: seconds", lambda run: run.phases["delete"].seconds, 1),
        ("operator: CPU ms per resource, cold", lambda run: _cpu_ms(run, "cold"), 1),
        ("operator: CPU ms per resource, hot", lambda run: _cpu_ms(run, "hot"), 1),
        ("operator: CPU ms per resource, edit", lambda run: _cpu_ms(run, "edit"), 1),
        ("operator: CPU ms per resource, restart", lambda run: _cpu_ms(run, "restart"), 1),
        ("operator: CPU ms per resource, deletion", lambda run: _cpu_ms(run, "delete"), 1),
        ("operator: CPU ms in a quiet minute", lambda run: 1000 * run.phases["steady"].cpu_seconds, 0),
        ("operator: peak memory, MiB", lambda run: run.rss_mib, 0),
        ("etcd: KiB per resource, hot", lambda run: run.phases["hot"].stored_kib / run.count, 0),
        ("API server: CPU ms per resource, hot", lambda run: _server_cpu_ms(run, "hot"), 1),
        ("writes per resource, cold", lambda run: run.phases["cold"].requests.writes / run.count, 2),
        ("writes per resource, hot", lambda run: run.phases["hot"].requests.writes / run.count, 2),
        ("writes per resource, edit", lambda run: run.phases["edit"].requests.writes / run.count, 2),
        ("writes, restart", lambda run: run.phases["restart"].requests.writes, 0),
        ("writes, deletion of all", lambda run: run.phases["delete"].requests.writes, 0),
        ("reads, cold", lambda run: run.phases["cold"].requests.reads, 0),
        ("reads, hot", lambda run: run.phases["hot"].requests.reads, 0),
        ("writes in a quiet minute", lambda run: run.phases["steady"].requests.writes, 0),
        ("reads in a quiet minute", lambda run: run.phases["steady"].requests.reads, 0),
    ]


def _cpu_ms(run: Run, phase: str) -> float:
    return 1000 * run.phases[phase].cpu_seconds / run.count


def _server_cpu_ms(run: Run, phase: str) -> float:
    return 1000 * run.phases[phase].server_cpu_seconds / run.count


def _median_and_spread(values: Sequence[float], digits: int) -> str:
    if not values:
        return ""
    text = f"{median(values):.{digits}f}"
    if len(values) == 1:
        return text
    return f"{text} ({min(values):.{digits}f} to {max(values):.{digits}f})"
