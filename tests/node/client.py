"""A client of a served model: a connection for each request, no second try, and a record of how each one ended."""

from __future__ import annotations

import http.client
import json
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Event
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable
    from concurrent.futures import Future
    from types import TracebackType

# Longer than any answer here takes: a request that hangs is a failed one.
PATIENCE_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Answer:
    """How a request ended.

    Attributes:
        started_at: On the monotonic clock.
        ended_at: On the monotonic clock.
        status: HTTP status; 0: there was none.
        tokens: How many arrived, each in a chunk of its own when the answer is streamed.
        problem: Empty when the answer is whole.
    """

    started_at: float
    ended_at: float
    status: int
    tokens: int = 0
    problem: str = ""


def ask(
    address: str,
    port: int,
    model: str,
    tokens: int,
    *,
    stream: bool = False,
    key: str = "",
    tls: ssl.SSLContext | None = None,
) -> Answer:
    """Ask for a chat answer of exactly so many tokens, by HTTPS if there are settings for it."""
    started_at = time.monotonic()
    status, received, problem = 0, 0, ""
    if tls:
        connection: http.client.HTTPConnection = http.client.HTTPSConnection(
            address, port, timeout=PATIENCE_SECONDS, context=tls
        )
    else:
        connection = http.client.HTTPConnection(address, port, timeout=PATIENCE_SECONDS)
    try:
        connection.request("POST", "/v1/chat/completions", _body(model, tokens, stream), _headers(key))
        response = connection.getresponse()
        status = response.status
        if status == http.HTTPStatus.OK:
            received = _streamed(response) if stream else _whole(response)
            problem = "" if received == tokens else f"{received} of {tokens} tokens"
        else:
            problem = response.read().decode()
    except (OSError, http.client.HTTPException, ValueError) as error:
        problem = repr(error)
    finally:
        connection.close()
    return Answer(started_at, time.monotonic(), status, received, problem)


def _body(model: str, tokens: int, stream: bool) -> str:
    return json.dumps(
        {
            "model": model,
            "messages": [{"role": "user", "content": "Tell a story."}],
            "max_tokens": tokens,
            "ignore_eos": True,
            "stream": stream,
        }
    )


def _headers(key: str) -> dict[str, str]:
    headers = {"Content-Type": "application/json", "Connection": "close"}
    return {**headers, "Authorization": f"Bearer {key}"} if key else headers


def _whole(response: http.client.HTTPResponse) -> int:
    tokens: int = json.loads(response.read())["usage"]["completion_tokens"]
    return tokens


def _streamed(response: http.client.HTTPResponse) -> int:
    """Tokens of an answer in server-sent events.

    Raises:
        ValueError: It broke off before its end was announced.
    """
    tokens, finished, done = 0, False, False
    for line in response:
        event = line.decode().strip().removeprefix("data:").strip()
        if event == "[DONE]":
            done = True
        elif event:
            choice = json.loads(event)["choices"][0]
            tokens += bool(choice["delta"].get("content"))
            finished = finished or choice.get("finish_reason") is not None
    if not (finished and done):
        raise ValueError(f"the stream ended after {tokens} tokens without [DONE]")
    return tokens


class Clients:
    """Clients that ask again as soon as they are answered, until they are told to stop.

    Args:
        asks: One for each client: how it asks once.
    """

    def __init__(self, *asks: Callable[[], Answer]) -> None:
        self._asks = asks
        self._stopped = Event()
        self._pool = ThreadPoolExecutor(len(asks))
        self._running: list[Future[list[Answer]]] = []

    def __enter__(self) -> Self:
        self._running = [self._pool.submit(self._repeat, ask) for ask in self._asks]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopped.set()
        self._pool.shutdown()

    def stop(self) -> list[Answer]:
        """Let every client finish its request, and give all answers."""
        self._stopped.set()
        return [answer for running in self._running for answer in running.result()]

    def _repeat(self, ask_once: Callable[[], Answer]) -> list[Answer]:
        answers = []
        while not self._stopped.is_set():
            answers.append(ask_once())
        return answers
