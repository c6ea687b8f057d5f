"""What stands in for kube-proxy while models wake: it refuses, leads on, and keeps what is open."""

from __future__ import annotations

import socket
import threading
from typing import TYPE_CHECKING

import pytest

from tests.traffic.zero.engines import ServicePort

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def service() -> Iterator[ServicePort]:
    port = ServicePort()
    yield port
    port.close()


@pytest.fixture
def engine() -> Iterator[int]:
    """The port of a server that answers each line with itself, as long as the connection lasts."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                threading.Thread(target=_echo, args=(connection,), daemon=True).start()

        threading.Thread(target=serve, daemon=True).start()
        yield int(listener.getsockname()[1])
        listener.shutdown(socket.SHUT_RDWR)


def _echo(connection: socket.socket) -> None:
    with connection:
        while data := connection.recv(100):
            connection.sendall(data)


def _said(connection: socket.socket, text: bytes) -> bytes:
    connection.sendall(text)
    return connection.recv(100)


def test_connections_are_refused_while_no_engine_is_ready_and_led_to_one_that_is(
    service: ServicePort, engine: int
) -> None:
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", service.port), 5)
    service.lead_to([engine])
    with socket.create_connection(("127.0.0.1", service.port), 5) as connection:
        assert _said(connection, b"first") == b"first"
        service.lead_to([])
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", service.port), 5)
        assert _said(connection, b"second") == b"second", "what is open stays with its engine"
