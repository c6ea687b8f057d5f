"""Requests to a sleeping model, and what became of them."""

from __future__ import annotations

import http.client
import json
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from tests.stub.server import chat_body

_PATIENCE_SECONDS = 300.0


@dataclass(frozen=True, slots=True)
class Answered:
    """What became of a request.

    Attributes:
        seconds: from sending it to the end of its answer.
        problem: why it is lost; empty when it was answered.
    """

    seconds: float
    problem: str = ""


def ask(port: int, host: str) -> Answered:
    """Send one request to the interceptor and wait for its answer."""
    started = time.monotonic()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_PATIENCE_SECONDS)
    try:
        headers = {"Host": host, "Content-Type": "application/json"}
        body = json.dumps(chat_body("What is in the picture?", max_tokens=4))
        connection.request("POST", "/v1/chat/completions", body, headers)
        response = connection.getresponse()
        content = response.read().decode(errors="replace")
        problem = (
            "" if response.status == 200 and "choices" in content else f"{response.status}: {content[:80]}"
        )
    except (OSError, http.client.HTTPException) as error:
        problem = repr(error)
    finally:
        connection.close()
    return Answered(time.monotonic() - started, problem)


def ask_at_once(port: int, host: str, number: int) -> list[Answered]:
    """Send requests at the same time, each over a connection of its own, and wait for all answers."""
    with ThreadPoolExecutor(number) as clients:
        return list(clients.map(lambda _: ask(port, host), range(number)))
