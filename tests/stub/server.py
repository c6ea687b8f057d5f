"""A stub process, and a plain HTTP client for it."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from internvl_operator.catalog.engines import DEFAULT_VERSION, engine
from tests.cluster.components import free_ports
from tests.cluster.guardian import Guardian
from tests.cluster.processes import Process
from tests.cluster.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

PACKAGE = Path(__file__).parents[2] / "images/stub"
DIRECTORY = "InternVL2-8B"
MODEL = "a-name"
SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Reply:
    """An HTTP response, read to its end."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Stub:
    """One stub process on a port of its own."""

    def __init__(self, process: Process, port: int) -> None:
        self.process = process
        self.port = port

    @property
    def port_is_open(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def send(
        self, method: str, path: str, body: object = None, authorization: str | None = None
    ) -> http.client.HTTPResponse:
        """Send a request and return the response with its body unread; closing it closes the connection."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=SECONDS)
        headers = {"Connection": "close"}
        if authorization is not None:
            headers["Authorization"] = authorization
        if method == "POST":
            headers["Content-Type"] = "application/json"
        try:
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            return connection.getresponse()
        except BaseException:
            connection.close()
            raise

    def ask(self, method: str, path: str, body: object = None, authorization: str | None = None) -> Reply:
        with self.send(method, path, body, authorization) as response:
            return Reply(response.status, dict(response.headers), response.read())

    def chat(self, content: object, **fields: object) -> Reply:
        """Ask with one message of a user."""
        return self.ask("POST", "/v1/chat/completions", chat_body(content, **fields))

    def ended(self) -> int:
        """Wait for the process to end and return its exit code."""
        return eventually(lambda: self.process.exit_code, "the stub ends")

    def terminate(self) -> None:
        os.kill(self.process.pid, signal.SIGTERM)


class Stubs:
    """Starts stubs and ends them together."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._guardian = Guardian()
        self._processes: list[Process] = []
        (directory / DIRECTORY).mkdir()

    def launch(
        self,
        *flags: str,
        version: str = DEFAULT_VERSION,
        directory: str = DIRECTORY,
        trusting: bool = True,
        environment: Mapping[str, str] | None = None,
    ) -> Stub:
        """Start a stub without waiting; it is given the flags that its release needs, and these."""
        (port,) = free_ports(1)
        command = [str(PACKAGE / "lmdeploy"), "serve", "api_server"]
        command += [str(self._directory / directory), "--server-name", "127.0.0.1"]
        command += ["--server-port", str(port), "--model-name", MODEL]
        if trusting and engine(version).requires_trust_remote_code:
            command.append("--trust-remote-code")
        process = Process(
            f"stub of {version}",
            [*command, *flags],
            self._directory / f"{port}.log",
            self._guardian,
            lambda: Stub(process, port).port_is_open,
            _environment(version) | dict(environment or {}),
        )
        process.launch()
        self._processes.append(process)
        return Stub(process, port)

    def start(self, *flags: str, version: str = DEFAULT_VERSION, **environment: str) -> Stub:
        """Start a stub and wait until its port is open."""
        stub = self.launch(*flags, version=version, environment=environment)
        stub.process.wait_ready()
        return stub

    def close(self) -> None:
        for process in self._processes:
            process.kill()
        self._guardian.dismiss()


def _environment(version: str) -> dict[str, str]:
    """Return an environment in which the wrapper finds this interpreter and the package."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return {**os.environ, "PATH": path, "PYTHONPATH": str(PACKAGE), "STUB_ENGINE_VERSION": version}


def chat_body(content: object, **fields: object) -> dict[str, object]:
    return {"model": MODEL, "messages": [{"role": "user", "content": content}], **fields}


def events(response: http.client.HTTPResponse) -> Iterator[Any]:
    """Yield the JSON of each server-sent event as it comes, up to the mark of the end."""
    with response:
        for line in response:
            data = line.decode().strip().removeprefix("data: ")
            if data == "[DONE]":
                return
            if data:
                yield json.loads(data)
    raise AssertionError("the stream broke off")
