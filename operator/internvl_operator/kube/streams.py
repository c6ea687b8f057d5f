"""Streams into pods: commands that run there, and ports that are forwarded, over WebSockets.

The protocol is ``v4.channel.k8s.io``: each message begins with a byte that says which channel it belongs to. The
kubernetes package's own streams block a thread each, and change methods of their client while they connect.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from types import TracebackType
from typing import Self

import aiohttp

from internvl_operator.kube.credentials import Credentials
from internvl_operator.kube.port import (
    ClusterError,
    ForbiddenError,
    Key,
    NotFoundError,
    UnavailableError,
)

_PROTOCOL = "v4.channel.k8s.io"
_CONNECT_SECONDS = 10.0
_CHUNK_BYTES = 1 << 16

_STDOUT, _STDERR, _STATUS = 1, 2, 3
_KUBECTL_VERBS = {"exec": "exec", "portforward": "port-forward"}
_DATA, _ERROR = 0, 1
_PORT_BYTES = 2


class CommandError(ClusterError):
    """A command in a pod failed; the message is its error output, or why it could not be run."""


class PortForward:
    """A local port whose connections end at a port of a pod.

    Attributes:
        port: the local port, on 127.0.0.1.
        failure: why the latest connection that failed did so.
    """

    def __init__(self, port: int) -> None:
        self.port = port
        self.failure: str | None = None


class PodStreams:
    """Runs commands in pods and forwards their ports; use it as an asynchronous context manager.

    Args:
        credentials: the API server and the identity, which needs ``get`` and ``create`` on ``pods/exec`` or
            ``pods/portforward``.
    """

    def __init__(self, credentials: Credentials) -> None:
        self._credentials = credentials
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        # Each stream is a connection of its own that stays: no limit on their number, none on their time.
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, ssl=self._credentials.ssl_context()),
            proxy=self._credentials.proxy,
            timeout=aiohttp.ClientTimeout(total=None, connect=_CONNECT_SECONDS),
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()

    async def run(self, pod: Key, container: str, command: Sequence[str]) -> str:
        """Run a command in a container and return what it printed.

        Raises:
            CommandError: it failed, or is not there.
            ClusterError: the API does not allow it, or failed.
        """
        asked = [("container", container), ("stdout", "true"), ("stderr", "true")]
        asked += [("command", word) for word in command]
        output = {_STDOUT: b"", _STDERR: b"", _STATUS: b""}
        async with self._open(pod, "exec", asked) as socket:
            async for message in socket:
                if message.type is aiohttp.WSMsgType.BINARY and message.data and message.data[0] in output:
                    output[message.data[0]] += message.data[1:]
        _check(output[_STATUS], output[_STDERR].decode(errors="replace").strip())
        return output[_STDOUT].decode(errors="replace")

    @asynccontextmanager
    async def forward(self, pod: Key, port: int) -> AsyncIterator[PortForward]:
        """Listen on a free local port, and pass its connections to a port of a pod, until the context ends."""
        connections: set[asyncio.Task[None]] = set()

        async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task is not None
            connections.add(task)
            try:
                async with self._open(pod, "portforward", [("ports", str(port))]) as socket:
                    await _pass_on(reader, writer, socket)
            except ClusterError as error:
                forward.failure = str(error)
            except asyncio.CancelledError:
                # The context ends. Python 3.11 reports a handler that ends as cancelled as an error.
                return
            finally:
                connections.discard(task)
                writer.close()

        server = await asyncio.start_server(accept, "127.0.0.1", 0)
        forward = PortForward(server.sockets[0].getsockname()[1])
        try:
            yield forward
        finally:
            server.close()
            for task in connections:
                task.cancel()
            await asyncio.gather(*connections, return_exceptions=True)

    @asynccontextmanager
    async def _open(
        self, pod: Key, action: str, parameters: Sequence[tuple[str, str]]
    ) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
        if self._session is None:
            raise RuntimeError("the streams are used outside their context")
        url = f"{self._credentials.server}/api/v1/namespaces/{pod.namespace}/pods/{pod.name}/{action}"
        try:
            socket = await self._session.ws_connect(
                url, params=parameters, protocols=(_PROTOCOL,), headers=self._credentials.headers()
            )
        except aiohttp.WSServerHandshakeError as error:
            raise _refused(error.status, pod, action) from None
        except (aiohttp.ClientError, TimeoutError) as error:
            raise UnavailableError(f"pods/{action}: {error or type(error).__name__}") from None
        async with socket:
            yield socket


async def _pass_on(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, socket: aiohttp.ClientWebSocketResponse
) -> None:
    """Pass bytes both ways until one side ends.

    Raises:
        UnavailableError: the node could not connect to the port.
    """
    ways = {asyncio.create_task(_send(reader, socket)), asyncio.create_task(_receive(socket, writer))}
    try:
        ended, _ = await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        for way in ended:
            way.result()
    finally:
        for way in ways:
            way.cancel()
        await asyncio.gather(*ways, return_exceptions=True)


async def _send(reader: asyncio.StreamReader, socket: aiohttp.ClientWebSocketResponse) -> None:
    with suppress(ConnectionError, aiohttp.ClientError):
        while chunk := await reader.read(_CHUNK_BYTES):
            await socket.send_bytes(bytes([_DATA]) + chunk)


async def _receive(socket: aiohttp.ClientWebSocketResponse, writer: asyncio.StreamWriter) -> None:
    # Each channel begins with the number of the port.
    skipped = {_DATA: _PORT_BYTES, _ERROR: _PORT_BYTES}
    async for message in socket:
        if message.type is not aiohttp.WSMsgType.BINARY or not message.data:
            continue
        channel, content = message.data[0], message.data[1:]
        skip = min(skipped.get(channel, 0), len(content))
        skipped[channel] = skipped.get(channel, 0) - skip
        content = content[skip:]
        if channel == _ERROR and content:
            raise UnavailableError(content.decode(errors="replace").strip())
        if channel == _DATA and content:
            writer.write(content)
            with suppress(ConnectionError):
                await writer.drain()


def _refused(status: int, pod: Key, action: str) -> ClusterError:
    if status in (401, 403):
        return ForbiddenError(f"pods/{action} is forbidden in {pod.namespace}: it takes get and create")
    if status == 404:
        return NotFoundError(f"pod {pod.namespace}/{pod.name} is gone")
    # The body, which has the reason, is not kept by aiohttp when a handshake fails.
    return UnavailableError(
        f"pods/{action} of {pod.namespace}/{pod.name}: status {status} from the API server or the pod's node; "
        f"kubectl {_KUBECTL_VERBS[action]} shows the reason"
    )


def _check(status: bytes, errors: str) -> None:
    """Raise a CommandError unless the status (``metav1.Status``) that ends a command is a success."""
    try:
        outcome = json.loads(status)
    except ValueError:
        raise CommandError(errors or "the connection ended before the command did") from None
    if outcome.get("status") != "Success":
        raise CommandError(errors or str(outcome.get("message", "it failed")))
