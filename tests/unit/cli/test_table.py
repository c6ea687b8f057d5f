"""The command `internvl table`: the memory of every size on a GPU, and the plans for the usual GPUs."""

from __future__ import annotations

import csv
import io
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from internvl_operator.__main__ import main
from internvl_operator.catalog.gpus import find_gpu
from internvl_operator.catalog.models import INTERNVL2, MODELS, sizes_of
from internvl_operator.cli.table.plan_table import USUAL_GPUS
from internvl_operator.planner.load.speed_of_plan import speed_of_plan
from internvl_operator.planner.nodes.inventory import given_gpu
from internvl_operator.planner.plan import make_plan
from internvl_operator.planner.request import GpuRequest, PlanRequest
from internvl_operator.planner.speed.load import DEFAULT_LOAD
from tests.accuracy.cells import A100, read_cells
from tests.accuracy.comparison import compare, predicted_outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    Table = Callable[..., str]

ON_A100 = ("--gpu", "A100-80GB")


@pytest.fixture
def table(capsys: pytest.CaptureFixture[str]) -> Table:
    """Runs `internvl table`; gives what it prints."""

    def run(*arguments: str) -> str:
        assert main(["table", *arguments]) == 0
        return capsys.readouterr().out

    return run


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_a_row_is_a_size_a_number_of_gpus_and_a_quantization_and_a_column_a_ratio(table: Table) -> None:
    lines = table(*ON_A100, "--sizes", "8B,40B", "--ratios", "0.8,0.05", "--max-gpus", "2").splitlines()
    assert lines[:2] == ["| size | GPUs | AWQ | 0.8 | 0.05 |", "|---|---|---|---|---|"]
    assert [line.split(" | ")[:3] for line in lines[2:]] == [
        [f"| {size}", gpus, awq] for size in ("8B", "40B") for awq in ("no", "yes") for gpus in ("1", "2")
    ]


def test_a_cell_is_the_used_memory_or_what_happens_instead(table: Table) -> None:
    lines = table(*ON_A100, "--sizes", "1B,40B", "--ratios", "0.8,0.2").splitlines()
    assert "| 1B | 4 | no | rejected | rejected |" in lines
    assert "| 40B | 1 | no | oom | no_kv_for_session |" in lines
    awq = next(line for line in lines if line.startswith("| 40B | 1 | yes |"))
    assert all(10_000 < int(used) < 81_920 for used in awq.strip("| ").split(" | ")[3:])


def test_a_server_that_comes_up_without_room_for_a_session_shows_its_memory_and_that(table: Table) -> None:
    long = table("--gpu-memory", "57344Mi", "--sizes", "26B", "--ratios", "0.5", "--session-len", "32768")
    assert re.search(r"\| 543\d\d \(session_exceeds_kv\) \|$", long.splitlines()[2])


def test_sizes_without_awq_weights_have_no_such_rows(table: Table) -> None:
    with_awq = {row["size"] for row in rows(table(*ON_A100, "-o", "csv")) if row["quantization"] == "awq"}
    assert with_awq == {size for size in sizes_of(INTERNVL2) if MODELS[INTERNVL2, size].awq_repository}


@pytest.mark.parametrize("engine", ["0.5.3", "0.18.0"])
def test_the_csv_has_the_form_of_the_measured_tables(engine: str, table: Table, tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text(table(*ON_A100, "--engine", engine, "-o", "csv", "--ratios", "0.8,0.2,0.1,0.05"))
    cells = read_cells(path)
    assert len(cells) == (2 * len(sizes_of(INTERNVL2)) - 2) * 4 * 4
    if engine == "0.5.3":
        comparison = compare(cells)
        assert comparison.wrong == ()
        assert comparison.used.worst == 0


def test_the_published_cells_are_in_the_table_with_their_outcome(table: Table) -> None:
    printed = {
        (row["size"], row["tp"], row["quantization"] == "awq", float(row["cache_max_entry_count"])): row
        for row in rows(table(*ON_A100, "--engine", "0.5.3", "-o", "csv"))
    }
    for cell in read_cells(A100):
        row = printed[cell.size, str(cell.request.tp), cell.request.awq, cell.ratio]
        assert row["outcome"] == predicted_outcome(cell) == cell.outcome
        assert (row["used_mib"] == "") is (cell.used_mib is None)


def test_the_plans_cover_each_size_on_each_usual_gpu_for_each_quantization(table: Table) -> None:
    planned = rows(table("--plans", "-o", "csv"))
    gpus = [(gpu, str(find_gpu(gpu).memory_mib)) for gpu in USUAL_GPUS]
    assert [(row["size"], row["gpu"], row["gpu_memory_mib"], row["asked"]) for row in planned] == [
        (size, *gpu, asked)
        for size in sizes_of(INTERNVL2)
        for gpu in gpus
        for asked in ("auto", "none", "awq")
    ]


def test_a_planned_cell_is_what_the_planner_says(table: Table) -> None:
    gpu = GpuRequest(product="L40S")
    plan = make_plan(PlanRequest("40B", quantized=True, gpu=gpu), given_gpu(gpu))
    speed = speed_of_plan(plan, DEFAULT_LOAD)
    assert speed is not None
    cell = f"{plan.gpus} GPU, AWQ, {plan.concurrent_sessions} sessions, {speed.images_per_second:g}* images/s"
    assert table("--plans", "--sizes", "40B", "--gpu", "L40S").splitlines()[2].endswith(f"| {cell} |")


def test_a_plan_for_a_load_has_its_replicas(table: Table) -> None:
    line = table("--plans", "--sizes", "8B", "--gpu", "H100", "--requests-per-second", "40").splitlines()[2]
    assert "| 4 x 1 GPU, full precision, 50 sessions, 10 images/s |" in line


def test_the_replicas_of_a_load_are_in_the_csv(table: Table) -> None:
    load = ("--sizes", "8B", "--gpu", "H100", "--requests-per-second", "40")
    assert [row["replicas"] for row in rows(table("--plans", *load, "-o", "csv"))] == ["4", "4", "4"]


def test_what_was_measured_has_no_star(table: Table) -> None:
    planned = rows(table("--plans", "-o", "csv", "--sizes", "8B"))
    assert {row["gpu"] for row in planned if row["calibrated"] == "true"} == {"H100-NVL", "H200"}
    line = table("--plans", "--sizes", "8B", "--gpu", "H200").splitlines()[2]
    assert re.search(r"full precision, 99 sessions, [\d.]+ images/s \|", line)


def test_a_plan_that_does_not_exist_is_its_outcome(table: Table) -> None:
    assert table("--plans", "--sizes", "1B", "--gpu", "T4").splitlines()[2].endswith("| rejected |")


def test_given_memory_needs_no_product(table: Table) -> None:
    assert "| 8B | GPU | 24576 |" in table("--plans", "--sizes", "8B", "--gpu-memory", "24Gi")


@pytest.mark.parametrize("name", ["mig-3g.40gb", "NVIDIA-A100-SXM4-80GB-MIG-3g.40gb"])
def test_the_plans_on_a_slice_are_of_that_slice_alone(name: str, table: Table) -> None:
    planned = rows(table("--plans", "--sizes", "8B", "--gpu", name, "-o", "csv"))
    assert {(row["gpu"], row["gpu_memory_mib"]) for row in planned} == {(name, "40192")}
    assert len(planned) == 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "no GPU is known to plan for: give --gpu or --gpu-memory"),
        ((*ON_A100, "--sizes", "8B,9B"), "size of InternVL2 (the series where none is written) is 1B, 2B"),
        ((*ON_A100, "--ratios", "0.2,1"), "1 is not between 0 and 1"),
        ((*ON_A100, "--images", "2", "--ttft", "1"), "--images, --ttft: a load goes with --plans"),
        (("--plans", "--ratios", "0.2"), "--ratios goes with the memory table"),
    ],
)
def test_wrong_usage_says_what_to_write(
    arguments: Sequence[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        code = main(["table", *arguments])
    except SystemExit as end:
        code = int(end.code or 0)
    assert code == 2
    assert message in capsys.readouterr().err


def test_a_table_loads_nothing_that_is_slow_to_load() -> None:
    script = (
        "import sys\n"
        "from internvl_operator.__main__ import main\n"
        "main(['table', '--gpu', 'A100-80GB'])\n"
        "slow = {'aiohttp', 'jinja2', 'kopf', 'kubernetes', 'matplotlib', 'pydantic', 'yaml'}\n"
        "sys.exit(', '.join(sorted(slow & sys.modules.keys())) or None)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
