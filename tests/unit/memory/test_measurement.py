"""Measurements: what they compare, how they are kept, and the tables that they make."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from internvl_operator.api.parsing import parse
from internvl_operator.catalog.models import INTERNVL2, MODELS
from internvl_operator.measurement.configuration import (
    MEASUREMENT_LABEL,
    Configuration,
    configurations,
    manifest,
)
from internvl_operator.measurement.gpu_memory import (
    ReadingError,
    nvidia_smi_memory,
    prometheus_memory,
    prometheus_query,
)
from internvl_operator.measurement.measurement import INVALID, Journal, Measurement
from internvl_operator.measurement.report import report_csv, report_rows
from internvl_operator.planner.document import plan_document
from internvl_operator.planner.outcome import Outcome
from tests.accuracy.cells import read_cells
from tests.rendering import plan_of

CELL = Configuration("8B", 1, False, 0.8)


def plan(**engine: Any) -> dict[str, Any]:
    return plan_document(plan_of({"size": "8B", "quantization": "None", "engine": {"tp": 1, **engine}}))


PREDICTED = plan(cacheMaxEntryCount=0.8)["memory"]["usedMiB"]
MEASURED = Measurement(CELL, plan(cacheMaxEntryCount=0.8), (PREDICTED - 700, PREDICTED - 100), 42.4)
REFUSED = Measurement(
    replace(CELL, ratio=0.001), plan(cacheMaxEntryCount=0.001), reason="NoKVForSession", message="too little"
)
CRASHED = Measurement(
    replace(CELL, ratio=0.2), plan(cacheMaxEntryCount=0.2), reason="OutOfGPUMemory", message="out of memory"
)
LATE = Measurement(
    replace(CELL, ratio=0.5), plan(), reason="LoadingWeights", message="not ready after 3600 s"
)


def test_every_combination_that_has_weights_is_a_cell() -> None:
    found = list(
        configurations([MODELS[INTERNVL2, "1B"], MODELS[INTERNVL2, "8B"]], [1, 2], [False, True], [0.8, 0.2])
    )
    assert [str(cell) for cell in found[:2]] == ["1B on 1 GPU at 0.8", "1B on 1 GPU at 0.2"]
    assert [cell.size for cell in found].count("1B") == 4
    assert str(found[-1]) == "8B AWQ on 2 GPUs at 0.2"


def test_names_of_resources_differ_and_are_allowed() -> None:
    found = list(configurations([*MODELS.values()], [1, 2], [False, True], [0.8, 0.05, 0.125, 0.999]))
    assert len({cell.name for cell in found}) == len(found)
    for cell in found:
        parse(manifest(cell, {}, "lab", "campaign"))


def test_a_resource_keeps_what_the_base_says_beside_the_cell() -> None:
    base = {"spec": {"gpu": {"product": "NVIDIA-L4"}, "engine": {"sessionLen": 4096, "tp": 8}, "replicas": 3}}
    made = manifest(CELL, base, "lab", "campaign")
    assert made["metadata"]["labels"] == {MEASUREMENT_LABEL: "campaign"}
    assert made["spec"] == {
        "size": "8B",
        "quantization": "None",
        "replicas": 1,
        "gpu": {"product": "NVIDIA-L4"},
        "engine": {"sessionLen": 4096, "tp": 1, "cacheMaxEntryCount": 0.8},
    }
    assert base["spec"]["engine"] == {"sessionLen": 4096, "tp": 8}


def test_nvidia_smi_is_read() -> None:
    assert nvidia_smi_memory("67140\n67012\n") == (67140, 67012)


@pytest.mark.parametrize("output", ["", "[N/A]\n", "Failed to initialize NVML: Unknown Error\n"])
def test_an_nvidia_smi_that_tells_nothing_is_an_error(output: str) -> None:
    with pytest.raises(ReadingError, match="nvidia-smi"):
        nvidia_smi_memory(output)


def test_prometheus_is_asked_for_the_pod_under_both_of_its_labels_and_for_fresh_values() -> None:
    query = prometheus_query("lab", "a-pod", 1700000000.4)
    own = 'DCGM_FI_DEV_FB_USED{namespace="lab",pod="a-pod"}'
    assert query.startswith(f"({own} and timestamp({own}) > 1700000000) or (")
    assert 'exported_pod="a-pod"' in query


def test_prometheus_is_read() -> None:
    answer = (
        '{"data": {"result": [{"metric": {}, "value": [1, "67140"]}, {"metric": {}, "value": [1, "8.0"]}]}}'
    )
    assert prometheus_memory(answer) == (67140, 8)


@pytest.mark.parametrize("answer", ["", "{}", '{"data": {"result": []}}', '{"data": {"result": [{}]}}'])
def test_a_prometheus_that_tells_nothing_is_an_error(answer: str) -> None:
    with pytest.raises(ReadingError, match="Prometheus"):
        prometheus_memory(answer)


def test_the_gpu_that_uses_most_is_compared_with_the_prediction() -> None:
    assert MEASURED.most_used_mib == PREDICTED - 100
    assert MEASURED.error_percent == pytest.approx(100 * 100 / (PREDICTED - 100))
    assert MEASURED.outcome is Outcome.OK


def test_what_the_engine_did_is_told_from_what_nobody_saw() -> None:
    assert (CRASHED.outcome, CRASHED.is_settled) == (Outcome.OOM, True)
    assert (REFUSED.outcome, REFUSED.is_settled) == (None, True)
    assert (LATE.outcome, LATE.is_settled) == (None, False)
    assert Measurement(CELL, reason=INVALID).is_settled


def test_the_table_has_prediction_and_measurement_side_by_side() -> None:
    header, measured, refused, crashed, late = report_rows([MEASURED, REFUSED, CRASHED, LATE])
    assert header[4:7] == ["measured MiB", "predicted MiB", "error"]
    assert measured == [
        "8B",
        "1",
        "no",
        "0.8",
        str(PREDICTED - 100),
        str(PREDICTED),
        f"{MEASURED.error_percent:+.1f} %",
        "42 s",
    ]
    assert refused[4:6] == ["NoKVForSession", "no_kv_for_session"]
    assert crashed[4:] == ["oom", str(CRASHED.predicted_mib), "-", "-"]
    assert late[4] == "LoadingWeights"


def test_the_csv_is_one_that_the_accuracy_of_the_memory_model_is_told_from(tmp_path: Path) -> None:
    file = tmp_path / "measured.csv"
    table = report_csv([MEASURED, REFUSED, CRASHED, LATE])
    file.write_text("\n".join(",".join(row) for row in table))
    first, second = read_cells(file)
    assert (first.used_mib, first.request.gpu_memory_mib, first.outcome) == (
        PREDICTED - 100,
        81920,
        Outcome.OK,
    )
    assert (second.used_mib, second.ratio, second.outcome) == (None, 0.2, Outcome.OOM)


def test_a_journal_gives_back_what_it_was_given(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal")
    assert journal.read() == {}
    for measurement in (MEASURED, CRASHED):
        journal.add(measurement)
    assert journal.read() == {MEASURED.configuration: MEASURED, CRASHED.configuration: CRASHED}


def test_half_a_line_of_a_killed_run_is_measured_again(tmp_path: Path) -> None:
    file = tmp_path / "journal"
    journal = Journal(file)
    journal.add(MEASURED)
    whole = file.read_text()
    file.write_text(whole + whole[:100])
    assert list(journal.read()) == [CELL]
    journal.add(CRASHED)
    assert list(journal.read()) == [CELL, CRASHED.configuration]


@pytest.mark.parametrize("text", ["not a journal\n", "{}\n", '{"cell": 1}\n'])
def test_another_file_is_not_taken_for_a_journal(text: str, tmp_path: Path) -> None:
    file = tmp_path / "journal"
    file.write_text(text)
    with pytest.raises(ValueError, match="holds something else than measurements"):
        Journal(file).read()


def test_a_journal_is_of_one_run_at_a_time_and_names_its_measurement(tmp_path: Path) -> None:
    one, other = Journal(tmp_path / "one"), Journal(tmp_path / "other")
    assert one.campaign == Journal(tmp_path / "one").campaign != other.campaign
    with one.reserved(), other.reserved():
        one.add(Measurement(CELL, reason="Invalid"))
        with pytest.raises(ValueError, match="another run uses"), Journal(tmp_path / "one").reserved():
            pass
    with one.reserved():
        assert one.read() == {CELL: Measurement(CELL, reason="Invalid")}
