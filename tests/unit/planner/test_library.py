"""The library answers what the command answers, and refuses what the command refuses."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from internvl_operator import Load, parse, plan, plan_document, plan_resource, render
from internvl_operator.manifests.children import render_children
from internvl_operator.manifests.record import inputs_of
from internvl_operator.planner.nodes.inventory import given_gpu
from internvl_operator.planner.plan import make_plan
from internvl_operator.planner.request import request_of
from tests.cluster.specs.table import resource

if TYPE_CHECKING:
    from tests.conftest import Internvl

SAME: dict[str, dict[str, Any]] = {
    "8B --gpu L4": {"gpu": "L4"},
    "8B --gpu A100": {"gpu": "A100"},
    "8B --gpu mig-3g.40gb": {"gpu": "mig-3g.40gb"},
    "8B --gpu NVIDIA-A100-SXM4-80GB-MIG-3g.40gb": {"gpu": "NVIDIA-A100-SXM4-80GB-MIG-3g.40gb"},
    "8B --gpu-memory 24Gi": {"gpu_memory": "24Gi"},
    "8B --gpu L40S --sessions 500": {"gpu": "L40S", "sessions": 500},
    "8B --gpu L40S --session-len 2048": {"gpu": "L40S", "session_len": 2048},
    "8B --gpu H100 --requests-per-second 9": {"gpu": "H100", "load": Load(requests_per_second=9)},
}


@pytest.mark.parametrize("command", SAME)
def test_a_plan_is_the_one_that_the_command_prints(command: str, internvl: Internvl) -> None:
    _, output, _ = internvl("plan", *command.split(), "-o", "json")
    printed = json.loads(output)
    del printed["args"], printed["host"]
    assert json.loads(json.dumps(plan_document(plan("8B", **SAME[command])))) == printed


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"tp": 0}, "tp is 0: write a whole number above zero"),
        ({"max_gpus": 0}, "max_gpus is 0"),
        ({"session_len": 0}, "session_len is 0"),
        ({"session_len": -5}, "session_len is -5"),
        ({"sessions": 0}, "sessions is 0"),
        ({"max_batch_size": 0}, "max_batch_size is 0"),
        ({"cache_max_entry_count": 1.5}, "cache_max_entry_count is 1.5: write a number between 0 and 1"),
        ({"quantization": "awq"}, "quantization is 'awq': write 'Auto', 'None' or 'AWQ'"),
        ({"backend": "vllm"}, "backend is 'vllm': write 'Auto', 'TurboMind' or 'PyTorch'"),
        ({"quant_policy": 5}, "quant_policy is 5: write 0, 4 or 8"),
        ({"gpu": "L5"}, "the GPU 'L5' is not known"),
    ],
    ids=str,
)
def test_a_value_that_cannot_be_is_refused_by_its_name(given: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=re.escape(says)):
        plan("8B", **{"gpu": "L4", **given})


@pytest.mark.parametrize(
    "given",
    [
        {"requests_per_second": 0},
        {"requests_per_second": float("nan")},
        {"concurrency": 0},
        {"images": -1},
        {"tiles": 0},
        {"prompt_tokens": -1},
        {"output_tokens": 0},
        {"ttft_seconds": -1},
    ],
    ids=str,
)
def test_a_load_that_cannot_be_is_refused_by_its_name(given: dict[str, Any]) -> None:
    (name,) = given
    with pytest.raises(ValueError, match=f"{name} of a load is "):
        Load(**given)


def test_a_gpu_stands_in_place_of_the_slices_of_a_resource() -> None:
    sliced = parse(resource({"size": "8B", "gpu": {"resource": "nvidia.com/mig-3g.40gb"}}))
    planned = plan_resource(sliced, gpu="L4")
    assert (planned.resource, planned.product) == ("nvidia.com/gpu", "NVIDIA-L4")


def test_what_is_rendered_has_the_record_that_the_controller_writes() -> None:
    gpu, load = {"product": "NVIDIA-L40S"}, {"requestsPerSecond": 50}
    engine = {"sessions": 500, "env": [{"name": "HF_TOKEN", "value": "x"}]}
    parsed = parse(resource({"size": "8B", "gpu": gpu, "load": load, "replicas": 1, "engine": engine}))
    planned, request = plan_resource(parsed), request_of(parsed.spec)
    assert len(planned.warnings) > 2
    stored = make_plan(request, given_gpu(request.gpu))
    assert render(parsed, planned) == render_children(parsed, stored, inputs_of(parsed.spec)).manifests
