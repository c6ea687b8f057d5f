"""A newer operator's other pod template is an update that waits for consent."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING, Any

import pytest

from internvl_operator.api.lifecycle import Rollout
from internvl_operator.api.parsing import parse
from internvl_operator.manifests.labels import PLACEMENT_ANNOTATION, REVISION_LABEL
from internvl_operator.manifests.record import Record, inputs_of, record_of
from internvl_operator.manifests.revision import (
    MOST_CHANGES,
    Update,
    changes_between,
    pin,
    revision_of,
    with_revision,
)
from tests.cluster.specs.table import Spec, at, resource
from tests.rendering import children_of

if TYPE_CHECKING:
    from internvl_operator.manifests.template import KubernetesObject

MANUAL = Rollout()
INPUTS = inputs_of(parse(resource({"size": "8B"})).spec)


def _deployment(spec: Spec | None = None) -> KubernetesObject:
    return next(child for child in children_of(spec or {"size": "8B"}) if child["kind"] == "Deployment")


def _stored() -> Record:
    stored = record_of(_deployment())
    assert stored is not None
    return stored


def _of_a_newer_operator() -> KubernetesObject:
    rendered = _deployment()
    rendered["spec"]["template"]["spec"]["containers"][0]["image"] = "registry.example.com/newer"
    return with_revision(rendered)


def test_the_pod_template_that_runs_is_kept_and_the_other_one_offered() -> None:
    rendered = _of_a_newer_operator()
    pinned, update = pin(rendered, INPUTS, _stored(), MANUAL)
    assert pinned["spec"]["template"] == _stored().pod_template
    assert pinned["spec"]["replicas"] == rendered["spec"]["replicas"]
    image = _deployment()["spec"]["template"]["spec"]["containers"][0]["image"]
    change = f"spec.containers[lmdeploy].image: {image} -> registry.example.com/newer"
    assert update == Update(revision_of(rendered), (change,))


@pytest.mark.parametrize(
    "rollout",
    [
        Rollout.model_validate({"operatorUpdates": "Automatic"}),
        Rollout.model_validate({"acceptedRevision": revision_of(_of_a_newer_operator())}),
    ],
)
def test_an_update_that_is_wanted_is_rolled_out(rollout: Rollout) -> None:
    assert pin(_of_a_newer_operator(), INPUTS, _stored(), rollout) == (_of_a_newer_operator(), None)


def test_consent_to_one_revision_is_none_to_another() -> None:
    _, update = pin(
        _of_a_newer_operator(),
        INPUTS,
        _stored(),
        Rollout.model_validate({"acceptedRevision": "0123456789abcdef"}),
    )
    assert update is not None


def test_the_same_pod_template_is_no_update() -> None:
    assert pin(_deployment(), INPUTS, _stored(), MANUAL) == (_deployment(), None)


def test_the_pod_template_follows_the_inputs_when_they_change() -> None:
    rendered = _deployment({"size": "2B"})
    assert pin(rendered, "other inputs", _stored(), MANUAL) == (rendered, None)
    assert pin(rendered, "other inputs", None, MANUAL) == (rendered, None)


def test_an_older_operator_offers_nothing() -> None:
    stored = _stored()
    newer = Record(stored.inputs, stored.plan, stored.pod_template, is_newer=True, annotations={})
    pinned, update = pin(
        _of_a_newer_operator(),
        "other inputs",
        newer,
        Rollout.model_validate({"operatorUpdates": "Automatic"}),
    )
    assert pinned["spec"]["template"] == stored.pod_template
    assert update is None


def test_pods_tell_their_revision() -> None:
    template = _deployment()["spec"]["template"]
    assert template["metadata"]["labels"][REVISION_LABEL] == revision_of(_deployment())
    assert len(revision_of(_deployment())) == 16


@pytest.mark.parametrize(
    ("spec", "same"),
    [
        ({"size": "8B", "engine": {"sessionLen": 4096}}, True),
        (at("rollout.restartedAt", "now"), True),
        ({"size": "8B", "engine": {"tp": 2}}, False),
        (at("podTemplate.nodeSelector", {"pool": "other"}), False),
        (at("podTemplate.tolerations", [{"key": "spot", "operator": "Exists"}]), False),
    ],
)
def test_revisions_that_need_other_nodes_or_gpus_have_another_placement(spec: Spec, same: bool) -> None:
    assert (_placement(spec) == _placement({"size": "8B"})) is same


def _placement(spec: Spec) -> Any:
    return _deployment(spec)["spec"]["template"]["metadata"]["annotations"][PLACEMENT_ANNOTATION]


def test_changes_name_what_is_added_removed_and_changed() -> None:
    before = {
        "spec": {"containers": [{"name": "a", "env": [{"name": "X", "value": "1"}], "args": ["--tp", "1"]}]}
    }
    after = deepcopy(before)
    container: Any = after["spec"]["containers"][0]
    container["env"] = [{"name": "Y", "value": "2"}]
    container["args"] = ["--tp", "2"]
    after["spec"]["hostname"] = "h" * 200  # type: ignore[assignment]
    assert changes_between(before, after) == (
        "spec.containers[a].args[--tp]: 1 -> 2",
        "spec.containers[a].env[X]: {'name': 'X', 'value': '1'} -> nothing",
        "spec.containers[a].env[Y]: nothing -> {'name': 'Y', 'value': '2'}",
        f"spec.hostname: nothing -> {'h' * 120}...",
    )


LONG = ["/models/InternVL2-8B", *(f"--flag-{number}" for number in range(40)), "--ratio", "0.8", "--last"]


@pytest.mark.parametrize(
    ("before", "after", "change"),
    [
        (LONG, [*LONG[:-2], "0.75", "--last"], "[--ratio]: 0.8 -> 0.75"),
        (LONG, [*LONG, "--more"], ": nothing -> ['--more']"),
        (LONG, LONG[:-1], ": ['--last'] -> nothing"),
        (LONG, [*LONG[:-2], "0.75", "--last", "1"], ": ['0.8', '--last'] -> ['0.75', '--last', '1']"),
        ([{"a": 1}, {"a": 2}], [{"a": 1}, {"a": 3}], "[1].a: 2 -> 3"),
        (
            ["-c", "x" * 200 + "old"],
            ["-c", "x" * 200 + "new"],
            f"[1]: ...{'x' * 20}old -> ...{'x' * 20}new",
        ),
        ([], ["--tp"], ": nothing -> ['--tp']"),
    ],
    ids=["a flag's value", "more", "less", "two at once", "items of items", "a long text", "from nothing"],
)
def test_a_change_of_a_long_list_or_text_shows_where_they_differ(
    before: list[Any], after: list[Any], change: str
) -> None:
    assert changes_between({"args": before}, {"args": after}) == (f"args{change}",)


def test_many_changes_are_counted_and_not_listed() -> None:
    before = {f"field{number}": 1 for number in range(100)}
    changes = changes_between(before, {})
    assert len(changes) == MOST_CHANGES
    assert changes[-1] == f"and {100 - MOST_CHANGES + 1} more"
