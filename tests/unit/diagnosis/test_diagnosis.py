"""Each reason for which a resource is not ready, and a near miss that is told as something else."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from internvl_operator.api.reasons import FROM_PODS
from internvl_operator.diagnosis.diagnose import diagnose
from tests.unit.diagnosis_cases import around_the_engine, before_the_engine, engine
from tests.unit.diagnosis_cases.case import (
    BUDGET,
    OOM_LOG,
    PLAN,
    Case,
    crashed,
    found,
)
from tests.unit.pods import (
    serving,
)

CASES = before_the_engine.CASES | engine.CASES | around_the_engine.CASES


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_the_reason_is_found_and_says_the_next_step(case: Case) -> None:
    result = found(case)

    assert (result.reason if result else None) == case.reason
    if result:
        assert all(words in result.message for words in case.says), result.message
        assert result.outlook is (case.outlook or result.outlook)


def measured_endings() -> list[dict[str, str]]:
    file = Path(__file__).parents[2] / "measurements" / "endings-h200-lmdeploy-0.18.0.csv"
    with file.open(newline="") as lines:
        return list(csv.DictReader(lines))


@pytest.mark.parametrize("ending", measured_endings(), ids=lambda ending: ending["how"])
def test_each_end_that_lmdeploy_was_brought_to_is_recognised(ending: dict[str, str]) -> None:
    lasted = BUDGET + 12 if ending["reason"] == "WarmupHung" else 15
    result = found(Case(None, [crashed(int(ending["exit_code"]), ending["log_end"], finished=10 + lasted)]))

    assert result is not None
    assert result.reason == ending["reason"]


def test_the_exception_speaks_rather_than_the_advice_behind_it() -> None:
    (ending,) = [row for row in measured_endings() if row["how"] == "2B, --tp 2 on one GPU"]
    result = found(Case(None, [crashed(1, ending["log_end"])]))

    assert result is not None
    assert "saying: torch.AcceleratorError: CUDA error: invalid device ordinal;" in result.message


NO_KERNEL = "[TM][FATAL][a.cu:8] CUDA error: no kernel image is available for execution on the GPU\n"
CPP_FRAMES = "*** stacktrace of thread 0x7f75851636c0 ***\n[0] gsignal\n[1] abort\n"
GLOG_FRAMES = "*** Check failure stack trace: ***\n    @     0x7f0c  google::LogMessage::Fail()\n"


@pytest.mark.parametrize(
    ("log", "words"),
    [
        (NO_KERNEL + CPP_FRAMES, "no kernel image is available"),
        ("[TM][FATAL][x.cc:1] CUDA error: an illegal memory access\n" + CPP_FRAMES, "illegal memory access"),
        ("F1122 22:02:30.1 12 engine.cc:7] Check failed: n > 0\n" + GLOG_FRAMES, "Check failed: n > 0"),
        (
            "terminate called after throwing 'std::runtime_error'\n  what():  [TM] NCCL failure\nAborted\n",
            "NCCL failure",
        ),
        ("the last line that says something\n" + CPP_FRAMES, "the last line that says something"),
        (
            'Traceback (most recent call last):\n  File "a.py"\nValueError: no\n' + CPP_FRAMES,
            "ValueError: no",
        ),
    ],
)
def test_the_line_that_says_why_speaks_rather_than_the_stack_trace_behind_it(log: str, words: str) -> None:
    result = found(Case(None, [crashed(134, log)]))
    assert result is not None
    said = result.message.partition("saying: ")[2].partition("; ")[0]
    assert words in said


@pytest.mark.parametrize(
    ("log", "field"),
    [
        (NO_KERNEL + CPP_FRAMES, "engine.image"),
        ("RuntimeError: Found no NVIDIA driver on your system. Please check", "podTemplate.runtimeClassName"),
        ("ImportError: libcuda.so.1: cannot open shared object file", "podTemplate.runtimeClassName"),
    ],
)
def test_an_image_or_a_runtime_that_does_not_fit_is_told_with_the_field(log: str, field: str) -> None:
    result = found(Case(None, [crashed(134, log)]))
    assert result is not None
    assert field in result.message


def test_every_reason_has_a_case() -> None:
    assert {case.reason for case in CASES.values()} - {None} == set(FROM_PODS)


def test_nothing_is_told_without_a_deployment() -> None:
    assert diagnose(PLAN, None, [serving()], None) is None


def test_a_message_does_not_change_with_the_number_of_crashes() -> None:
    early, late = (found(Case(None, [crashed(134, OOM_LOG, restarts=count)])) for count in (3, 90))
    assert early == late


def test_a_long_line_is_cut() -> None:
    result = found(Case(None, [crashed(1, "x" * 2000)]))
    assert result is not None
    assert len(result.message) < 600
