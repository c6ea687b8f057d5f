"""A whole cluster with simulated nodes and pods, and the acts of a soak upon it."""

from __future__ import annotations

import asyncio
import shutil
import urllib.request
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prometheus_client.parser import text_string_to_metric_families

from internvl_operator.kube.kinds import NODE, RESOURCE
from tests.chaos.stand import Stand, stand_on
from tests.cluster.apiserver.api import MERGE
from tests.cluster.components import free_ports
from tests.cluster.control_plane import LocalCluster
from tests.cluster.custom_resources import install_crds
from tests.cluster.operators.operator_process import grant_rights, resource
from tests.cluster.simulated_nodes import gpu_node
from tests.soak.oracle import KINDS
from tests.soak.plan import AddNode, ChangeWeather, Create, Delete, Edit, Kill, RemoveNode
from tests.soak.report import Sample
from tests.soak.weather import Weather

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from random import Random

    from tests.soak.plan import Act

NAMESPACE = "soak"
METRICS_SECONDS = 10.0
_CRDS = Path(__file__).parents[2] / "crds"
_COLLECTION = f"{RESOURCE.root}/namespaces/{NAMESPACE}/{RESOURCE.plural}"
_NODES = f"{NODE.root}/{NODE.plural}"
_BACKGROUND = {"propagationPolicy": "Background"}


class SoakStand:
    """Carries out acts, and looks at the operator.

    Args:
        stand: the cluster, and the operator behind its proxy.
        random: decides which requests the weather hits.
    """

    def __init__(self, stand: Stand, random: Random) -> None:
        self._stand = stand
        self._port = free_ports(1)[0]
        self.weather = Weather(stand.traffic, random)

    @property
    def writes(self) -> int:
        """Of the operator, so far."""
        return self._stand.traffic.writes

    async def start_operator(self, *, wait: bool = True) -> None:
        """Start an operator in place of the one that runs.

        Args:
            wait: whether to wait for its first lists, which faults may delay for long.
        """
        environment = {"INTERNVL_HTTP_PORT": str(self._port)}
        await self._stand.start_operator(environment, wait=wait)

    async def carry_out(self, act: Act) -> None:
        """Carry out one act."""
        api = self._stand.api
        match act:
            case Create(name, spec):
                await api.ask("POST", _COLLECTION, resource(name, NAMESPACE, **spec))
            case Edit(name, patch):
                await api.ask("PATCH", f"{_COLLECTION}/{name}", {"spec": patch}, MERGE)
            case Delete(name):
                await api.ask("DELETE", f"{_COLLECTION}/{name}", _BACKGROUND)
            case AddNode(name):
                await api.ask("POST", _NODES, gpu_node(name))
            case RemoveNode(name):
                await api.ask("DELETE", f"{_NODES}/{name}")
            case ChangeWeather(name):
                self.weather.change(name)
            case Kill():
                await self.start_operator(wait=False)

    async def bodies(self) -> list[dict[str, Any]]:
        """Return all resources and their children."""
        found: list[dict[str, Any]] = []
        for kind in KINDS:
            path = f"{kind.root}/namespaces/{NAMESPACE}/{kind.plural}"
            found += [
                {**item, "kind": kind.kind} for item in (await self._stand.api.ask("GET", path))["items"]
            ]
        return found

    async def sample(self, seconds: float) -> Sample | None:
        """Return how the operator is, or None while it starts."""
        depth = await asyncio.to_thread(self._queue_depth)
        if depth is None:
            return None
        return Sample(seconds, self._stand.rss_mib(), depth, self._stand.operator.pid)

    def _queue_depth(self) -> int | None:
        try:
            with urllib.request.urlopen(
                f"http://127.0.0.1:{self._port}/metrics", timeout=METRICS_SECONDS
            ) as answer:
                text = answer.read().decode()
        except OSError:
            return None
        return queue_depth(text)


def queue_depth(metrics: str) -> int:
    """Return the queue depth that the operator's metrics tell."""
    (depth,) = (
        sample.value
        for family in text_string_to_metric_families(metrics)
        for sample in family.samples
        if sample.name == "internvl_queue_depth"
    )
    return int(depth)


@asynccontextmanager
async def soak_stand(directory: Path, random: Random) -> AsyncIterator[SoakStand]:
    """Run a cluster, and an operator behind a proxy.

    Args:
        directory: data and logs, kept afterwards until the next time.
        random: decides which requests the weather hits.
    """
    shutil.rmtree(directory, ignore_errors=True)
    with LocalCluster(directory) as cluster:
        await asyncio.to_thread(_prepare, cluster)
        async with stand_on(cluster) as stand:
            soaked = SoakStand(stand, random)
            await soaked.start_operator()
            yield soaked


def _prepare(cluster: LocalCluster) -> None:
    install_crds(cluster, *_CRDS.glob("*.yaml"))
    cluster.kubectl("create", "namespace", NAMESPACE)
    grant_rights(cluster)
    # The garbage collector learns of a new kind at its start at the soonest.
    controllers = cluster.processes["kube-controller-manager"]
    controllers.kill()
    controllers.start()
