"""Commands in pods and forwarded ports, on the API's WebSockets."""

from __future__ import annotations

import asyncio
import hashlib
import socketserver
import threading
from typing import TYPE_CHECKING, Any

import pytest

from internvl_operator.kube.credentials import Credentials
from internvl_operator.kube.port import ForbiddenError, Key, NotFoundError, UnavailableError
from internvl_operator.kube.streams import CommandError, PodStreams
from tests.fake_api import Command, FakeApi

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

POD = Key("vision", "captions-0")


@pytest.fixture
def fake() -> Iterator[FakeApi]:
    with FakeApi() as fake:
        yield fake


@pytest.fixture
async def streams(fake: FakeApi) -> AsyncIterator[PodStreams]:
    async with PodStreams(Credentials(fake.url, authorization="Bearer a-token")) as streams:
        yield streams


async def test_a_commands_output_is_returned(fake: FakeApi, streams: PodStreams) -> None:
    fake.commands["nvidia-smi", "-L"] = Command(output="GPU 0: é\n".encode(), errors=b"a warning")
    assert await streams.run(POD, "engine", ["nvidia-smi", "-L"]) == "GPU 0: é\n"


async def test_a_command_that_fails_says_why(fake: FakeApi, streams: PodStreams) -> None:
    fake.commands[("false",)] = Command(code=1)
    with pytest.raises(CommandError, match="exit code 1"):
        await streams.run(POD, "engine", ["false"])
    with pytest.raises(CommandError, match="no such file or directory"):
        await streams.run(POD, "engine", ["missing"])


async def test_what_is_forbidden_is_told_with_the_verbs_that_it_takes(
    fake: FakeApi, streams: PodStreams
) -> None:
    fake.refusals["/exec"] = 403
    with pytest.raises(ForbiddenError, match="pods/exec is forbidden in vision: it takes get and create"):
        await streams.run(POD, "engine", ["true"])


async def test_an_api_server_that_is_away_is_unavailable() -> None:
    async with PodStreams(Credentials("http://127.0.0.1:9")) as streams:
        with pytest.raises(UnavailableError, match="pods/exec"):
            await streams.run(POD, "engine", ["true"])


async def test_a_pod_that_is_gone_is_told(fake: FakeApi, streams: PodStreams) -> None:
    fake.refusals["/exec"] = 404
    with pytest.raises(NotFoundError, match="pod vision/captions-0 is gone"):
        await streams.run(POD, "engine", ["true"])


async def test_a_node_that_is_out_of_reach_is_told_with_what_shows_the_reason(
    fake: FakeApi, streams: PodStreams
) -> None:
    fake.refusals["/exec"] = 500
    with pytest.raises(
        UnavailableError, match=r"status 500 from .* the pod's node; kubectl exec shows the reason"
    ):
        await streams.run(POD, "engine", ["true"])


class _Echo(socketserver.BaseRequestHandler):
    """Sends back what it receives."""

    def handle(self) -> None:
        while chunk := self.request.recv(1 << 16):
            self.request.sendall(chunk)


@pytest.fixture
def echo(fake: FakeApi) -> Iterator[None]:
    """The pod's port 23333 echoes."""
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Echo) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,)).start()
        fake.ports[23333] = server.server_address[1]
        yield
        server.shutdown()


@pytest.mark.usefixtures("echo")
async def test_connections_at_once_pass_megabytes_unharmed(streams: PodStreams) -> None:
    sent = [hashlib.sha256(bytes([number])).digest() * 50_000 for number in range(5)]

    async def round_trip(content: bytes) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", forward.port)
        writer.write(content)
        received = await reader.readexactly(len(content))
        writer.close()
        return received

    async with streams.forward(POD, 23333) as forward:
        assert await asyncio.gather(*map(round_trip, sent)) == sent
        assert forward.failure is None


@pytest.mark.usefixtures("echo")
async def test_the_end_of_the_context_ends_open_connections_quietly(streams: PodStreams) -> None:
    complaints: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
    async with streams.forward(POD, 23333) as forward:
        reader, writer = await asyncio.open_connection("127.0.0.1", forward.port)
        writer.write(b"hello")
        assert await reader.readexactly(5) == b"hello"
    assert await reader.read() == b""
    writer.close()
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", forward.port)
    assert complaints == []


async def test_a_port_that_nothing_listens_on_is_told(streams: PodStreams) -> None:
    async with streams.forward(POD, 1) as forward:
        reader, writer = await asyncio.open_connection("127.0.0.1", forward.port)
        assert await reader.read() == b""
        assert forward.failure == "connection refused by the pod"
        writer.close()
