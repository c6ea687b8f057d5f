"""`internvl gpus` and `internvl models`: what a plan knows by name."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from internvl_operator.catalog.gpus import GPUS, find_gpu
from internvl_operator.catalog.models import MODELS, SERIES

if TYPE_CHECKING:
    from tests.conftest import Internvl


def test_every_gpu_is_listed_by_each_of_its_names(internvl: Internvl) -> None:
    code, output, _ = internvl("gpus", "-o", "json")
    listed = json.loads(output)
    assert code == 0
    assert [each["product"] for each in listed] == [gpu.product for gpu in GPUS]
    for each in listed:
        assert {find_gpu(name).product for name in each["names"]} <= {each["product"]}


@pytest.mark.parametrize(
    ("product", "backends"),
    [
        ("Tesla-V100-SXM2-16GB", ["turbomind", "pytorch"]),
        ("NVIDIA-GH200-480GB", []),
        ("NVIDIA-B300-SXM6-AC", ["pytorch"]),
    ],
)
def test_a_gpu_says_which_backends_have_code_for_it(
    product: str, backends: list[str], internvl: Internvl
) -> None:
    _, output, _ = internvl("gpus", "-o", "json")
    (listed,) = [each for each in json.loads(output) if each["product"] == product]
    assert listed["backends"] == backends


def test_the_table_has_a_line_for_each_gpu(internvl: Internvl) -> None:
    _, output, _ = internvl("gpus")
    assert len(output.splitlines()) == len(GPUS) + 1


def test_every_model_is_listed_with_its_weights(internvl: Internvl) -> None:
    code, output, _ = internvl("models", "-o", "json")
    assert code == 0
    assert [(each["series"], each["size"]) for each in json.loads(output)] == list(MODELS)


@pytest.mark.parametrize("series", SERIES)
def test_the_models_of_one_series(series: str, internvl: Internvl) -> None:
    _, output, _ = internvl("models", "--series", series)
    head, *rows = output.splitlines()
    assert head.split() == ["SERIES", "SIZE", "WEIGHTS", "AWQ", "WEIGHTS"]
    assert {row.split()[0] for row in rows} == {series}
