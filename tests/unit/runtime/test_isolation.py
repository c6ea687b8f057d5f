"""One object that nobody can make sense of: its own status says so, and all others are served."""

from __future__ import annotations

import asyncio
import json
import logging
from typing import Any

import pytest

from internvl_operator.kube.cache import Cache
from internvl_operator.kube.client import KubernetesClient
from internvl_operator.kube.credentials import Credentials
from internvl_operator.kube.kinds import DEPLOYMENT, RESOURCE, SERVICE
from internvl_operator.kube.nesting import decoded
from internvl_operator.kube.objects import condition_of
from internvl_operator.kube.port import Key
from internvl_operator.runtime import intake
from internvl_operator.runtime.controller import Controller
from internvl_operator.runtime.monitoring.metrics import Metrics
from internvl_operator.runtime.queue import WorkQueue
from internvl_operator.settings import Settings
from tests.fake_api import FakeApi
from tests.unit.world import KEY, World

DEPTHS = (65, 250, 300, 1100, 5000)
OTHER = Key(KEY.namespace, "other")


def resource_text(key: Key, depth: int, version: int = 1) -> str:
    """Return a resource whose affinity is so deep, as the API server writes it."""
    affinity = '{"a":' * depth + "{}" + "}" * depth
    metadata = {
        "name": key.name,
        "namespace": key.namespace,
        "uid": f"uid-{key.name}",
        "generation": 1,
        "resourceVersion": str(version),
    }
    return (
        f'{{"apiVersion":"internvl.dev/v1alpha1","kind":"InternVLDeployment","metadata":{json.dumps(metadata)},'
        f'"spec":{{"size":"8B","podTemplate":{{"affinity":{affinity}}}}}}}'
    )


@pytest.mark.parametrize("depth", DEPTHS)
async def test_the_status_of_what_is_nested_too_deep_says_where(world: World, depth: int) -> None:
    world.create()
    world.cluster.objects["InternVLDeployment", KEY]["metadata"]["uid"] = f"uid-{KEY.name}"
    world.cache.put(RESOURCE, decoded(resource_text(KEY, depth, version=9).encode()))

    await world.reconcile()

    assert world.condition("Stalled") == ("True", "InvalidSpec")
    message = (condition_of(world.status, "Stalled") or {})["message"]
    assert message.startswith("spec.podTemplate.affinity.a is nested more than 64 levels deep")
    assert world.cluster.applied == []


@pytest.mark.parametrize("depth", DEPTHS)
async def test_a_list_with_such_an_object_is_taken_in_and_the_object_named_once(
    depth: int, caplog: pytest.LogCaptureFixture
) -> None:
    cache, metrics = Cache(), Metrics()
    texts = [resource_text(KEY, depth), resource_text(OTHER, 1)]
    page = f'{{"metadata":{{"resourceVersion":"9"}},"items":[{",".join(texts)}]}}'
    listed = {RESOURCE: page, DEPLOYMENT: '{"metadata":{"resourceVersion":"9"},"items":[]}'}
    paths = {f"{kind.root}/{kind.plural}": text for kind, text in listed.items()}
    with FakeApi(paths) as api, caplog.at_level(logging.WARNING):
        async with KubernetesClient(lambda: Credentials(api.url, authorization="Bearer a-token")) as cluster:
            controller = controller_of(cluster, cache, metrics)
            await controller.list_until_done()
            await controller.list_until_done()

    assert cache.holds(RESOURCE, KEY)
    assert cache.holds(RESOURCE, OTHER)
    controller.update_gauges()
    is_cut = depth > 254
    incomplete = metrics.registry.get_sample_value(
        "internvl_incomplete_objects", {"kind": "InternVLDeployment"}
    )
    assert incomplete == is_cut
    logged = [record for record in caplog.records if record.name == intake.__name__]
    assert [KEY.name in record.getMessage() for record in logged] == [True] * is_cut


async def test_an_object_that_cannot_be_kept_is_counted_and_the_others_are_kept(
    caplog: pytest.LogCaptureFixture,
) -> None:
    cache, metrics = Cache(), Metrics()
    controller = controller_of(KubernetesClient(lambda: Credentials("http://127.0.0.1")), cache, metrics)
    strange: list[Any] = [
        {},
        {"metadata": {"name": "a", "resourceVersion": "x"}},
        {"metadata": {"name": 1, "labels": 5}},
    ]
    for body in strange * 100:
        controller.observe(SERVICE, "ADDED", body)
    controller.observe(
        SERVICE, "ADDED", {"metadata": {"name": "b", "namespace": "vision", "resourceVersion": "1"}}
    )

    assert cache.holds(SERVICE, Key("vision", "b"))
    skipped = metrics.registry.get_sample_value("internvl_skipped_objects_total", {"kind": "Service"})
    assert skipped is not None
    assert skipped >= 200
    assert len(caplog.records) == 1, "one line a minute"


def controller_of(cluster: KubernetesClient, cache: Cache, metrics: Metrics) -> Controller:
    clock = asyncio.get_running_loop().time
    reconciler = World().reconciler
    queue = WorkQueue(clock, lambda: 1.0)
    return Controller(
        cluster=cluster,
        cache=cache,
        reconciler=reconciler,
        queue=queue,
        metrics=metrics,
        settings=Settings(workers=1),
        kinds=(DEPLOYMENT,),
        clock=clock,
    )
