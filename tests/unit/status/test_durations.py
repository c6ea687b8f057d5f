"""Times for people."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from internvl_operator.cli.status.durations import short, since, with_elapsed


@pytest.mark.parametrize(
    ("time", "said"),
    [
        (timedelta(), "0s"),
        (timedelta(seconds=45.9), "45s"),
        (timedelta(minutes=2), "2m"),
        (timedelta(minutes=3, seconds=20), "3m20s"),
        (timedelta(minutes=12, seconds=20), "12m"),
        (timedelta(hours=1, minutes=59), "1h59m"),
        (timedelta(days=2, hours=4), "2d4h"),
        (timedelta(days=30, hours=4), "30d"),
    ],
)
def test_a_time_has_at_most_two_units(time: timedelta, said: str) -> None:
    assert short(time) == said


def test_a_clock_that_is_ahead_makes_no_negative_time() -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    assert since("2026-01-01T00:00:05Z", now) == timedelta()
    assert since("2025-12-31T23:59:00Z", now) == timedelta(minutes=1)


def test_the_moments_of_a_message_get_the_time_since() -> None:
    now = datetime(2026, 1, 1, 0, 4, 0, tzinfo=UTC)
    message = "captions-1 has been loading the weights since 2026-01-01T00:00:40Z; expected: about 240 s"
    assert (
        with_elapsed(message, now)
        == "captions-1 has been loading the weights since 2026-01-01T00:00:40Z (3m20s ago); expected: about 240 s"
    )
    assert with_elapsed("0 of 1 replicas answer", now) == "0 of 1 replicas answer"
