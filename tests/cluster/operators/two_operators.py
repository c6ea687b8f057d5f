"""Two operators that share a Lease, as two replicas of one installation do, and changes that keep them busy."""

from __future__ import annotations

import threading
import time
import urllib.request
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from typing import TYPE_CHECKING, Self

from tests.cluster.components import free_ports
from tests.cluster.operators.operator_process import STANDBY, USER, answers, spawn_operator
from tests.cluster.operators.rights import LEASE
from tests.cluster.processes import ProcessError
from tests.cluster.waiting import eventually, get, get_all

if TYPE_CHECKING:
    from types import TracebackType

    from tests.cluster.apiserver.api import Api
    from tests.cluster.control_plane import LocalCluster
    from tests.cluster.processes import Process

SECONDS = 2
FEW, MANY = 2, 3
"""Replicas, between which the changes go to and fro; two or more, so that no child comes and goes."""
PAUSE_SECONDS = 0.2
"""Between two changes: the operators are busy, and not only they."""


@dataclass(frozen=True, slots=True)
class Leader:
    """The operator that leads."""

    user: str
    identity: str
    process: Process


@dataclass(frozen=True, slots=True)
class Succession:
    """When another operator took the lead, and how many seconds the slowest look at the Lease took meanwhile.

    On a machine with time to spare a look takes some milliseconds, and 50 to the next.
    """

    at: datetime
    slowest_look: float


class TwoOperators:
    """An operator for each of two users of the API server, so that its audit log tells them apart.

    One that ends is started again, as a kubelet does: on a busy machine a lease of two seconds is lost now and then
    without anybody's doing. Use it as a context manager.

    Args:
        cluster: where they run.
        api: the administrator's view of it.
        namespace: of the Lease, and of the resources.
        seconds: for which a leader holds the Lease without renewing it.
    """

    def __init__(self, cluster: LocalCluster, api: Api, namespace: str, seconds: int = SECONDS) -> None:
        self._cluster = cluster
        self._api = api
        self._path = f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases/{LEASE}"
        self._environment = {
            "INTERNVL_NAMESPACES": namespace,
            "INTERNVL_LEASE_NAME": LEASE,
            "INTERNVL_LEASE_NAMESPACE": namespace,
            "INTERNVL_LEASE_SECONDS": str(seconds),
        }
        self._ports = dict(zip((USER, STANDBY), free_ports(2), strict=True))
        self._processes: dict[str, Process] = {}
        self._logged_before: dict[str, int] = {}
        self._ended = threading.Event()
        self._keepers = [threading.Thread(target=self._keep, args=(user,)) for user in self._ports]

    def __enter__(self) -> Self:
        for keeper in self._keepers:
            keeper.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        for keeper in self._keepers:
            keeper.join()
        for process in self._processes.values():
            process.stop()

    def wait_for_leader(self) -> Leader:
        """Wait until both are ready and one of them leads, and return that one."""
        try:
            return eventually(self._leader, "two operators that are ready, one of which leads", timeout=60.0)
        except AssertionError as error:
            logs = [process.log_tail() for process in self._processes.values()]
            raise AssertionError("\n".join([str(error), *logs])) from None

    def wait_for_successor(self, of: Leader, timeout: float = 20.0) -> Succession:
        """Wait until another leads, and return since when, by its own word."""
        asked: list[float] = []

        def succeeded() -> bool:
            asked.append(time.monotonic())
            return self._holder not in ("", of.identity)

        eventually(succeeded, f"a successor of {of}", timeout)
        asked.append(time.monotonic())
        acquired = self._api.request("GET", self._path).body["spec"]["acquireTime"]
        return Succession(
            datetime.strptime(acquired, "%Y-%m-%dT%H:%M:%S.%f%z").astimezone(UTC),
            max(later - earlier for earlier, later in pairwise(asked)),
        )

    def get(self, user: str, path: str) -> str:
        """What a user's operator answers on its port of health and metrics.

        Raises:
            OSError: it does not answer, or with another status than 200.
        """
        with urllib.request.urlopen(f"http://127.0.0.1:{self._ports[user]}/{path}", timeout=5) as answer:
            return str(answer.read().decode())

    @property
    def answers_lost(self) -> int:
        """How many requests of the operators were not answered in time, by their logs."""
        logs = {process.log for process in self._processes.values()}
        return sum(log.read_text().count("s: PATCH /apis/") for log in logs)

    @property
    def _holder(self) -> str:
        """Identity that holds the Lease; empty for nobody."""
        answer = self._api.request("GET", self._path)
        return str(answer.body.get("spec", {}).get("holderIdentity") or "") if answer.accepted else ""

    def _leader(self) -> Leader | None:
        if not all(answers(f"http://127.0.0.1:{port}/readyz") for port in self._ports.values()):
            return None
        holder = self._holder
        for user, process in self._processes.items():
            # All operators of a user share a log.
            own_log = process.log.read_text()[self._logged_before[user] :]
            if holder and process.running and f"{holder} leads" in own_log:
                return Leader(user, holder, process)
        return None

    def _keep(self, user: str) -> None:
        kubeconfig = self._cluster.kubeconfig(user)
        environment = self._environment | {"INTERNVL_HTTP_PORT": str(self._ports[user])}
        while not self._ended.wait(0.1):
            if user not in self._processes or not self._processes[user].running:
                log = self._cluster.log_file(user)
                self._logged_before[user] = len(log.read_text()) if log.exists() else 0
                with suppress(ProcessError):
                    self._processes[user] = spawn_operator(
                        self._cluster, user, kubeconfig, environment, wait=False
                    )


def other(user: str) -> str:
    """The other of the two users."""
    return STANDBY if user == USER else USER


class Changes:
    """Changes the replicas of resources in turn until the end of its block.

    Args:
        api: a connection of its own.
        namespace: where they are.
        names: the resources.
    """

    def __init__(self, api: Api, namespace: str, names: list[str]) -> None:
        self._api = api
        self._namespace = namespace
        self._names = names
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.replicas = dict.fromkeys(names, FEW)
        self.count = 0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()

    def assert_settled(self, cluster: LocalCluster) -> None:
        """No change was lost: what was asked for last is what runs."""

        def settled() -> bool:
            ready = {
                body["metadata"]["name"]: body["status"].get("readyReplicas")
                for body in get_all(cluster, "ivl", self._namespace)
                if body["status"]["observedGeneration"] == body["metadata"]["generation"]
            }
            return ready == self.replicas

        eventually(settled, f"{self.replicas} ready", timeout=30.0)
        for name, replicas in self.replicas.items():
            deployment = get(cluster, "deployment", name, self._namespace)
            assert deployment is not None
            assert deployment["spec"]["replicas"] == replicas

    def _run(self) -> None:
        root = f"/apis/internvl.dev/v1alpha1/namespaces/{self._namespace}/internvldeployments"
        while not self._ended.is_set():
            name = self._names[self.count % len(self._names)]
            wanted = FEW + MANY - self.replicas[name]
            patch = {"spec": {"replicas": wanted}}
            if self._api.request("PATCH", f"{root}/{name}", patch, "application/merge-patch+json").accepted:
                self.replicas[name] = wanted
                self.count += 1
            time.sleep(PAUSE_SECONDS)
