"""Whoever may write annotations of a Deployment cannot have the operator run what they say."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from internvl_operator.api.parsing import parse
from internvl_operator.kube.kinds import DEPLOYMENT, RESOURCE
from internvl_operator.kube.objects import condition_of
from internvl_operator.kube.port import ClusterEvent, ForbiddenError, InvalidError, KubernetesObject
from internvl_operator.manifests.labels import (
    INPUTS_ANNOTATION,
    NAME_LABEL,
    PLAN_ANNOTATION,
    RECORD_VERSION_ANNOTATION,
    REVISION_LABEL,
    TEMPLATE_ANNOTATION,
)
from internvl_operator.manifests.record import RECORD_VERSION, inputs_of, template_digest
from internvl_operator.manifests.trusted_record import RECORD_HASH
from internvl_operator.planner.nodes.inventory import GpuPool
from tests.unit.world import KEY, World

EVIL = "evil.example/miner:1"


@pytest.fixture
async def served(world: World) -> World:
    """A resource that serves."""
    world.create()
    await world.reconcile()
    world.serve()
    await world.reconcile()
    return world


def annotate(world: World, **annotations: str) -> None:
    """Write annotations of the Deployment as somebody else does."""
    metadata = world.cluster.objects["Deployment", KEY]["metadata"]
    written = {**metadata, "annotations": {**metadata["annotations"], **annotations}}
    world.cache.put(DEPLOYMENT, world.cluster.edit("Deployment", KEY, metadata=written))


def template(world: World) -> KubernetesObject:
    found: KubernetesObject = copy.deepcopy(world.cluster.objects["Deployment", KEY]["spec"]["template"])
    return found


def forged(world: World, *, is_whole: bool) -> str:
    """Return a pod template with another image, and with the hash of the old or the new content."""
    made = template(world)
    made["spec"]["containers"][0]["image"] = EVIL
    if is_whole:
        made["metadata"]["labels"][REVISION_LABEL] = template_digest(made)
    return json.dumps(made)


def told(world: World) -> list[ClusterEvent]:
    return [event for event in world.cluster.events if event.reason == "RecordIgnored"]


@pytest.mark.parametrize("is_whole", [False, True], ids=["with the old hash", "with its own hash"])
async def test_a_forged_pod_template_is_never_applied_and_is_told(served: World, is_whole: bool) -> None:
    before = template(served)
    annotate(served, **{TEMPLATE_ANNOTATION: forged(served, is_whole=is_whole)})
    applied = len(served.cluster.applied)

    await served.reconcile()

    assert EVIL not in json.dumps(served.cluster.applied[applied:])
    assert template(served) == before
    assert (
        json.loads(served.cluster.objects["Deployment", KEY]["metadata"]["annotations"][TEMPLATE_ANNOTATION])
        == before
    )
    assert len(told(served)) == 1
    await served.reconcile()
    assert len(told(served)) == 1


BROKEN: list[dict[str, str]] = [
    {TEMPLATE_ANNOTATION: text}
    for text in (
        "",
        "[]",
        "null",
        "5",
        "{}",
        '{"metadata": 5}',
        '{"metadata": {"labels": []}}',
        "[" * 100_000,
    )
] + [
    {PLAN_ANNOTATION: text}
    for text in ("", "[]", "null", '{"memory": 5}', '{"memory": null, "gpus": []}', "[" * 100_000)
]


@pytest.mark.parametrize("annotations", BROKEN, ids=lambda item: f"{next(iter(item.items()))}"[:60])
async def test_a_broken_record_is_written_again_from_the_spec(
    served: World, annotations: dict[str, str]
) -> None:
    before = template(served)
    annotate(served, **annotations)

    await served.reconcile()

    assert template(served) == before
    assert len(told(served)) == 1


@pytest.mark.parametrize("version", [str(RECORD_VERSION + 1), "9" * 5000])
async def test_a_record_of_a_version_that_is_not_known_is_told(served: World, version: str) -> None:
    annotate(served, **{RECORD_VERSION_ANNOTATION: version})
    served.confirm_record()
    await served.reconcile()

    found: Any = condition_of(served.status, "UpdateAvailable")
    assert (found["status"], found["reason"]) == ("False", "NewerOperator")
    assert "changes of plan and pod template are not applied" in found["message"]
    assert RECORD_VERSION_ANNOTATION in found["message"]


@pytest.mark.parametrize("plan", [{}, {PLAN_ANNOTATION: "{}"}], ids=["readable", "unreadable"])
async def test_a_version_that_no_operator_wrote_stops_nothing(served: World, plan: dict[str, str]) -> None:
    annotate(served, **{RECORD_VERSION_ANNOTATION: str(RECORD_VERSION + 1), **plan})
    served.edit(engine={"env": [{"name": "LMDEPLOY_A", "value": "new"}]})

    await served.reconcile()

    assert "LMDEPLOY_A" in json.dumps(template(served))
    assert served.condition("UpdateAvailable")[1] != "NewerOperator"
    assert len(told(served)) == 1


async def test_a_record_whose_status_was_never_written_is_the_operators_own(world: World) -> None:
    world.create()
    await world.reconcile()
    body = world.cluster.objects["InternVLDeployment", KEY]
    status = {**body["status"], "revision": "0123456789abcdef", RECORD_HASH: "0123456789abcdef"}
    world.cache.put(RESOURCE, world.cluster.edit("InternVLDeployment", KEY, status=status))
    before = template(world)

    await world.reconcile()

    assert template(world) == before


async def test_a_forged_plan_of_the_right_shape_is_not_believed(served: World) -> None:
    before = served.cluster.objects["Deployment", KEY]["metadata"]["annotations"][PLAN_ANNOTATION]
    plan = {**json.loads(before), "product": "ACME-9000", "gpuMemoryMiB": 1, "tp": 8, "gpus": 8}
    annotate(served, **{PLAN_ANNOTATION: json.dumps(plan)})

    await served.reconcile()

    assert "ACME-9000" not in json.dumps(served.status)
    assert served.status["plan"]["gpus"] == 1
    assert served.cluster.objects["Deployment", KEY]["metadata"]["annotations"][PLAN_ANNOTATION] == before
    assert len(told(served)) == 1


async def test_a_forged_hash_of_the_inputs_does_not_keep_a_new_spec_from_being_applied(served: World) -> None:
    served.edit(engine={"env": [{"name": "LMDEPLOY_A", "value": "new"}]})
    spec = parse(served.cluster.objects["InternVLDeployment", KEY]).spec
    annotate(served, **{INPUTS_ANNOTATION: inputs_of(spec)})

    await served.reconcile()

    assert "LMDEPLOY_A" in json.dumps(template(served))
    assert len(told(served)) == 1


async def test_a_record_that_was_there_before_the_resource_had_a_status_is_not_believed(
    served: World,
) -> None:
    """Somebody made the Deployment while no operator ran, and wrote the resource as its owner."""
    made = forged(served, is_whole=True)
    annotate(served, **{TEMPLATE_ANNOTATION: made})
    served.cache.put(RESOURCE, served.cluster.edit("InternVLDeployment", KEY, status={}))
    applied = len(served.cluster.applied)

    statuses = len(served.cluster.statuses)
    await served.reconcile()

    assert EVIL not in json.dumps(served.cluster.applied[applied:])
    assert EVIL not in json.dumps(template(served))
    for status in served.cluster.statuses[statuses:]:
        assert (condition_of(status, "Ready") or {})["status"] == "False", "their pods are not the model"


async def test_the_status_of_an_earlier_operator_confirms_a_record_by_its_revision(served: World) -> None:
    earlier = {name: value for name, value in served.status.items() if name != "recordHash"}
    served.cache.put(RESOURCE, served.cluster.edit("InternVLDeployment", KEY, status=earlier))
    served.pools = [GpuPool("NVIDIA-L4", 23034, 8, compute_capability=(8, 9))]
    before = template(served)

    await served.reconcile()

    assert template(served) == before
    assert told(served) == []
    assert "recordHash" in served.status


async def test_a_deployment_that_cannot_be_written_leaves_the_record_of_what_runs_believed(
    served: World,
) -> None:
    before, believed = template(served), {name: served.status[name] for name in ("revision", "recordHash")}
    served.cluster.failures.append(ForbiddenError("a quota"))
    served.edit(engine={"env": [{"name": "LMDEPLOY_A", "value": "new"}]})
    with pytest.raises(ForbiddenError):
        await served.reconcile()
    assert {name: served.status[name] for name in believed} == believed

    served.pools = [GpuPool("NVIDIA-L4", 23034, 8, compute_capability=(8, 9))]
    served.edit()
    await served.reconcile()

    assert template(served) == before
    assert told(served) == []


class TestARecordStaysTrusted:
    """Whatever happens beside it, what runs is planned anew only for a new spec."""

    @pytest.fixture
    def other_gpus(self, served: World) -> World:
        """The cluster has other GPUs than when the plan was made: a new plan would restart the pods."""
        served.pools = [GpuPool("NVIDIA-L4", 23034, 8, compute_capability=(8, 9))]
        return served

    async def test_after_a_spec_that_fits_nowhere_is_taken_back(self, other_gpus: World) -> None:
        before = template(other_gpus)
        other_gpus.edit(gpu={"maxCount": 1}, engine={"sessionLen": 1048576})
        await other_gpus.reconcile()
        assert other_gpus.condition("Stalled")[0] == "True"
        other_gpus.edit()
        await other_gpus.reconcile()
        assert template(other_gpus) == before
        assert told(other_gpus) == []

    async def test_when_a_spec_that_fits_nowhere_is_suspended(self, other_gpus: World) -> None:
        bad: dict[str, Any] = {"gpu": {"maxCount": 1}, "engine": {"sessionLen": 1048576}}
        other_gpus.edit(**bad)
        await other_gpus.reconcile()
        other_gpus.edit(**bad, suspend=True)
        await other_gpus.reconcile()
        assert other_gpus.cluster.objects["Deployment", KEY]["spec"]["replicas"] == 0

    async def test_after_a_downgrade_and_an_upgrade(
        self, other_gpus: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        before = template(other_gpus)
        annotate(other_gpus, **{RECORD_VERSION_ANNOTATION: str(RECORD_VERSION + 1)})
        other_gpus.confirm_record()
        with monkeypatch.context() as earlier_operator:
            earlier_operator.setattr("internvl_operator.manifests.record.plan_from_document", dict)
            earlier_operator.setattr("internvl_operator.manifests.record.template_digest", {}.__getitem__)
            await other_gpus.reconcile()
        assert other_gpus.condition("Ready")[1] == "NewerOperator"
        await other_gpus.reconcile()
        assert other_gpus.condition("Ready")[1] != "NewerOperator"
        assert template(other_gpus) == before
        assert told(other_gpus) == []

    async def test_while_the_status_is_refused_and_the_refusal_is_told_once(
        self, other_gpus: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def refuse(_: object) -> KubernetesObject:
            raise InvalidError("unknown field")

        monkeypatch.setattr(other_gpus.cluster, "patch_status", refuse)
        other_gpus.edit(engine={"env": [{"name": "A", "value": "1"}]})
        for _ in range(3):
            with pytest.raises(InvalidError):
                await other_gpus.reconcile()
        written = template(other_gpus)
        other_gpus.pools = [GpuPool("NVIDIA-H200", 143771, 8, compute_capability=(9, 0))]
        with pytest.raises(InvalidError):
            await other_gpus.reconcile()
        assert template(other_gpus) == written
        assert [event.reason for event in other_gpus.cluster.events].count("StatusRefused") == 1
        assert told(other_gpus) == []

    async def test_without_the_label_by_which_the_watches_select(self, other_gpus: World) -> None:
        before = template(other_gpus)
        live = other_gpus.cluster.objects["Deployment", KEY]
        labels = {name: value for name, value in live["metadata"]["labels"].items() if name != NAME_LABEL}
        hidden = other_gpus.cluster.edit("Deployment", KEY, metadata={**live["metadata"], "labels": labels})
        other_gpus.cache.drop(DEPLOYMENT, hidden)
        await other_gpus.reconcile()
        live = other_gpus.cluster.objects["Deployment", KEY]
        assert live["metadata"]["labels"][NAME_LABEL] == KEY.name, "the label is put back"
        assert template(other_gpus) == before

    async def test_when_the_owner_reference_is_lost_and_put_back(self, other_gpus: World) -> None:
        before = template(other_gpus)
        metadata = dict(other_gpus.cluster.objects["Deployment", KEY]["metadata"])
        references = metadata.pop("ownerReferences")
        nobody: list[object] = []
        for owners in (nobody, references):
            written = {**other_gpus.cluster.objects["Deployment", KEY]["metadata"], "ownerReferences": owners}
            other_gpus.cache.put(DEPLOYMENT, other_gpus.cluster.edit("Deployment", KEY, metadata=written))
            await other_gpus.reconcile()
        assert template(other_gpus) == before
        assert told(other_gpus) == []


async def test_a_claim_that_grows_restarts_nothing_though_the_gpus_are_others(world: World) -> None:
    world.create(model={"cache": {"size": "100Gi"}})
    await world.reconcile()
    world.serve()
    await world.reconcile()
    before = template(world)
    world.pools = [GpuPool("NVIDIA-L4", 23034, 8, compute_capability=(8, 9))]
    for size in ("150Gi", "200Gi"):
        world.edit(model={"cache": {"size": size}})
        await world.reconcile()
        claim = world.cluster.objects["PersistentVolumeClaim", KEY]
        assert claim["spec"]["resources"]["requests"]["storage"] == size
        assert template(world) == before
