"""What the controller does when the reconciler itself fails, and when lists do."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from itertools import count
from typing import Any

import pytest

from internvl_operator.kube.cache import Cache
from internvl_operator.kube.kinds import CHILDREN, DEPLOYMENT, RESOURCE, SERVICE
from internvl_operator.kube.objects import condition_of
from internvl_operator.kube.port import (
    ClusterError,
    ForbiddenError,
    InvalidError,
    Keep,
    Key,
    Kind,
    KubernetesObject,
    ObjectList,
    UnavailableError,
    whole,
)
from internvl_operator.planner.nodes.inventory import Inventory
from internvl_operator.planner.request import GpuRequest
from internvl_operator.reconcile import Reconciler
from internvl_operator.runtime.controller import TOLD_AFTER_FAILURES, Controller
from internvl_operator.runtime.monitoring.metrics import Metrics
from internvl_operator.runtime.queue import LONGEST_BACKOFF_SECONDS, WorkQueue
from internvl_operator.settings import Settings
from tests.unit.fake_cluster import FakeCluster
from tests.unit.world import World

CAPTIONS = Key("vision", "captions")
LISTED = ["InternVLDeployment", "InternVLDeployment", "Deployment"]


class FaultyReconciler(Reconciler):
    """A reconciler that fails on every resource, and notes of which it has reported so."""

    def __init__(self, cluster: FakeCluster, cache: Cache) -> None:
        super().__init__(
            cluster=cluster,
            cache=cache,
            children=CHILDREN,
            inventory=self._fail,
            now=lambda: datetime(2026, 1, 1, tzinfo=UTC),
        )
        self.reported: asyncio.Queue[Key] = asyncio.Queue()

    async def _fail(self, _: GpuRequest, *, fresh: bool = False) -> Inventory:  # noqa: ARG002
        raise RuntimeError("a fault of the planner")

    async def report(self, key: Key, error: Exception) -> None:
        try:
            await super().report(key, error)
        finally:
            self.reported.put_nowait(key)


class HalfwayReconciler(Reconciler):
    """A reconciler that fails each time, after so many writes."""

    def __init__(self, cluster: FakeCluster, cache: Cache, writes: list[int]) -> None:
        super().__init__(
            cluster=cluster,
            cache=cache,
            children=CHILDREN,
            inventory=no_inventory,
            now=lambda: datetime(2026, 1, 1, tzinfo=UTC),
        )
        self._cached = cache
        self._writes = iter(writes)
        self._version = count(1)

    async def reconcile(self, key: Key) -> float | None:
        for _ in range(next(self._writes)):
            metadata = {
                "name": key.name,
                "namespace": key.namespace,
                "resourceVersion": str(next(self._version)),
            }
            self._cached.put(SERVICE, {"metadata": metadata})
        raise UnavailableError("503")


async def no_inventory(_: GpuRequest, *, fresh: bool = False) -> Inventory:  # noqa: ARG001
    raise AssertionError("no plan is made")


class NotingQueue(WorkQueue):
    """A queue that notes the keys that are added, and the seconds of each backoff."""

    def __init__(self) -> None:
        super().__init__(lambda: 0.0, lambda: 1.0)
        self.added: list[Key] = []
        self.backoffs: list[float] = []

    def add(self, key: Key, after: float = 0.0) -> None:
        self.added.append(key)
        super().add(key, after)

    def retry(self, key: Key, at_least: float = 0.0, at_most: float = LONGEST_BACKOFF_SECONDS) -> float:
        self.backoffs.append(super().retry(key, at_least, at_most))
        return self.backoffs[-1]


def controller_of(
    cluster: FakeCluster, cache: Cache, reconciler: Reconciler, queue: WorkQueue | None = None
) -> Controller:
    clock = asyncio.get_running_loop().time
    queue = WorkQueue(clock, lambda: 1.0) if queue is None else queue
    return Controller(
        cluster=cluster,
        cache=cache,
        reconciler=reconciler,
        queue=queue,
        metrics=Metrics(),
        settings=Settings(workers=1),
        kinds=(DEPLOYMENT, SERVICE),
        clock=clock,
    )


async def test_a_fault_of_the_operator_is_told_in_the_status_and_stops_no_worker() -> None:
    cluster, cache = FakeCluster(), Cache()
    reconciler = FaultyReconciler(cluster, cache)
    # Its clock stands still: what failed is not due again.
    controller = controller_of(cluster, cache, reconciler, NotingQueue())
    cluster.failures.append(UnavailableError("503"))
    for name in ("unreported", "reported"):
        metadata = {"name": name, "namespace": "vision"}
        body = {"apiVersion": "internvl.dev/v1alpha1", "kind": "InternVLDeployment", "metadata": metadata}
        controller.observe(RESOURCE, "ADDED", cluster.create(body | {"spec": {"size": "8B"}}))

    work = asyncio.create_task(controller.work())
    async with asyncio.timeout(30):
        keys = [await reconciler.reported.get() for _ in range(2)]
    work.cancel()
    with suppress(asyncio.CancelledError):
        await work

    assert [key.name for key in keys] == ["unreported", "reported"]
    (status,) = cluster.statuses
    ready = condition_of(status, "Ready")
    assert ready is not None
    assert ready["reason"] == "InternalError"
    assert "RuntimeError: a fault of the planner" in ready["message"]


async def test_a_list_that_fails_is_tried_again_and_no_other_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("internvl_operator.runtime.controller._RELIST_RETRY_SECONDS", 0.0)
    cluster, cache = FakeCluster(), Cache()
    controller = controller_of(cluster, cache, FaultyReconciler(cluster, cache))
    asked: list[str] = []
    original = cluster.list

    async def list_(kind: Kind, selector: str = "", keep: Keep = whole) -> ObjectList:
        asked.append(kind.kind)
        cluster.failures += [UnavailableError("503")] * (
            asked in (["InternVLDeployment"], [*LISTED, "Service"])
        )
        return await original(kind, selector, keep)

    monkeypatch.setattr(cluster, "list", list_)
    await controller.list_until_done()

    assert asked == [*LISTED, "Service", "Service"]
    assert controller.listed.is_set()


async def test_what_a_list_told_before_it_failed_is_worked_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("internvl_operator.runtime.controller._RELIST_RETRY_SECONDS", 0.0)
    cluster, cache, queue = FakeCluster(), Cache(), NotingQueue()
    controller = controller_of(cluster, cache, FaultyReconciler(cluster, cache), queue)
    metadata = {"name": CAPTIONS.name, "namespace": CAPTIONS.namespace}
    body = {"apiVersion": "internvl.dev/v1alpha1", "kind": "InternVLDeployment", "metadata": metadata}
    cluster.create(body | {"spec": {"size": "8B"}})
    original, failures = cluster.list, [UnavailableError("503")]

    async def list_(kind: Kind, selector: str = "", keep: Keep = whole) -> ObjectList:
        listed = await original(kind, selector, keep)
        if failures:
            raise failures.pop()
        return listed

    monkeypatch.setattr(cluster, "list", list_)
    await controller.list_until_done()

    assert len(queue) == 1


async def test_a_failure_after_a_write_begins_the_backoff_anew() -> None:
    cluster, cache, queue = FakeCluster(), Cache(), NotingQueue()
    reconciler = HalfwayReconciler(cluster, cache, writes=[0, 0, 0, 1, 0, 2])
    controller = controller_of(cluster, cache, reconciler, queue)

    for _ in range(6):
        queue.add(CAPTIONS)
        await controller.work_once()

    assert queue.backoffs == [0.1, 0.2, 0.4, 0.1, 0.2, 0.1]


async def test_writes_that_fail_again_and_again_are_told_in_the_status() -> None:
    cluster, cache = FakeCluster(), Cache()
    queue = NotingQueue()
    reconciler = HalfwayReconciler(cluster, cache, [0] * (TOLD_AFTER_FAILURES + 1))
    controller = controller_of(cluster, cache, reconciler, queue)
    body = {
        "apiVersion": "internvl.dev/v1alpha1",
        "kind": "InternVLDeployment",
        "metadata": {"name": CAPTIONS.name, "namespace": CAPTIONS.namespace},
        "spec": {"size": "8B"},
    }
    controller.observe(RESOURCE, "ADDED", cluster.create(body))
    for tries in range(1, TOLD_AFTER_FAILURES + 2):
        queue.add(CAPTIONS)
        await controller.work_once()
        assert bool(cluster.statuses) is (tries >= TOLD_AFTER_FAILURES)
    assert len(cluster.statuses) == 1, "the same is told once"
    told = condition_of(cluster.statuses[0], "Reconciling")
    assert told is not None
    assert (told["reason"], told["message"].split(";")[0]) == ("WriteFailed", "the API server fails: 503")


@pytest.mark.parametrize("refusal", [InvalidError("422 or 500"), ForbiddenError("403")], ids=str)
async def test_each_refused_status_is_counted_whatever_the_reason(refusal: ClusterError) -> None:
    cluster, cache, queue = FakeCluster(), Cache(), NotingQueue()
    reconciler = Reconciler(
        cluster=cluster,
        cache=cache,
        children=CHILDREN,
        inventory=no_inventory,
        now=lambda: datetime(2026, 1, 1, tzinfo=UTC),
    )
    controller = controller_of(cluster, cache, reconciler, queue)
    metadata = {"name": CAPTIONS.name, "namespace": CAPTIONS.namespace}
    body = {"apiVersion": "internvl.dev/v1alpha1", "kind": "InternVLDeployment", "metadata": metadata}
    # Without a size nothing is planned, and nothing but the status is written.
    controller.observe(RESOURCE, "ADDED", cluster.create(body | {"spec": {}}))
    cluster.failures += [refusal, refusal]
    for refused in (1, 2, 2):
        queue.add(CAPTIONS)
        await controller.work_once()
        metrics = controller.metrics.registry
        assert metrics.get_sample_value("internvl_status_refusals_total") == refused
    assert [event.reason for event in cluster.events].count("StatusRefused") == 1
    assert len(cluster.statuses) == 1


@pytest.mark.parametrize(("is_changed", "again"), [(False, []), (True, [CAPTIONS])], ids=["own", "of others"])
async def test_of_what_a_watch_tells_before_the_answer_to_a_write_only_changes_of_others_count(
    is_changed: bool, again: list[Key]
) -> None:
    world, queue = World(), NotingQueue()
    controller = controller_of(world.cluster, world.cache, world.reconciler, queue)
    metadata = {"name": CAPTIONS.name, "namespace": CAPTIONS.namespace}
    body = {"apiVersion": "internvl.dev/v1alpha1", "kind": "InternVLDeployment", "metadata": metadata}
    controller.observe(RESOURCE, "ADDED", world.cluster.create(body | {"spec": {"size": "8B"}}))
    queue.added.clear()
    apply, patch_status = world.cluster.apply, world.cluster.patch_status

    async def applied(manifest: Mapping[str, Any], *, uid: str | None) -> KubernetesObject:
        answer = await apply(manifest, uid=uid)
        controller.observe(CHILDREN[manifest["kind"]], "ADDED", answer)
        if is_changed and manifest["kind"] == "Deployment":
            scaled = world.cluster.edit(
                "Deployment", CAPTIONS, status={"observedGeneration": 1, "replicas": 1}
            )
            controller.observe(DEPLOYMENT, "MODIFIED", scaled)
        return answer

    async def patched(manifest: Mapping[str, Any]) -> KubernetesObject:
        answer = await patch_status(manifest)
        controller.observe(RESOURCE, "MODIFIED", answer)
        return answer

    world.cluster.apply, world.cluster.patch_status = applied, patched  # type: ignore[method-assign]
    await controller.work_once()

    assert {kind for kind, _ in world.cluster.objects} >= {"Deployment", "Service", "NetworkPolicy"}
    assert world.cluster.statuses
    assert queue.added == again
