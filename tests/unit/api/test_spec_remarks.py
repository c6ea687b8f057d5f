"""What of a spec has no effect, or a price that the plan does not count, is said by the field's name."""

from __future__ import annotations

from typing import Any

import pytest

from internvl_operator.api.parsing import parse
from internvl_operator.planner.nodes.inventory import given_gpu
from internvl_operator.planner.plan import make_plan
from internvl_operator.planner.remarks.spec_remarks import with_spec_remarks
from internvl_operator.planner.request import request_of
from tests.cluster.specs.table import resource

A100 = {"product": "NVIDIA-A100-SXM4-80GB"}


def remarks(**spec: Any) -> tuple[str, ...]:
    """What is said of a spec beside the warnings of its plan."""
    request = request_of(parse(resource({"size": "8B", "gpu": A100, **spec})).spec)
    plan = make_plan(request, given_gpu(request.gpu))
    return tuple(each for each in with_spec_remarks(plan, request).warnings if each not in plan.warnings)


@pytest.mark.parametrize(
    ("name", "field"),
    [
        ("HF_ENDPOINT", "model.source.huggingFace.endpoint"),
        ("HF_TOKEN", "model.source.huggingFace.tokenSecretRef"),
        ("CUDA_VISIBLE_DEVICES", "engine.tp"),
        ("SSL_CERTFILE", "server.tlsSecretRef"),
    ],
)
def test_a_variable_that_has_a_field(name: str, field: str) -> None:
    (remark,) = remarks(engine={"env": [{"name": name, "value": "x"}]})
    assert name in remark
    assert field in remark


@pytest.mark.parametrize(
    "given",
    [["--speculative-draft-model", "x/y"], ["--vision-max-batch-size", "16"], ["--vision-max-batch-size=16"]],
)
def test_a_flag_that_takes_memory(given: list[str]) -> None:
    (remark,) = remarks(engine={"extraArgs": given})
    assert given[0].split("=")[0] in remark
    assert "GPU memory" in remark


def test_sessions_that_the_plan_does_not_hold_and_the_option_that_bounds_them() -> None:
    (remark,) = remarks(engine={"sessions": 500, "sessionLen": 4096})
    assert "engine.sessions asks for 500, and the plan holds 128" in remark
    assert "engine.maxBatchSize 128 is the most" in remark


def test_a_session_that_is_shorter_than_an_image() -> None:
    (remark,) = remarks(engine={"sessionLen": 2048})
    assert "3328 tokens that one image may take" in remark


def test_fewer_replicas_than_the_autoscaler_keeps() -> None:
    (remark,) = remarks(replicas=1, autoscaling={"minReplicas": 2, "maxReplicas": 4})
    assert "leave spec.replicas out" in remark


def test_nothing_is_said_of_what_is_usual() -> None:
    assert remarks() == ()
    env = [{"name": "NCCL_DEBUG", "value": "INFO"}]
    engine = {"sessions": 4, "env": env, "extraArgs": ["--log-level", "INFO"]}
    assert remarks(engine=engine, autoscaling={"minReplicas": 2, "maxReplicas": 4}) == ()


def test_a_model_that_sleeps_and_is_downloaded_at_each_wake() -> None:
    asleep = {"minReplicas": 0, "maxReplicas": 1}
    (remark,) = remarks(autoscaling=asleep)
    assert remark.startswith("autoscaling.minReplicas is 0, and each wake downloads the model again")
    assert remarks(autoscaling=asleep, model={"cache": {"size": "100Gi"}}) == ()
    assert remarks(autoscaling={"maxReplicas": 1}) == ()


def test_keda_counts_requests_before_an_engine_that_counts_none() -> None:
    spec = {"size": "8B", "engine": {"version": "0.8.0"}, "autoscaling": {"minReplicas": 0, "maxReplicas": 1}}
    assert not request_of(parse(resource(spec)).spec).autoscaled
