"""Stands in for kubelet and kube-proxy: an engine for each pod, and a port that leads to those that are ready.

The pods are kwok's, and the API server, the Deployment, the Service and its EndpointSlices are real.
"""

from __future__ import annotations

import asyncio
import threading
import time
from contextlib import closing, suppress
from typing import TYPE_CHECKING, Any

from internvl_operator.manifests.objects.deployment import PRE_STOP_SECONDS
from tests.cluster.components import free_ports
from tests.cluster.waiting import get_all, patch
from tests.stub.server import Stubs

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cluster.control_plane import LocalCluster
    from tests.stub.server import Stub

LOAD_SECONDS = 3
_POLL_SECONDS = 0.1


class ServicePort:
    """A port that leads connections to ready engines, and refuses them while there is none, as kube-proxy does.

    A connection that is open stays with its engine, also when the engine takes no new ones.
    """

    def __init__(self) -> None:
        (self.port,) = free_ports(1)
        self._targets: list[int] = []
        self._turn = 0
        self._server: asyncio.Server | None = None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def lead_to(self, ports: list[int]) -> None:
        """Lead new connections to these ports of engines; to none: refuse them."""
        asyncio.run_coroutine_threadsafe(self._lead_to(ports), self._loop).result()

    def close(self) -> None:
        """Refuse connections, and end those that there are."""
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _end(self) -> None:
        await self._lead_to([])
        connections = asyncio.all_tasks() - {asyncio.current_task()}
        for connection in connections:
            connection.cancel()
        await asyncio.gather(*connections, return_exceptions=True)
        # What was closed is so in the next turn of the loop.
        await asyncio.sleep(0)

    async def _lead_to(self, ports: list[int]) -> None:
        self._targets = ports
        if ports and self._server is None:
            self._server = await asyncio.start_server(
                self._connect, "127.0.0.1", self.port, reuse_address=True
            )
        elif not ports and self._server is not None:
            self._server.close()
            self._server = None

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._turn += 1
        targets = self._targets
        with suppress(OSError), closing(writer):
            if targets:
                there, back = await asyncio.open_connection("127.0.0.1", targets[self._turn % len(targets)])
                with closing(back):
                    await asyncio.gather(_copied(reader, back), _copied(there, writer))


async def _copied(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    with suppress(OSError):
        writer.close()


class Engines:
    """Starts a stub engine for each running pod, says when it is ready, and ends it as a kubelet does.

    Args:
        cluster: where the pods are.
        namespace: of the pods.
        directory: empty; for the stubs.
    """

    def __init__(self, cluster: LocalCluster, namespace: str, directory: Path) -> None:
        directory.mkdir(parents=True)
        self.service = ServicePort()
        self._cluster = cluster
        self._namespace = namespace
        self._stubs = Stubs(directory)
        self._by_pod: dict[str, Stub] = {}
        self._ready: list[int] = []
        self._leaving: dict[str, float] = {}
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End every engine."""
        self._stopping.set()
        self._thread.join()
        self.service.close()
        self._stubs.close()

    def _run(self) -> None:
        while not self._stopping.wait(_POLL_SECONDS):
            try:
                self._look()
            except Exception as error:
                print(f"engines: {error!r}", flush=True)

    def _look(self) -> None:
        pods = {pod["metadata"]["uid"]: pod for pod in get_all(self._cluster, "pods", self._namespace)}
        staying = {uid: pod for uid, pod in pods.items() if "deletionTimestamp" not in pod["metadata"]}
        for uid, pod in staying.items():
            if pod["status"].get("phase") == "Running" and uid not in self._by_pod:
                self._by_pod[uid] = self._stubs.launch(environment={"STUB_LOAD_SECONDS": str(LOAD_SECONDS)})
        for uid in self._by_pod.keys() - staying.keys() - self._leaving.keys():
            self._leaving[uid] = time.monotonic() + PRE_STOP_SECONDS
        serving = [
            uid for uid, stub in self._by_pod.items() if uid not in self._leaving and stub.port_is_open
        ]
        ports = [self._by_pod[uid].port for uid in serving]
        if ports != self._ready:
            self._ready = ports
            self.service.lead_to(ports)
        for uid in serving:
            if not _is_ready(staying[uid]):
                self._say_ready(staying[uid])
        for uid, when in list(self._leaving.items()):
            if time.monotonic() > when:
                self._by_pod.pop(uid).terminate()
                del self._leaving[uid]

    def _say_ready(self, pod: dict[str, Any]) -> None:
        status = pod["status"]
        conditions = [
            {**item, "status": "True", "reason": None}
            if item["type"] in ("Ready", "ContainersReady")
            else item
            for item in status["conditions"]
        ]
        containers = [{**item, "ready": True, "started": True} for item in status["containerStatuses"]]
        change = {"status": {"conditions": conditions, "containerStatuses": containers}}
        patch(self._cluster, "pod", pod["metadata"]["name"], self._namespace, change, "status")


def _is_ready(pod: dict[str, Any]) -> bool:
    return any(item["type"] == "Ready" and item["status"] == "True" for item in pod["status"]["conditions"])
