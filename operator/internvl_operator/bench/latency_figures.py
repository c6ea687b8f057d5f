"""From the timings of requests to the figures that people compare."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from statistics import fmean
from typing import Any, Self

from internvl_operator.bench.load_run import Observation, Timing

_DIGITS = 4
"""Decimals of seconds: a tenth of a millisecond."""

PERCENTILES = (50, 95, 99)


class NoAnswerError(Exception):
    """No request of the measured part was answered; the message says why."""


@dataclass(frozen=True, slots=True)
class Percentiles:
    """The median and the slow end of some times, in seconds."""

    p50: float
    p95: float
    p99: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Self:
        """Return the percentiles of some values.

        Each is the smallest value that at least this share of the values does not exceed (nearest rank).

        Example:
            >>> Percentiles.of([1.0, 2.0, 3.0, 4.0])
            Percentiles(p50=2.0, p95=4.0, p99=4.0)
        """
        ordered = sorted(values)
        ranks = (max(0, ceil(percent * len(ordered) / 100) - 1) for percent in PERCENTILES)
        return cls(*(round(ordered[rank], _DIGITS) for rank in ranks))

    def document(self) -> dict[str, float]:
        """Return them as JSON."""
        return {"p50": self.p50, "p95": self.p95, "p99": self.p99}


@dataclass(frozen=True, slots=True)
class Figures:
    """What a model did under a load.

    Args:
        requests: answered ones that were due in the measured part. The times are theirs.
        requests_per_second: answered. A request counts by the share of its time that lies in the measured part, so
            that a window which ends within a wave of answers says the same as one that ends after it.
        output_tokens_per_second: of all answers together.
        in_flight: requests at a time, on average.
        prompt_tokens: mean tokens of a prompt with its images; None when the server does not report them.
        ttft: from the request to the first text, in seconds.
        per_token: between two tokens, in seconds.
        request: from the request to the last text, in seconds.
        failures: requests without an answer that were due in the measured part, by kind.
        late: how much later than due this program sent a request, in seconds; above some milliseconds it is itself
            the bottleneck.
    """

    requests: int
    requests_per_second: float
    output_tokens_per_second: float
    in_flight: float
    prompt_tokens: int | None
    ttft: Percentiles
    per_token: Percentiles
    request: Percentiles
    failures: Mapping[str, int]
    late: float

    def document(self) -> dict[str, Any]:
        """Return the figures as JSON, as ``status.performance`` has them."""
        entries = {
            "requests": self.requests,
            "requestsPerSecond": self.requests_per_second,
            "outputTokensPerSecond": self.output_tokens_per_second,
            "inFlight": self.in_flight,
            "promptTokens": self.prompt_tokens,
            "ttftSeconds": self.ttft.document(),
            "secondsPerToken": self.per_token.document(),
            "requestSeconds": self.request.document(),
            "failures": dict(self.failures),
            "clientLateSeconds": self.late,
        }
        return {key: value for key, value in entries.items() if value is not None}

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Self:
        """Return the figures that a document was made from.

        Raises:
            KeyError, TypeError: it is not one.
        """
        return cls(
            requests=document["requests"],
            requests_per_second=document["requestsPerSecond"],
            output_tokens_per_second=document["outputTokensPerSecond"],
            in_flight=document["inFlight"],
            prompt_tokens=document.get("promptTokens"),
            ttft=Percentiles(**document["ttftSeconds"]),
            per_token=Percentiles(**document["secondsPerToken"]),
            request=Percentiles(**document["requestSeconds"]),
            failures=document["failures"],
            late=document["clientLateSeconds"],
        )


def figures(seen: Observation) -> Figures:
    """Return the figures of the measured part.

    Raises:
        NoAnswerError: no request of it was answered.
    """
    measured = [timing for timing in seen.timings if timing.due >= seen.begin]
    failures = [failure for failure in seen.failures if failure.due >= seen.begin]
    if not measured:
        raise NoAnswerError(_why(seen))
    seconds = seen.end - seen.begin
    shares = [(_share(timing, seen), timing) for timing in seen.timings]
    prompts = [timing.answer.prompt_tokens for timing in measured if timing.answer.prompt_tokens is not None]
    return Figures(
        requests=len(measured),
        requests_per_second=round(sum(share for share, _ in shares) / seconds, 3),
        output_tokens_per_second=round(
            sum(share * timing.answer.output_tokens for share, timing in shares) / seconds, 1
        ),
        in_flight=round(sum(share * timing.seconds for share, timing in shares) / seconds, 2),
        prompt_tokens=round(fmean(prompts)) if prompts else None,
        ttft=Percentiles.of([timing.first_token_seconds for timing in measured]),
        per_token=Percentiles.of([timing.seconds_per_token for timing in measured]),
        request=Percentiles.of([timing.seconds for timing in measured]),
        failures=dict(Counter(failure.kind for failure in failures).most_common()),
        late=Percentiles.of([timing.sent - timing.due for timing in measured]).p99,
    )


def _share(timing: Timing, seen: Observation) -> float:
    """Return the share of a request's time that lies in the measured part."""
    if timing.seconds <= 0:
        return float(seen.begin <= timing.due < seen.end)
    inside = min(timing.answer.last, seen.end) - max(timing.due, seen.begin)
    return max(0.0, inside) / timing.seconds


def _why(seen: Observation) -> str:
    if not seen.failures:
        return "no request was due in the measured part: measure longer, or at a higher rate"
    messages = Counter(failure.message for failure in seen.failures)
    (message, number), *_ = messages.most_common(1)
    return f"no request was answered; {number} of {len(seen.failures)} failed like this: {message}"
