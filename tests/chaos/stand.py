"""A cluster with an operator behind a proxy, which disturbances act on.

The controllers that run are those whose work is compared: no pods, but ReplicaSets, and whatever is deleted goes.
"""

from __future__ import annotations

import asyncio
import shutil
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tests.bench.instruments.usage import usage
from tests.bench.stand import add_ready_nodes
from tests.chaos.disturbances.traffic import Traffic
from tests.chaos.scenario import NAMESPACE
from tests.cluster.apiserver.async_api import AsyncApi
from tests.cluster.apiserver.proxy import ApiProxy
from tests.cluster.control_plane import LocalCluster
from tests.cluster.custom_resources import install_crds
from tests.cluster.operators.operator_process import USER, grant_rights, spawn_operator
from tests.cluster.programs.published_crds import CHILDREN_CRDS, obtain

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from tests.cluster.processes import Process

_CRDS = Path(__file__).parents[2] / "crds"
_CONTROLLERS = "kube-controller-manager"
_NEEDED_CONTROLLERS = (
    "deployment-controller",
    "garbage-collector-controller",
    "namespace-controller",
    "persistentvolumeclaim-protection-controller",
)
_OPERATOR = "operator"


@dataclass(frozen=True, slots=True)
class Stand:
    """What a disturbance can act on.

    Attributes:
        cluster: whose processes can be stopped and started.
        api: the administrator's, past the proxy.
        traffic: of the operator.
        kubeconfig: leads through the proxy.
    """

    cluster: LocalCluster
    api: AsyncApi
    traffic: Traffic
    kubeconfig: Path

    @property
    def operator(self) -> Process:
        """The operator's process."""
        return self.cluster.processes[_OPERATOR]

    def restart_controllers(self) -> None:
        """Start the controllers again."""
        controllers = self.cluster.processes[_CONTROLLERS]
        controllers.kill()
        controllers.start()

    def rss_mib(self) -> float:
        """Return the operator's resident memory, in MiB."""
        return usage(self.operator.pid).rss_mib

    async def start_operator(
        self, environment: Mapping[str, str] | None = None, *, wait: bool = True
    ) -> None:
        """Start an operator in place of the one that runs."""
        if _OPERATOR in self.cluster.processes:
            await asyncio.to_thread(self.operator.kill)
        await asyncio.to_thread(
            spawn_operator, self.cluster, _OPERATOR, self.kubeconfig, environment, wait=wait
        )


@asynccontextmanager
async def chaos_stand(directory: Path) -> AsyncIterator[Stand]:
    """Run a cluster, and an operator behind a proxy.

    Args:
        directory: data and logs, kept afterwards until the next time.
    """
    shutil.rmtree(directory, ignore_errors=True)
    with LocalCluster(directory, components=[_CONTROLLERS]) as cluster:
        await asyncio.to_thread(_prepare, cluster)
        async with stand_on(cluster) as stand:
            await stand.start_operator()
            yield stand


@asynccontextmanager
async def stand_on(cluster: LocalCluster) -> AsyncIterator[Stand]:
    """Put a proxy before a cluster; an operator is still to be started."""
    traffic = Traffic()
    async with ApiProxy(cluster, USER, traffic) as proxy, AsyncApi(cluster.kubeconfig()) as api:
        stand = Stand(cluster, api, traffic, proxy.kubeconfig(cluster.directory / "kubeconfigs" / "proxy"))
        yield stand
        await asyncio.to_thread(stand.operator.kill)


def _prepare(cluster: LocalCluster) -> None:
    controllers = cluster.processes[_CONTROLLERS]
    controllers.kill()
    install_crds(cluster, *_CRDS.glob("*.yaml"), *map(obtain, CHILDREN_CRDS))
    cluster.kubectl("create", "namespace", NAMESPACE)
    grant_rights(cluster)
    add_ready_nodes(cluster)
    # The garbage collector learns of a new kind at its start at the soonest.
    controllers.argv.append(f"--controllers={','.join(_NEEDED_CONTROLLERS)}")
    controllers.start()
