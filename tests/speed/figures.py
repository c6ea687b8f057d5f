"""Figures of one measurement, and the file that keeps them."""

from __future__ import annotations

import csv
import math
from dataclasses import asdict, dataclass, fields
from statistics import fmean
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tests.speed.requests.load import Observation


@dataclass(frozen=True, slots=True)
class Figures:
    """What a server did under a load; times are seconds.

    Attributes:
        requests: Answered in the measured part.
        requests_per_s: By count.
        steady_requests_per_s: Requests in flight over the mean time of one, which waves disturb less. Too high where
            the warm-up is shorter than two requests: the first ones had fewer beside them.
        output_tokens_per_s: Of all answers together, by the steady rate.
        prompt_tokens: Of one request.
        ttft_p50_s: To the first text; the median.
        ttft_mean_s: To the first text; the mean.
        ttft_p95_s: To the first text; of 20 requests the slowest but one.
        token_p50_s: Between two tokens.
        request_p50_s: To the last text.
        errors: Failed requests, in the warm-up too.
    """

    requests: int
    requests_per_s: float
    steady_requests_per_s: float
    output_tokens_per_s: float
    prompt_tokens: int
    ttft_p50_s: float
    ttft_mean_s: float
    ttft_p95_s: float
    token_p50_s: float
    request_p50_s: float
    errors: int


class NoAnswerError(ValueError):
    """A server answered no request in the time that was measured."""


def figures(seen: Observation, in_flight: int) -> Figures:
    """Return the figures of the measured part.

    Args:
        seen: what all clients saw.
        in_flight: clients; 0 where requests came by themselves, whose rate is what was counted.

    Raises:
        NoAnswerError: no request was answered in it; the message holds the first error.
    """
    done = [timing for timing in seen.timings if seen.begin <= timing.last <= seen.end]
    if not done:
        raise NoAnswerError(f"no request was answered: {next(iter(seen.errors), 'all were still under way')}")
    counted = len(done) / (seen.end - seen.begin)
    rate = in_flight * len(done) / sum(timing.seconds for timing in done) if in_flight else counted
    tokens = sum(timing.output_tokens for timing in done) / len(done)
    return Figures(
        requests=len(done),
        requests_per_s=round(counted, 2),
        steady_requests_per_s=round(rate, 2),
        output_tokens_per_s=round(rate * tokens),
        prompt_tokens=done[0].prompt_tokens,
        ttft_p50_s=quantile([timing.first_token_seconds for timing in done], 0.5),
        ttft_mean_s=round(fmean(timing.first_token_seconds for timing in done), 4),
        ttft_p95_s=quantile([timing.first_token_seconds for timing in done], 0.95),
        token_p50_s=quantile([timing.token_seconds for timing in done], 0.5),
        request_p50_s=quantile([timing.seconds for timing in done], 0.5),
        errors=len(seen.errors),
    )


def quantile(values: Sequence[float], share: float) -> float:
    """Return the smallest value that at least this share of the values does not exceed, in milliseconds' steps.

    Example:
        >>> quantile([1.0, 2.0, 3.0, 4.0], 0.5)
        2.0
    """
    ordered = sorted(values)
    return round(ordered[max(0, math.ceil(share * len(ordered)) - 1)], 4)


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the results: what was measured, where, and the command that anybody can repeat.

    Attributes:
        date: Of the measurement (UTC).
        machine: Its boot; only rows of one boot are compared.
        gpu: As nvidia-smi names it.
        engine: LMDeploy's release.
        server: Its name in the campaign.
        image: Number and size of a request's images; empty: text alone.
        in_flight: Requests; 0 where they came by themselves.
        output_tokens: Of an answer, on average.
        arrivals_per_s: Requests that came by themselves; None: clients asked.
        answers_spread: Of the answers' lengths, a part of ``output_tokens``.
        cpus: Cores that the server could use.
        cpus_used: Cores that it kept busy in the measured part.
        warm_up_s: Seconds of load before that part.
        figures: What was measured.
        command: The server's environment beside the machine's, and its command line.
    """

    date: str
    machine: str
    gpu: str
    engine: str
    server: str
    image: str
    in_flight: int
    output_tokens: int
    arrivals_per_s: float | None
    answers_spread: float
    cpus: int
    cpus_used: float
    warm_up_s: float
    figures: Figures
    command: str

    @property
    def key(self) -> tuple[str, ...]:
        """What makes this row the measurement that it is."""
        values = asdict(self)
        return tuple("" if values[column] is None else str(values[column]) for column in _KEY)


_KEY = (
    "machine",
    "server",
    "image",
    "in_flight",
    "output_tokens",
    "arrivals_per_s",
    "answers_spread",
)
_FIGURES = [field.name for field in fields(Figures)]
COLUMNS = [
    column for field in fields(Row) for column in (_FIGURES if field.name == "figures" else [field.name])
]


def append(path: Path, row: Row) -> None:
    """Add a row to a CSV file, which gets its header first."""
    values = asdict(row)
    values |= values.pop("figures")
    is_new = not path.exists()
    with path.open("a", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        if is_new:
            writer.writeheader()
        writer.writerow(values)


def read(path: Path) -> list[dict[str, str]]:
    """Return the rows of a CSV file; none when there is no file."""
    if not path.exists():
        return []
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def measured(rows: Sequence[dict[str, str]]) -> set[tuple[str, ...]]:
    """Return the keys of rows: what need not be measured again."""
    return {tuple(row[column] for column in _KEY) for row in rows}
