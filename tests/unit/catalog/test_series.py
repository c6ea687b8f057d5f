"""The further series: which configurations run, which are refused by name, and what InternVL2 keeps."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml

from internvl_operator.api.parsing import parse
from internvl_operator.catalog.engines import DEFAULT_VERSION, SUPPORTED_VERSIONS, engine, oldest_version
from internvl_operator.catalog.models import (
    INTERNVL2,
    MODELS,
    SERIES,
    Backend,
    Model,
    UnknownModelError,
    find_model,
)
from internvl_operator.library import plan
from internvl_operator.manifests.labels import (
    INPUTS_ANNOTATION,
    PLAN_ANNOTATION,
    RECORD_VERSION_ANNOTATION,
    SERIES_LABEL,
)
from internvl_operator.manifests.record import RECORD_VERSION, inputs_of, record_of
from internvl_operator.planner.memory.constants import MEASURED_ARCHITECTURES
from internvl_operator.planner.nodes.inventory import GpuPool, Inventory
from internvl_operator.planner.outcome import Outcome
from internvl_operator.planner.parallelism import check_parallelism
from internvl_operator.planner.plan import Plan, make_plan
from internvl_operator.planner.repository import check_repository
from internvl_operator.planner.request import request_of
from tests.accuracy.cells import TABLES, read_cells
from tests.cluster.specs.table import Spec, resource
from tests.golden.cases import EXAMPLES
from tests.rendering import children_of
from tests.unit.plan_requests import plan_request

H200 = Inventory((GpuPool("NVIDIA-H200", 143771, 8, compute_capability=(9, 0)),))
GPUS = (1, 2, 4, 8, 16)


def planned(spec: Spec) -> Plan:
    return make_plan(request_of(parse(resource(spec)).spec), H200)


def _accepted(series: str, size: str, backend: Backend, version: str, *, awq: bool = False) -> list[int]:
    model = MODELS[series, size]
    return [
        tp
        for tp in GPUS
        if check_parallelism(model.language, model.vision, awq, backend, tp, engine(version)) is None
    ]


@pytest.mark.parametrize(
    ("series", "size", "tps"),
    [
        ("InternVL2.5", "1B", [1, 2]),
        ("InternVL2.5", "4B", [1, 2, 4, 8, 16]),
        ("InternVL2.5", "78B", [1, 2, 4, 8, 16]),
        ("InternVL3", "2B", [1, 2, 4]),
        ("InternVL3", "8B", [1, 2, 4]),
        ("InternVL3", "14B", [1, 2, 4, 8]),
        ("InternVL3.5", "4B", [1, 2, 4, 8, 16]),
        ("InternVL3.5", "38B", [1, 2, 4, 8, 16]),
        ("InternVL3.5", "30B-A3B", [1, 2, 4, 8, 16]),
    ],
)
@pytest.mark.parametrize("backend", Backend)
def test_heads_decide_the_tensor_parallelism_and_kv_heads_are_repeated(
    series: str, size: str, tps: list[int], backend: Backend
) -> None:
    assert _accepted(series, size, backend, DEFAULT_VERSION) == tps


def test_pytorch_repeats_kv_heads_since_0_7_3_but_those_of_phi_3_never() -> None:
    assert _accepted("InternVL2.5", "4B", Backend.PYTORCH, "0.6.5") == [1, 2]
    assert _accepted("InternVL2.5", "4B", Backend.PYTORCH, "0.7.3") == [1, 2, 4, 8, 16]
    assert not engine(DEFAULT_VERSION).repeats_kv_heads("Phi3ForCausalLM", Backend.PYTORCH)


@pytest.mark.parametrize(
    ("size", "tps"), [("1B", [1]), ("2B", [1, 2, 4]), ("14B", [1, 2, 4, 8]), ("78B", [1, 2, 4, 8, 16])]
)
def test_groups_of_the_output_projection_limit_awq_and_those_of_the_feed_forward_layer_do_not(
    size: str, tps: list[int]
) -> None:
    assert _accepted("InternVL3", size, Backend.TURBOMIND, DEFAULT_VERSION, awq=True) == tps


@pytest.mark.parametrize("series", SERIES)
def test_a_release_serves_a_series_from_one_on_and_is_refused_before(series: str) -> None:
    oldest = SUPPORTED_VERSIONS.index(oldest_version(series))
    for number, version in enumerate(SUPPORTED_VERSIONS):
        chosen = plan("8B", series=series, gpu="H200", version=version)
        assert (chosen.outcome is not Outcome.REJECTED) is (number >= oldest)
        if number < oldest:
            assert (
                f"does not serve {series}: use engine {SUPPORTED_VERSIONS[oldest]} or later" in chosen.reason
            )


def test_a_model_that_is_not_there_is_refused_by_name() -> None:
    with pytest.raises(UnknownModelError, match="size of InternVL3 is 1B, 2B, 8B"):
        find_model("InternVL3", "4B")
    with pytest.raises(UnknownModelError, match="241B-A28B are refused until they were run"):
        plan("241B-A28B", series="InternVL3.5", gpu="H200")
    with pytest.raises(UnknownModelError, match="'InternVL4' is not a series"):
        plan("8B", series="InternVL4", gpu="H200")


def test_awq_that_nobody_has_published_needs_a_repository_that_has_it() -> None:
    of_series = {"series": "InternVL3.5", "size": "8B"}
    refused = make_plan(plan_request("8B", series="InternVL3.5", quantized=True), H200)
    assert "no published AWQ weights of InternVL3.5-8B: name a repository" in refused.reason
    chosen = planned({**of_series, "quantization": "AWQ", "model": {"repository": "acme/photos-4bit"}})
    assert (chosen.outcome, chosen.awq, chosen.repository) == (Outcome.OK, True, "acme/photos-4bit")
    assert planned({**of_series, "model": {"repository": "acme/InternVL3_5-8B-AWQ"}}).awq


REFUSED_REPOSITORIES = [
    (
        "InternVL2",
        "8B",
        False,
        "OpenGVLab/InternVL2-26B",
        "holds InternVL2-26B, not InternVL2-8B: write size 26B",
    ),
    (
        "InternVL2",
        "8B",
        False,
        "opengvlab/internvl2-2b",
        "holds InternVL2-2B, not InternVL2-8B: write size 2B",
    ),
    ("InternVL2", "8B", False, "OpenGVLab/InternVL2_5-8B", "write series InternVL2.5"),
    ("InternVL2", "8B", False, "OpenGVLab/InternVL3-14B", "write series InternVL3 and size 14B"),
    ("InternVL2.5", "8B", False, "OpenGVLab/InternVL2-8B-MPO", "write series InternVL2"),
    ("InternVL3", "8B", False, "OpenGVLab/InternVL3_5-8B-Instruct", "write series InternVL3.5"),
    ("InternVL3.5", "8B", False, "OpenGVLab/InternVL3_5-38B-HF", "write size 38B"),
    ("InternVL3.5", "8B", False, "OpenGVLab/InternVL3_5-30B-A3B", "write size 30B-A3B"),
    ("InternVL3.5", "8B", False, "OpenGVLab/InternVL3_5-241B-A28B", "write another repository"),
    ("InternVL2", "40B", False, "OpenGVLab/InternVL2-Llama3-76B", "write size 76B"),
    ("InternVL2", "2B", False, "OpenGVLab/Mini-InternVL2-4B-DA-Medical", "write size 4B"),
    ("InternVL2", "8B", False, "mirror/InternVL2-26B", "write size 26B"),
    ("InternVL2.5", "8B", True, "mirror/InternVL2_5-26B-MPO-AWQ", "write size 26B"),
    (
        "InternVL2",
        "8B",
        False,
        "OpenGVLab/InternVL2-8B-AWQ",
        "holds AWQ weights: write quantization AWQ or Auto",
    ),
    ("InternVL2", "8B", False, "acme/photos-awq", "holds AWQ weights: write quantization AWQ or Auto"),
    ("InternVL2", "8B", True, "OpenGVLab/InternVL2-8B", "holds full precision: write quantization None"),
    ("InternVL3.5", "8B", False, "OpenGVLab/InternVL3_5-8B-Flash", "is a Flash model"),
    ("InternVL3.5", "8B", False, "acme/internvl3_5-8b-flash-photos", "is a Flash model"),
    (
        "InternVL2",
        "2B",
        False,
        "OpenGVLab/Mono-InternVL-2B",
        "LMDeploy runs Mono-InternVL on PyTorch up to 0.14",
    ),
]


@pytest.mark.parametrize(
    ("series", "size", "awq", "repository", "says"),
    REFUSED_REPOSITORIES,
    ids=[f"{series}-{size} from {repository}" for series, size, _, repository, _ in REFUSED_REPOSITORIES],
)
def test_a_repository_of_other_weights_is_refused_by_name(
    series: str, size: str, awq: bool, repository: str, says: str
) -> None:
    quantization = "AWQ" if awq else "None"
    spec = {"series": series, "size": size, "quantization": quantization, "model": {"repository": repository}}
    refused = planned(spec)
    assert refused.outcome is Outcome.REJECTED
    assert f"model.repository {repository}" in refused.reason
    assert says in refused.reason


@pytest.mark.parametrize("model", MODELS.values(), ids=lambda model: model.name)
def test_a_models_own_repositories_hold_it(model: Any) -> None:
    for variant in ("", "-MPO", "-Instruct", "-Pretrained", "-HF"):
        assert check_repository(f"{model.repository}{variant}", model, awq=False) is None
    assert check_repository(f"{model.repository}-AWQ", model, awq=True) is None


@pytest.mark.parametrize(
    "repository",
    ["acme/photos", "acme/InternVL2-8B-to-2B", "acme/InternVL3-photos", "acme/flash-internvl", "acme/8B"],
)
def test_a_fine_tune_may_be_called_whatever_its_owner_likes(repository: str) -> None:
    assert planned({"size": "2B", "model": {"repository": repository}}).outcome is Outcome.OK


@pytest.mark.parametrize("model", MODELS.values(), ids=lambda model: model.name)
def test_the_memory_of_every_model_on_one_gpu_was_measured(model: Model) -> None:
    made = plan(model.size, series=model.series, gpu_memory="288Gi")
    assert made.tp == 1
    assert "was not measured" not in " ".join(made.warnings)


def test_the_memory_of_an_architecture_without_a_cell_is_told_to_be_computed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    known = frozenset({"InternLM2ForCausalLM"})
    monkeypatch.setattr("internvl_operator.planner.remarks.plan_warnings.MEASURED_ARCHITECTURES", known)
    unmeasured = "The memory of InternVL3.5-8B was not measured: what its parts take is computed"
    assert unmeasured in " ".join(plan("8B", series="InternVL3.5", gpu="H200").warnings)
    assert "was not measured" not in " ".join(plan("8B", gpu="H200").warnings)


def test_the_memory_of_experts_on_several_gpus_was_not_measured() -> None:
    warnings = " ".join(plan("30B-A3B", series="InternVL3.5", gpu="H200", tp=2).warnings)
    assert "The memory of InternVL3.5-30B-A3B on 2 GPUs was not measured: what its experts take" in warnings


def test_the_measured_architectures_are_those_of_the_measured_cells() -> None:
    measured = {cell.request.language.architecture for table in TABLES for cell in read_cells(table)}
    assert measured == MEASURED_ARCHITECTURES


def test_the_speed_of_an_architecture_that_was_not_measured_is_not_called_calibrated() -> None:
    speeds = {
        model.name: plan(model.size, series=model.series, gpu="H200", quantization="None").speed
        for model in (MODELS[INTERNVL2, "8B"], MODELS["InternVL3.5", "8B"], MODELS["InternVL3.5", "30B-A3B"])
    }
    assert {name: speed and speed.calibrated for name, speed in speeds.items()} == {
        "InternVL2-8B": True,
        "InternVL3.5-8B": True,
        "InternVL3.5-30B-A3B": False,
    }


def test_float16_of_qwen_is_warned_of_where_the_gpu_has_no_bfloat16() -> None:
    assert any(
        "overflow in float16" in warning for warning in plan("2B", series="InternVL3", gpu="T4").warnings
    )
    assert not any("overflow" in warning for warning in plan("2B", gpu="T4").warnings)


def test_thinking_is_told_until_sessions_are_long_enough() -> None:
    def told(**given: Any) -> bool:
        return any("may think" in warning for warning in plan("8B", gpu="H200", **given).warnings)

    assert told(series="InternVL3.5")
    assert not told(series="InternVL3.5", session_len=32768)
    assert not told(series="InternVL3")


def deployment(spec: Spec) -> dict[str, Any]:
    return next(child for child in children_of(spec) if child["kind"] == "Deployment")


def test_internvl2_written_or_left_out_is_the_same_model_with_the_same_record() -> None:
    said, unsaid = {"series": INTERNVL2, "size": "8B"}, {"size": "8B"}
    assert inputs_of(parse(resource(said)).spec) == inputs_of(parse(resource(unsaid)).spec)
    assert children_of(said) == children_of(unsaid)
    annotations = deployment(unsaid)["metadata"]["annotations"]
    assert "series" not in json.loads(annotations[PLAN_ANNOTATION])
    assert annotations[RECORD_VERSION_ANNOTATION] == "1"
    assert SERIES_LABEL not in json.dumps(children_of(unsaid))


def test_another_series_is_another_model_which_an_older_operator_leaves_alone() -> None:
    spec = {"series": "InternVL3.5", "size": "8B"}
    made = deployment(spec)
    annotations = made["metadata"]["annotations"]
    assert (
        annotations[INPUTS_ANNOTATION]
        != deployment({"size": "8B"})["metadata"]["annotations"][INPUTS_ANNOTATION]
    )
    # Whoever knows no series takes a record of a version above 1 for a newer operator's.
    assert annotations[RECORD_VERSION_ANNOTATION] == str(RECORD_VERSION) == "2"
    stored = record_of(made)
    assert stored is not None
    assert stored.plan.series == "InternVL3.5"
    assert not stored.is_newer


def test_the_series_is_a_label_of_every_child_and_in_no_selector() -> None:
    children = children_of({"series": "InternVL3.5", "size": "8B", "replicas": 2})
    assert {child["metadata"]["labels"][SERIES_LABEL] for child in children} == {"InternVL3.5"}
    for child in children:
        for field in ("selector", "podSelector"):
            assert SERIES_LABEL not in json.dumps(child["spec"].get(field, {}))


def test_the_example_of_a_fine_tune_is_served_from_its_repository() -> None:
    body = yaml.safe_load((EXAMPLES / "fine-tune" / "internvl3.5-8b-captions.yaml").read_text())
    chosen = make_plan(request_of(parse(body).spec), H200)
    assert (chosen.outcome, chosen.repository) == (Outcome.OK, "example/photo-captions")
    assert chosen.memory.weights_mib == 17_056_636_928 >> 20


def test_there_is_an_example_of_every_series_and_the_demo_applies_fifteen() -> None:
    specs = [yaml.safe_load(path.read_text())["spec"] for path in EXAMPLES.glob("*.yaml")]
    assert {spec.get("series", INTERNVL2) for spec in specs} == set(SERIES)
    assert len(specs) == 15
