"""Measured loads as tables for people: one load compared with its plan, or several loads."""

from collections.abc import Mapping, Sequence

from internvl_operator.bench.latency_figures import Percentiles
from internvl_operator.bench.measured_load import MeasuredLoad

_LATE_SECONDS = 0.02
"""Above this, the program that measures is too slow itself."""

_HEADER = ("", "measured", "p95", "p99", "planned")
_COLUMNS = (
    "load",
    "requests/s",
    "tokens/s",
    "first token p50",
    "p95",
    "p99",
    "per token p50",
    "p95",
    "p99",
    "request p50",
    "p95",
    "p99",
    "failed",
)


def bench_text(measured: Sequence[MeasuredLoad], planned: Mapping[str, float] | None) -> str:
    """Return measured loads as lines of text.

    Args:
        measured: at least one.
        planned: figures of the plan for the first load, when there is only one and it was planned for.
    """
    if len(measured) > 1:
        return "\n".join([*_aligned([_COLUMNS, *map(_row, measured)]), *_remarks(measured)])
    (one,) = measured
    rows = [row if planned else row[:-1] for row in (_HEADER, *_figures(one, planned or {}))]
    return "\n".join([str(one.load), "", *_aligned(rows), *_remarks(measured)])


def _figures(one: MeasuredLoad, planned: Mapping[str, float]) -> list[tuple[str, ...]]:
    figures = one.figures
    rates = [
        ("requests/s", figures.requests_per_second, "requestsPerSecond", ".2f"),
        ("output tokens/s", figures.output_tokens_per_second, "outputTokensPerSecond", ".0f"),
    ]
    times = [
        ("time to first token, p50", figures.ttft, "ttftSeconds"),
        ("time per token, p50", figures.per_token, "secondsPerToken"),
        ("whole request, p50", figures.request, "requestSeconds"),
    ]
    return [
        *(
            (name, f"{value:{form}}", "", "", f"{planned[key]:{form}}" if key in planned else "-")
            for name, value, key, form in rates
        ),
        *(
            (name, *_each(value), _time(planned[key]) if key in planned else "-")
            for name, value, key in times
        ),
        ("in flight", f"{figures.in_flight:.1f}", "", "", ""),
    ]


def _row(one: MeasuredLoad) -> tuple[str, ...]:
    figures = one.figures
    return (
        one.load.pace,
        f"{figures.requests_per_second:.2f}",
        f"{figures.output_tokens_per_second:.0f}",
        *_each(figures.ttft),
        *_each(figures.per_token),
        *_each(figures.request),
        str(sum(figures.failures.values())),
    )


def _each(times: Percentiles) -> tuple[str, str, str]:
    return _time(times.p50), _time(times.p95), _time(times.p99)


def _time(seconds: float) -> str:
    return f"{1000 * seconds:.1f} ms" if seconds < 0.1 else f"{seconds:.2f} s"


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return rows as lines with aligned columns: the first to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            f"{cell:<{width}}" if number == 0 else f"{cell:>{width}}"
            for number, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def _remarks(measured: Sequence[MeasuredLoad]) -> list[str]:
    answered = sum(one.figures.requests for one in measured)
    failures: dict[str, int] = {}
    for one in measured:
        for kind, number in one.figures.failures.items():
            failures[kind] = failures.get(kind, 0) + number
    lines = ["", f"{answered} requests answered, {sum(failures.values())} failed"]
    lines += [f"  {number} x {kind}" for kind, number in failures.items()]
    late = max(one.figures.late for one in measured)
    if late > _LATE_SECONDS:
        lines.append(
            f"This program sent requests up to {_time(late)} late: it is itself a bottleneck, the model is faster"
        )
    return lines
