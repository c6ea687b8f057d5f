"""An API server with a few objects, and with pods whose streams work: ports lead to local ones, commands to answers."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

import yaml
from aiohttp import WSMsgType, web

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

PROTOCOL = "v4.channel.k8s.io"


@dataclass(frozen=True, slots=True)
class Command:
    """What a command in a pod does."""

    output: bytes = b""
    errors: bytes = b""
    code: int = 0


@dataclass
class FakeApi:
    """Serves until its context ends, in a thread of its own.

    Args:
        objects: by path below the server's address; a text is answered as it is.
        ports: of pods, with the local port that each leads to; another one refuses.
        commands: by their words.
        refusals: by the end of a path, the status that is answered instead.
    """

    objects: dict[str, Any] = field(default_factory=dict)
    ports: dict[int, int] = field(default_factory=dict)
    commands: dict[Sequence[str], Command] = field(default_factory=dict)
    refusals: dict[str, int] = field(default_factory=dict)
    url: str = ""
    open_streams: int = 0
    acted_as: list[tuple[str, ...]] = field(default_factory=list)
    """User and groups of each request that acts as another."""

    def __enter__(self) -> Self:
        started: Future[str] = Future()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._serve, args=(started,))
        self._thread.start()
        self.url = started.result(timeout=50)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=50)

    def kubeconfig(self, path: Path, namespace: str = "vision") -> Path:
        """Write a kubeconfig whose context has a namespace."""
        context = {"cluster": "fake", "user": "someone", "namespace": namespace}
        document = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "here",
            "contexts": [{"name": "here", "context": context}],
            "clusters": [{"name": "fake", "cluster": {"server": self.url}}],
            "users": [{"name": "someone", "user": {"token": "a-token"}}],
        }
        path.write_text(yaml.safe_dump(document))
        return path

    def _serve(self, started: Future[str]) -> None:
        asyncio.set_event_loop(self._loop)
        app = web.Application()
        app.router.add_get("/{path:.*}", self._answer)
        app.router.add_post("/{path:.*}", self._answer)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        self._loop.run_until_complete(runner.setup())
        site = web.TCPSite(runner, "127.0.0.1", 0)
        self._loop.run_until_complete(site.start())
        host, port = runner.addresses[0][:2]
        started.set_result(f"http://{host}:{port}")
        self._loop.run_forever()
        self._loop.run_until_complete(runner.cleanup())
        self._loop.close()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        assert request.headers["Authorization"] == "Bearer a-token"
        self.acted_as.append(
            (request.headers.get("Impersonate-User", ""), *request.headers.getall("Impersonate-Group", []))
        )
        for end, status in self.refusals.items():
            if request.path.endswith(end):
                return web.json_response({"message": "refused"}, status=status)
        if request.path.endswith("/portforward"):
            return await self._forward(request)
        if request.path.endswith("/exec"):
            return await self._run(request)
        if request.path in self.objects:
            found = self.objects[request.path]
            text = found if isinstance(found, str) else json.dumps(found)
            return web.Response(text=text, content_type="application/json")
        return web.json_response({"message": "not found"}, status=404)

    async def _forward(self, request: web.Request) -> web.StreamResponse:
        socket = await self._opened(request)
        port = int(request.query["ports"])
        for channel in (0, 1):
            await socket.send_bytes(bytes([channel]) + port.to_bytes(2, "little"))
        self.open_streams += 1
        try:
            await self._pass_on(socket, port)
        except KeyError:
            await socket.send_bytes(b"\x01connection refused by the pod")
        finally:
            self.open_streams -= 1
        return socket

    async def _pass_on(self, socket: web.WebSocketResponse, port: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.ports[port])
        back = asyncio.create_task(_send_back(reader, socket))
        try:
            async for message in socket:
                assert message.type is WSMsgType.BINARY
                assert message.data[0] == 0
                writer.write(message.data[1:])
                await writer.drain()
        finally:
            back.cancel()
            writer.close()

    async def _run(self, request: web.Request) -> web.StreamResponse:
        socket = await self._opened(request)
        command = self.commands.get(tuple(request.query.getall("command")))
        found = command or Command(errors=b"no such file or directory", code=127)
        await socket.send_bytes(b"\x01")
        for channel, content in ((1, found.output), (2, found.errors)):
            # In two parts, as long outputs come.
            await socket.send_bytes(bytes([channel]) + content[:3])
            await socket.send_bytes(bytes([channel]) + content[3:])
        status = {"status": "Failure", "message": f"exit code {found.code}"} if found.code else {}
        await socket.send_bytes(b"\x03" + json.dumps({"status": "Success", **status}).encode())
        await socket.close()
        return socket

    async def _opened(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(protocols=(PROTOCOL,))
        await socket.prepare(request)
        assert socket.ws_protocol == PROTOCOL
        return socket


async def _send_back(reader: asyncio.StreamReader, socket: web.WebSocketResponse) -> None:
    with contextlib.suppress(ConnectionError):
        while chunk := await reader.read(1000):
            await socket.send_bytes(b"\x00" + chunk)
        await socket.close()
