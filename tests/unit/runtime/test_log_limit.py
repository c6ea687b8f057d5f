"""One object cannot fill the log."""

from __future__ import annotations

import logging

import pytest

from internvl_operator.text.log_limit import _MOST_SUBJECTS, LONGEST_LINE, LimitedLog


class Clock:
    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def test_a_subject_has_one_line_a_minute_and_others_have_theirs(caplog: pytest.LogCaptureFixture) -> None:
    clock = Clock()
    log = LimitedLog(logging.getLogger("limited"), clock)
    for _ in range(120):
        log.warn("a", "a fails")
        clock.seconds += 1
    log.warn("b", "b fails")
    log.warn("a", "a fails")

    assert [record.getMessage() for record in caplog.records] == [
        "a fails",
        "a fails (59 more such lines were left out)",
        "b fails",
        "a fails (59 more such lines were left out)",
    ]


def test_a_line_is_short_whatever_it_repeats(caplog: pytest.LogCaptureFixture) -> None:
    LimitedLog(logging.getLogger("limited"), Clock()).warn("a", "x" * 1_000_000)
    assert len(caplog.records[0].getMessage()) == LONGEST_LINE


def test_subjects_that_come_and_go_take_no_memory_for_ever() -> None:
    nobody = logging.Logger("nobody", logging.CRITICAL)  # pytest would keep all the lines
    log = LimitedLog(nobody, Clock())
    for number in range(3 * _MOST_SUBJECTS):
        log.warn(number, "gone")
        log.warn(number, "gone")
    assert len(log._next) <= _MOST_SUBJECTS
    assert len(log._left_out) <= _MOST_SUBJECTS + 1
