"""Whatever of a spec is emptied or removed, a resource ends as one that never had it, on a real API server.

The edits follow from the CRD's schema: a new field is among them by itself. Each resource is made without something,
gets it, and loses it again: then it must be as it was at first, and meanwhile as one that was made with it. All of them
are under way at once, without controllers: what is compared is what the operator and the API server make of a spec.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import pytest

from internvl_operator.api.reasons import Reason
from internvl_operator.api.v1alpha1 import API_VERSION, PLURAL
from internvl_operator.kube.kinds import CHILDREN
from tests.cluster.conftest import CRD_DIRECTORY
from tests.cluster.control_plane import LocalCluster
from tests.cluster.custom_resources import install_crds
from tests.cluster.operators.operator_process import grant_rights, spawn_operator
from tests.cluster.programs.published_crds import CHILDREN_CRDS, obtain
from tests.cluster.simulated_nodes import gpu_node
from tests.cluster.specs.emptied.edits import every_edit, few
from tests.cluster.specs.emptied.ends import NAMESPACE, World, differences, sections
from tests.cluster.specs.emptying import CONTAINERS, FIELDS, FILLED, FULL
from tests.cluster.specs.schema import nodes, resource_schema
from tests.cluster.specs.table import Spec
from tests.cluster.waiting import create_namespace, eventually, patch

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from tests.cluster.specs.emptied.edits import Edit
    from tests.cluster.specs.emptied.ends import End
    from tests.cluster.specs.schema import Schema

BARE: Spec = {"size": "8B"}
CLAIM = "PersistentVolumeClaim NAME"
IMMUTABLE = ("spec.model.cache.storageClassName removed", "spec.model.cache.accessMode removed")
"""What Kubernetes lets nobody change of a claim."""
NOT_OF_A_SPEC = ("status.updateChanges", "status.performance")
"""A newer operator and ``internvl bench`` fill and empty these."""


@dataclass(frozen=True)
class Turns:
    """What a resource is made with, what it is edited to, and back.

    Attributes:
        first: the spec at the beginning and at the end.
        second: the spec between.
        names: what the edit does to which field.
    """

    first: Spec
    second: Spec
    names: tuple[str, ...] = ()


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    """An API server that serves every kind of child, with the operator and nodes, and without controllers."""
    # No controller takes the finalizer off a claim that nobody uses.
    flags = ("--disable-admission-plugins=StorageObjectInUseProtection",)
    with LocalCluster(components=(), api_server_flags=flags) as cluster:
        install_crds(cluster, *CRD_DIRECTORY.glob("*.yaml"), *map(obtain, CHILDREN_CRDS))
        labels = {"topology.kubernetes.io/zone": "a", **FULL["podTemplate"]["nodeSelector"]}
        for number in (1, 2, 3):
            node = gpu_node(f"a100-{number}", labels=labels)
            cluster.api.request("POST", "/api/v1/nodes", node).granted()
            # No controller takes off the taint that a node is made with.
            patch(cluster, "nodes", node["metadata"]["name"], "", {"spec": {"taints": None}})
        for plural in (PLURAL, *(kind.plural for kind in CHILDREN.values())):
            # An established kind is served a moment later.
            eventually(partial(_is_served, cluster, plural), f"{plural} served")
        grant_rights(cluster)
        create_namespace(cluster, NAMESPACE)
        operator = spawn_operator(cluster)
        yield World(cluster)
        operator.stop()


@pytest.fixture(scope="module")
def schemas(world: World) -> Mapping[str, Schema]:
    """The schemas of spec and status that the API server serves."""
    path = f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{PLURAL}.{API_VERSION.partition('/')[0]}"
    properties: Mapping[str, Schema] = resource_schema(world.cluster.api.request("GET", path).granted())[
        "properties"
    ]
    return properties


def test_the_edits_are_those_of_the_schema_that_is_served(schemas: Mapping[str, Schema]) -> None:
    fields = [
        path
        for path, _ in nodes(schemas["spec"], "spec")
        if path != "spec" and not path.endswith(("[]", "{}"))
    ]
    wanted = {f"{path} removed" for path in fields} | {
        f"{path} emptied" for path in _sections(schemas["spec"], "spec")
    }
    assert wanted == {name for edit in every_edit() for name in edit.changes}
    # That a schema which lost its fields is no success.
    assert len(fields) >= 300


def test_only_what_is_required_can_be_neither_removed_nor_emptied(world: World) -> None:
    for edit in every_edit():
        if not edit.is_taken:
            answer = world.refusal(edit.after)
            assert not answer.accepted, edit.changes
            (path,) = (change.split()[0] for change in edit.changes)
            assert path.rpartition(".")[0] in re.sub(r"\[\d+\]", "[]", answer.message), edit.changes


@pytest.mark.timeout(300)
def test_a_claim_keeps_what_kubernetes_lets_nobody_change(world: World) -> None:
    edits = {edit.changes[0]: edit for edit in world.edits if edit.changes[0] in IMMUTABLE}
    assert edits.keys() == {*IMMUTABLE}
    for number, edit in enumerate(edits.values()):
        name, other = f"claim-{number}", f"other-claim-{number}"
        without, had = {name: edit.after}, {other: edit.before}
        fresh, full = world.ends(without)[name], world.ends(had)[other]
        assert fresh[CLAIM] != full[CLAIM]

        meanwhile, bereft = world.ends({name: edit.before})[name], world.ends({other: edit.after})[other]
        assert meanwhile["status"]["conditions"][0]["reason"] == Reason.CACHE_CLAIM_IMMUTABLE
        assert {**meanwhile, "status": ""} == {**full, "status": "", CLAIM: fresh[CLAIM]}
        assert bereft == {**fresh, CLAIM: full[CLAIM]}

        assert (world.ends(without)[name], world.ends(had)[other]) == (fresh, full)


@pytest.mark.timeout(600)
def test_a_resource_ends_as_one_that_never_had_what_is_gone(
    world: World, schemas: Mapping[str, Schema]
) -> None:
    turns = _turns(world)
    refused = [name for name in turns if name.startswith("refused")]
    firsts = {name: each.first for name, each in turns.items()}
    fresh = world.ends(firsts, refused)
    between = world.ends({name: each.second for name, each in turns.items()})
    again = world.ends(firsts, refused)

    made_with = {json.dumps(spec): fresh[name] for name, spec in firsts.items()}
    faults = {}
    for name, each in turns.items():
        alike = [between[name], fresh[name]] if name in refused else [fresh[name]]
        faults[f"{name}: {each.names}, back"] = differences(between[name], made_with[json.dumps(each.second)])
        faults[f"{name}: {each.names}, gone"] = _unlike(again[name], alike)
    ends = [*fresh.values(), *between.values(), *again.values()]
    print(_coverage(world, turns, ends, _sections(schemas["status"], "status")))
    found = {what: each for what, each in faults.items() if each}
    assert not found, json.dumps(found, indent=1)


def _turns(world: World) -> dict[str, Turns]:
    """A resource for every few edits, for every spec that is filled, and for one with nothing in it."""
    edits = [edit for edit in world.edits if edit.changes[0] not in IMMUTABLE]
    kept = few((each for each in edits if each.changes[0] not in world.refused), world.takes_the_children)
    refused = few(each for each in edits if each.changes[0] in world.refused)
    specs = [json.loads(spec) for spec in dict.fromkeys(json.dumps(spec) for spec in _filled(kept, refused))]
    return {
        "bare": Turns(BARE, FULL),
        **{f"full-{n}": Turns(spec, BARE) for n, spec in enumerate(specs)},
        **{f"edit-{n}": Turns(edit.after, edit.before, edit.changes) for n, edit in enumerate(kept)},
        **{f"refused-{n}": Turns(edit.after, edit.before, edit.changes) for n, edit in enumerate(refused)},
    }


def _filled(*edits: Iterable[Edit]) -> Iterator[Spec]:
    yield from FILLED
    yield from (edit.before for each in edits for edit in each)


def _unlike(end: End, wanted: Sequence[End]) -> list[str]:
    """The differences of the status from the last of some ends, and of each child from that of every one.

    Of a resource of which Kubernetes refuses a child, some children are as they were before, and some as wanted.
    """
    status = differences(end["status"], wanted[-1]["status"], ".status")
    children = {name for each in (end, *wanted) for name in each} - {"status"}
    return status + [
        difference
        for name in sorted(children)
        if end.get(name) not in [each.get(name) for each in wanted]
        for difference in differences(end.get(name), wanted[-1].get(name), f".{name}")
    ]


def _is_served(cluster: LocalCluster, plural: str) -> bool:
    return cluster.api.request("GET", cluster.api.kinds[plural].path("")).accepted


def _sections(schema: Schema, path: str) -> list[str]:
    """The maps, lists and objects of a schema."""
    return [
        place
        for place, each in nodes(schema, path)
        if each.get("type") in ("array", "object") and place != path and not place.endswith(("[]", "{}"))
    ]


def _coverage(world: World, turns: Mapping[str, Turns], ends: Sequence[End], status: Sequence[str]) -> str:
    """How much of spec, status and children was filled and empty, in numbers; all of it must have been."""
    done = [name for each in turns.values() for name in each.names] + [*IMMUTABLE]
    assert sorted(done) == sorted(edit.changes[0] for edit in world.edits)
    places = [sections(end, "") for end in ends]
    always = set.intersection(*places)
    turned = set.union(*places) - always
    of_status = [place for place in status if f".{place}" in turned]
    never_empty = [place for place in status if f".{place}" in always]
    beyond = [place for place in status if place.startswith(NOT_OF_A_SPEC)]
    assert sorted([*of_status, *never_empty, *beyond]) == sorted(status)
    of_children = {place for place in turned if not place.startswith(".status")}
    return (
        f"spec: {len(CONTAINERS)} maps, lists and objects emptied and {len(FIELDS)} fields removed, all of them: "
        f"{len(done)} in {len(turns)} resources, {len(world.refused)} of them refused by Kubernetes in a child; "
        f"{len(every_edit()) - len(done)} are required. status: {len(of_status)} of {len(status)} of them "
        f"were filled and empty, {len(never_empty)} are never empty, {len(beyond)} do not follow from a spec. "
        f"children: {len(of_children)} were filled and empty."
    )
