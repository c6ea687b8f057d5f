"""What is rendered follows from what was measured, and the page shows what was measured."""

from __future__ import annotations

from pathlib import Path

import pytest

from internvl_operator.manifests.host_cpu import cpu_request
from tests.speed.figures import COLUMNS, read
from tests.speed.report import plain_rate, table

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "tests/measurements/h100-serving-speed-lmdeploy-0.18.0.csv"
ON_H200 = ROOT / "tests/measurements/h200-serving-speed-lmdeploy-0.18.0.csv"
LARGE = ROOT / "tests/measurements/h200-serving-speed-lmdeploy-0.18.0-large.csv"
ARRIVALS = ROOT / "tests/measurements/h200-serving-speed-lmdeploy-0.18.0-arrivals.csv"
HELD_BACK = ROOT / "tests/measurements/h200-serving-speed-lmdeploy-0.18.0-held-back.csv"
ROWS = read(RESULTS)
FIRST, SECOND = dict.fromkeys(row["machine"] for row in ROWS)


def rate(server: str, column: str = "requests_per_s", machine: str = FIRST) -> float:
    (row,) = (
        row
        for row in ROWS
        if (row["machine"], row["server"], row["image"]) == (machine, server, "1 x 1344x896")
    )
    return float(row[column])


def test_the_kept_file_has_todays_columns_and_no_failed_request() -> None:
    assert list(ROWS[0]) == COLUMNS
    kept = (ON_H200, LARGE, ARRIVALS, HELD_BACK)
    assert {row["errors"] for row in (*ROWS, *(row for path in kept for row in read(path)))} == {"0"}
    assert {tuple(row) for path in kept for row in read(path)} == {tuple(COLUMNS)}


@pytest.mark.parametrize(
    "other", ["8B OMP 1", "8B OMP 2", "8B OMP 4", "8B passive", "8B OMP 2 passive", "8B MKL 1"]
)
def test_nothing_that_was_tried_for_8b_is_faster_than_what_is_rendered(other: str) -> None:
    rendered = rate("8B rendered", "steady_requests_per_s")
    assert rendered >= 0.95 * rate(other, "steady_requests_per_s")


def test_two_threads_are_faster_than_one_where_the_preprocessing_is_the_limit() -> None:
    assert rate("1B rendered") > 1.1 * rate("1B OMP 1")


def test_what_is_rendered_serves_more_than_twice_as_many_images_as_the_plain_command_line() -> None:
    for row in ROWS:
        if row["server"] in ("8B rendered", "1B rendered") and row["image"] == "1 x 1344x896":
            plain = plain_rate(row, [row_ for row_ in ROWS if row_["machine"] == row["machine"]])
            assert plain is not None
            assert float(row["requests_per_s"]) > 2 * plain


def test_spinning_threads_need_the_cores_that_are_requested() -> None:
    enough = int(cpu_request(1))
    assert rate(f"8B rendered, {enough} cores") > 0.9 * rate("8B rendered, 8 cores")
    assert rate("1B rendered, 2 cores") < 0.5 * rate("1B OMP 2 passive, 2 cores", machine=SECOND)
    assert rate(f"1B rendered, {enough} cores") > rate(f"1B OMP 2 passive, {enough} cores", machine=SECOND)


@pytest.mark.parametrize(
    ("results", "machine"),
    [
        (RESULTS, FIRST),
        (RESULTS, SECOND),
        (ON_H200, read(ON_H200)[0]["machine"]),
        (ARRIVALS, read(ARRIVALS)[0]["machine"]),
        (HELD_BACK, read(HELD_BACK)[0]["machine"]),
        *((LARGE, machine) for machine in dict.fromkeys(row["machine"] for row in read(LARGE))),
    ],
)
def test_the_page_shows_the_kept_results(results: Path, machine: str) -> None:
    assert table(results, machine) in (ROOT / "docs/serving-speed.md").read_text()


@pytest.mark.parametrize("other", ["8B batch 256", "8B tokens per iteration 1024", "8B KV 8", "8B plain"])
def test_no_flag_that_was_tried_makes_8b_faster(other: str) -> None:
    rates = {
        row["server"]: float(row["steady_requests_per_s"])
        for row in read(ON_H200)
        if (row["image"], row["in_flight"], row["output_tokens"]) == ("1 x 1344x896", "32", "128")
    }
    assert rates["8B rendered"] > rates[other]


@pytest.mark.parametrize("machine", dict.fromkeys(row["machine"] for row in read(HELD_BACK)))
def test_the_page_shows_what_was_measured_after_the_model_in_one_table(machine: str) -> None:
    page = (ROOT / "docs/serving-speed.md").read_text()
    _, _, *rows = table(HELD_BACK, machine).splitlines()
    assert rows
    assert all(row in page for row in rows)
