"""Figures follow from the timings of the measured part, and are kept line by line."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tests.speed.figures import Row, append, figures, measured, quantile, read
from tests.speed.report import table
from tests.speed.requests.load import Observation, Timing

if TYPE_CHECKING:
    from pathlib import Path


def answered(asked: float, seconds: float, ttft: float = 0.5, tokens: int = 11) -> Timing:
    return Timing(asked, asked + ttft, asked + seconds, 300, tokens)


def test_only_what_is_answered_in_the_measured_part_counts() -> None:
    timings = (answered(0, 9.9), answered(9, 2), answered(10, 2), answered(19, 2))
    seen = figures(Observation(10, 20, timings, ("status 503",)), 1)
    assert seen.requests == 2
    assert seen.requests_per_s == 0.2
    assert seen.errors == 1


def test_the_steady_rate_does_not_see_waves() -> None:
    # Four clients in step: whether the measured part holds two waves or three changes the count by half.
    waves = [answered(start, 4) for start in (8, 12, 16) for _ in range(4)]
    for end in (19.9, 20.1):
        seen = figures(Observation(10, end, tuple(waves), ()), 4)
        assert seen.steady_requests_per_s == 1.0
        assert seen.output_tokens_per_s == 11


def test_the_rate_of_requests_that_come_by_themselves_is_counted() -> None:
    seen = figures(Observation(10, 20, tuple(answered(start, 4) for start in (8, 9, 15)), ()), 0)
    assert seen.requests_per_s == seen.steady_requests_per_s == 0.3


def test_times_are_medians_over_requests() -> None:
    timings = tuple(answered(10, seconds, ttft) for seconds, ttft in ((1.5, 0.5), (2.6, 0.6), (9, 3)))
    seen = figures(Observation(10, 20, timings, ()), 3)
    assert (seen.ttft_p50_s, seen.ttft_mean_s, seen.ttft_p95_s) == (0.6, 1.3667, 3)
    assert (seen.token_p50_s, seen.request_p50_s) == (0.2, 2.6)


@pytest.mark.parametrize(("share", "value"), [(0.0, 1), (0.5, 10), (0.95, 19), (1.0, 20)])
def test_a_quantile_is_one_of_the_values(share: float, value: float) -> None:
    assert quantile([float(number) for number in range(20, 0, -1)], share) == value


def row(server: str, rate: float, machine: str = "a") -> Row:
    seen = figures(Observation(0, 10, tuple(answered(0, 2) for _ in range(round(10 * rate))), ()), 4)
    assert seen.requests_per_s == rate
    return Row(
        date="2026-11-28",
        machine=machine,
        gpu="NVIDIA H100 80GB HBM3",
        engine="0.18.0",
        server=server,
        image="1 x 1344x896",
        in_flight=4,
        output_tokens=11,
        arrivals_per_s=None,
        answers_spread=0.0,
        cpus=16,
        cpus_used=2.5,
        warm_up_s=7,
        figures=seen,
        command="OMP_NUM_THREADS=2 lmdeploy serve api_server",
    )


def test_what_is_kept_is_known_again_on_the_same_machine_only(tmp_path: Path) -> None:
    file = tmp_path / "results.csv"
    assert measured(read(file)) == set()
    append(file, row("8B plain", 2.0))
    append(file, row("8B OMP 2", 5.0))
    assert file.read_text().count("machine,gpu") == 1
    known = measured(read(file))
    assert row("8B plain", 2.0).key in known
    assert row("8B plain", 2.0, machine="b").key not in known
    assert replace(row("8B plain", 2.0), in_flight=8).key not in known
    assert replace(row("8B plain", 2.0), in_flight=0, arrivals_per_s=4.0).key not in known
    assert replace(row("8B plain", 2.0), answers_spread=0.5).key not in known


def test_the_table_shows_each_server_beside_the_plain_one_of_its_model_and_machine(tmp_path: Path) -> None:
    file = tmp_path / "results.csv"
    for server, rate, machine in (
        ("8B plain", 2.0, "a"),
        ("8B plain", 4.0, "b"),
        ("8B plain again", 3.0, "a"),
        ("8B plain, 4 cores", 3.0, "a"),
        ("8B PyTorch plain", 2.5, "a"),
        ("8B PyTorch rendered", 5.0, "a"),
        ("8B rendered", 5.0, "a"),
        ("1B rendered", 8.0, "a"),
    ):
        append(file, row(server, rate, machine))
    ratios = {
        line.split("|")[1].strip(): line.split("|")[-2].strip() for line in table(file, "a").split("\n")
    }
    assert ratios["8B plain"] == "0.80"
    assert ratios["8B plain, 4 cores"] == "1.20"
    assert ratios["8B PyTorch rendered"] == "2.00"
    assert ratios["8B rendered"] == "2.00"
    assert ratios["1B rendered"] == "", "its plain one was not measured"
