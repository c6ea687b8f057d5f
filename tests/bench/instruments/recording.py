"""The operator's own writes, recorded once for each kind of resource, to be made again for others."""

from __future__ import annotations

import asyncio
import re
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from tests.bench.convergence import all_converged
from tests.bench.stand import fresh_cluster
from tests.bench.workload import KINDS, RESOURCES, bodies, name_of
from tests.cluster.apiserver.async_api import AsyncApi
from tests.cluster.apiserver.proxy import ApiProxy, Exchange
from tests.cluster.operators.operator_process import USER, spawn_operator

if TYPE_CHECKING:
    from aiohttp import web

_NAME = re.compile(rb"bench-\d{6}")
_UID = re.compile(rb'"uid": ?"([^"]+)"')


@dataclass(frozen=True, slots=True)
class Write:
    """One write as it went over the wire."""

    method: str
    path: str
    content_type: str
    body: bytes

    def for_(self, name: str, uid: str) -> Write:
        """Return the same write for another resource of the same kind."""
        (recorded_uid,) = set(_UID.findall(self.body))
        body = self.body.replace(recorded_uid, uid.encode())
        return Write(
            self.method,
            _NAME.sub(name.encode(), self.path.encode()).decode(),
            self.content_type,
            _NAME.sub(name.encode(), body),
        )


@dataclass(frozen=True, slots=True)
class Recording:
    """All writes of the operator for one resource of each kind, in their order."""

    writes: dict[str, list[Write]] = field(default_factory=dict)

    def of(self, number: int, uid: str) -> list[Write]:
        """Return the writes that the operator would make for a resource."""
        recorded = self.writes[name_of(number % len(KINDS))]
        return [write.for_(name_of(number), uid) for write in recorded]

    def add(self, write: Write) -> None:
        """Add a write to those of the resource that it is for."""
        found = _NAME.search(write.body)
        if found is None:
            raise ValueError(f"{write.method} {write.path} is for no resource of the benchmark")
        self.writes.setdefault(found[0].decode(), []).append(write)


async def record() -> Recording:
    """Let the operator bring up one resource of each kind, and return what it wrote."""
    recording = Recording()

    async def respond(exchange: Exchange) -> web.StreamResponse:
        if exchange.is_write:
            request = exchange.request
            recording.add(Write(request.method, request.path_qs, request.content_type, exchange.body))
        return await exchange.pass_on()

    with fresh_cluster() as cluster, tempfile.TemporaryDirectory() as directory:
        async with ApiProxy(cluster, USER, respond) as proxy, AsyncApi(cluster.kubeconfig()) as api:
            for body in bodies(range(len(KINDS))):
                await api.ask("POST", RESOURCES, body)
            kubeconfig = proxy.kubeconfig(Path(directory) / "kubeconfig")
            await asyncio.to_thread(spawn_operator, cluster, kubeconfig=kubeconfig)
            await all_converged(api, len(KINDS))
            await asyncio.to_thread(cluster.processes["operator"].stop)
    return recording
