"""What a model was made from stands in its Deployment, and keeps it running as it is."""

from __future__ import annotations

import json
import subprocess
import sys
from copy import deepcopy
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from internvl_operator.api.parsing import parse
from internvl_operator.manifests.children import render_children
from internvl_operator.manifests.labels import (
    INPUTS_ANNOTATION,
    MANIFEST_ANNOTATION,
    PLAN_ANNOTATION,
    RECORD_VERSION_ANNOTATION,
    TEMPLATE_ANNOTATION,
)
from internvl_operator.manifests.record import (
    RECORD_VERSION,
    UnreadableRecordError,
    digest,
    inputs_of,
    object_digest,
    record_of,
    with_manifest_hash,
    with_record,
)
from internvl_operator.manifests.revision import revision_of
from tests.cluster.specs.right import RICH, RIGHT
from tests.cluster.specs.table import Spec, at, resource
from tests.rendering import children_of, plan_of

if TYPE_CHECKING:
    from internvl_operator.manifests.template import KubernetesObject
    from tests.cluster.specs.table import RightSpec


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda items: st.lists(items, max_size=4) | st.dictionaries(st.text(), items, max_size=4),
    max_leaves=20,
)


@given(st.dictionaries(st.text(), _VALUES, max_size=4))
def test_the_fast_hash_of_an_object_is_the_hash_that_running_models_carry(body: dict[str, Any]) -> None:
    assert object_digest(body) == digest(body)


def test_an_object_that_orjson_does_not_write_has_a_hash_too() -> None:
    deep: dict[str, Any] = {}
    for _ in range(500):
        deep = {"a": deep}
    assert object_digest(deep) == digest(deep)


@pytest.mark.parametrize("right", RIGHT, ids=lambda right: right.name)
def test_a_manifest_has_no_float(right: RightSpec) -> None:
    def refused(text: str) -> None:
        raise AssertionError(text)

    for child in children_of(right.spec):
        json.loads(json.dumps(child), parse_float=refused)


def _inputs(spec: Spec) -> str:
    return inputs_of(parse(resource(spec)).spec)


def _deployment(spec: Spec) -> KubernetesObject:
    return next(child for child in children_of(spec) if child["kind"] == "Deployment")


@pytest.mark.parametrize("right", RIGHT, ids=lambda right: right.name)
def test_a_deployment_tells_the_plan_and_the_pod_template_that_it_was_made_from(right: RightSpec) -> None:
    deployment = _deployment(right.spec)
    record = record_of(deployment)
    assert record is not None
    assert record.inputs == _inputs(right.spec)
    assert record.plan == plan_of(right.spec)
    assert record.pod_template == deployment["spec"]["template"]


@pytest.mark.parametrize("annotation", [INPUTS_ANNOTATION, PLAN_ANNOTATION, TEMPLATE_ANNOTATION])
def test_a_record_that_lacks_a_part_is_none(annotation: str) -> None:
    deployment = _deployment({"size": "8B"})
    del deployment["metadata"]["annotations"][annotation]
    assert record_of(deployment) is None


@pytest.mark.parametrize(
    ("annotation", "content"),
    [
        (PLAN_ANNOTATION, "{"),
        (PLAN_ANNOTATION, "[]"),
        (PLAN_ANNOTATION, '{"outcome": "ok"}'),
        (TEMPLATE_ANNOTATION, ""),
        (TEMPLATE_ANNOTATION, "spec:"),
    ],
)
def test_a_record_that_cannot_be_read_is_none(annotation: str, content: str) -> None:
    deployment = _deployment({"size": "8B"})
    deployment["metadata"]["annotations"][annotation] = content
    assert record_of(deployment) is None


@pytest.mark.parametrize("deployment", [None, {}, {"metadata": {}}, {"metadata": {"annotations": None}}])
def test_a_deployment_without_annotations_has_no_record(deployment: dict[str, Any] | None) -> None:
    assert record_of(deployment) is None


@pytest.mark.parametrize(
    "change",
    [
        {"replicas": 5},
        {"service": {"type": "NodePort"}, "networkPolicy": {"enabled": False}},
        {"networkPolicy": {"from": [{"podSelector": {}}]}},
        {"service": {"annotations": {"a": "b"}}},
    ],
)
def test_what_does_not_reach_the_pods_does_not_change_the_inputs(change: Spec) -> None:
    assert _inputs({"size": "8B", **change}) == _inputs({"size": "8B"})


@pytest.mark.parametrize(
    "change",
    [
        {"size": "2B"},
        {"quantization": "None"},
        at("gpu.maxCount", 4),
        at("engine.sessionLen", 4096),
        at("model.revision", "v1"),
        at("server.port", 8000),
        at("podTemplate.labels", {"team": "vision"}),
        at("rollout.restartedAt", "2026-11-22T12:00:00Z"),
        at("rollout.drainSeconds", 120),
        at("server.apiKeySecretRef", {"name": "keys", "key": "key"}),
    ],
)
def test_what_reaches_the_plan_or_the_pods_changes_the_inputs(change: Spec) -> None:
    assert _inputs({"size": "8B", **change}) != _inputs({"size": "8B"})


def test_the_order_of_fields_does_not_change_the_inputs() -> None:
    assert _inputs(dict(reversed(RICH.items()))) == _inputs(RICH)


def test_hashes_are_the_same_in_another_process() -> None:
    script = (
        "import json, sys\n"
        "from internvl_operator.api.parsing import parse\n"
        "from internvl_operator.manifests.record import inputs_of\n"
        "print(inputs_of(parse(json.load(sys.stdin)).spec))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        input=json.dumps(resource(RICH)),
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONHASHSEED": "7"},
    )
    assert done.stdout.strip() == _inputs(RICH)


def test_equal_json_has_equal_digests_and_other_json_others() -> None:
    assert digest({"a": 1, "b": [None, True]}) == digest({"b": [None, True], "a": 1})
    assert len({digest(value) for value in (1, 1.5, "1", [1], {"1": 1}, None, True)}) == 7


@pytest.mark.parametrize("section", ["gpu", "engine", "model", "server", "podTemplate", "rollout"])
def test_a_section_in_which_nothing_is_given_is_no_input(section: str) -> None:
    assert _inputs({"size": "8B", section: {}}) == _inputs({"size": "8B"})


def test_a_field_that_is_not_given_is_no_input_and_rollout_is_one_only_where_it_reaches_the_pods() -> None:
    assert _inputs({"size": "8B", "rollout": {"strategy": "Recreate"}}) == _inputs({"size": "8B"})
    assert _inputs({"size": "8B", "suspend": True, "autoscaling": {"maxReplicas": 3}}) == _inputs(
        {"size": "8B"}
    )
    assert _inputs(at("rollout.acceptedRevision", "0123")) == _inputs({"size": "8B"})


def test_a_newer_operators_record_holds_whatever_the_inputs_and_is_written_back_as_it_is() -> None:
    deployment = _deployment({"size": "8B"})
    annotations = deployment["metadata"]["annotations"]
    annotations[RECORD_VERSION_ANNOTATION] = str(RECORD_VERSION + 1)
    annotations[INPUTS_ANNOTATION] = "a hash of another kind"
    stored = record_of(deployment)
    assert stored is not None
    assert stored.is_up_to_date_with(_inputs({"size": "8B"}))
    kept = with_record(_deployment({"size": "8B"}), stored.plan, _inputs({"size": "8B"}), stored)
    written = kept["metadata"]["annotations"]
    assert {name: written[name] for name in stored.annotations} == dict(stored.annotations)
    assert written[INPUTS_ANNOTATION] == "a hash of another kind"


def test_a_newer_operators_record_that_cannot_be_read_is_an_error() -> None:
    deployment = _deployment({"size": "8B"})
    deployment["metadata"]["annotations"] |= {
        RECORD_VERSION_ANNOTATION: str(RECORD_VERSION + 1),
        PLAN_ANNOTATION: "{}",
    }
    with pytest.raises(UnreadableRecordError, match="memory"):
        record_of(deployment)


def test_a_scaled_resource_keeps_its_revision_and_gets_another_manifest() -> None:
    before, after = _deployment({"size": "8B"}), _deployment({"size": "8B", "replicas": 3})
    assert revision_of(before) == revision_of(after)
    hashes = {body["metadata"]["annotations"][MANIFEST_ANNOTATION] for body in (before, after)}
    assert len(hashes) == 2


def test_a_record_survives_a_round_through_the_operator() -> None:
    parsed = parse(resource(RICH))
    once = render_children(parsed, plan_of(RICH), inputs_of(parsed.spec))
    stored = record_of(next(child for child in once.manifests if child["kind"] == "Deployment"))
    assert stored is not None
    assert render_children(parsed, stored.plan, stored.inputs, stored=stored) == once


def test_a_manifest_is_not_changed_by_what_is_added_to_it() -> None:
    manifest = {"metadata": {"name": "captions", "annotations": {"a": "b"}}}
    before = deepcopy(manifest)
    annotated = with_manifest_hash(manifest)
    assert manifest == before
    assert annotated["metadata"]["annotations"]["a"] == "b"
