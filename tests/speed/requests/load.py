"""Streamed chat completions: each client asks again when it is answered, or requests arrive at random."""

from __future__ import annotations

import http.client
import json
import multiprocessing
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.speed.requests.arrivals import Arrivals

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from multiprocessing.connection import Connection

HOST = "127.0.0.1"
_REQUEST_SECONDS = 300.0
_PROCESSES = 4
"""Processes of clients, so that no client waits for another's interpreter."""

_PAUSE_AFTER_ERROR = 0.2


class RequestFailedError(Exception):
    """The server did not answer a request as it should; the message says how."""


@dataclass(frozen=True, slots=True)
class Timing:
    """One answered request; times are ``time.monotonic()``, in seconds.

    Attributes:
        asked: When the request was sent.
        first: When the first text came.
        last: When the last text came.
        prompt_tokens: As the server counts them.
        output_tokens: As the server counts them.
    """

    asked: float
    first: float
    last: float
    prompt_tokens: int
    output_tokens: int

    @property
    def seconds(self) -> float:
        """From the request to the last text."""
        return self.last - self.asked

    @property
    def first_token_seconds(self) -> float:
        """From the request to the first text."""
        return self.first - self.asked

    @property
    def token_seconds(self) -> float:
        """Between two tokens, on average."""
        return (self.last - self.first) / max(1, self.output_tokens - 1)


@dataclass(frozen=True, slots=True)
class Observation:
    """What all clients saw.

    Attributes:
        begin: When the measured part began; what came before is warm-up.
        end: When it ended.
        timings: Of every answered request, those of the warm-up too.
        errors: What went wrong, a line for each failed request.
    """

    begin: float
    end: float
    timings: tuple[Timing, ...]
    errors: tuple[str, ...]


def drive(
    port: int,
    bodies: Sequence[bytes],
    in_flight: int,
    *,
    arrivals_per_s: float | None = None,
    warm_up: float,
    seconds: float,
) -> Observation:
    """Keep ``in_flight`` requests in flight at a server on this machine, or send requests at random times.

    The clients begin one after the other during half of the warm-up: answers of equal length would else come in
    waves. When the time is over, the connections are closed, whatever is under way.

    Args:
        port: of the server.
        bodies: of the requests, which the clients send in turn.
        in_flight: number of clients.
        arrivals_per_s: of requests that come independently of each other, in place of the clients.
        warm_up: seconds before the measured part.
        seconds: of the measured part.
    """
    processes = min(_PROCESSES, in_flight) if arrivals_per_s is None else _PROCESSES
    context = multiprocessing.get_context("spawn")
    running = []
    for number in range(processes):
        ours, theirs = context.Pipe()
        arguments = (theirs, port, list(bodies), range(number, in_flight, processes))
        share = None if arrivals_per_s is None else Arrivals(arrivals_per_s / processes, number)
        process = context.Process(target=_clients, args=(*arguments, share), daemon=True)
        process.start()
        theirs.close()
        running.append((process, ours))
    for _, ours in running:
        # A process has started.
        ours.recv()
    start = time.monotonic()
    begin, end = start + warm_up, start + warm_up + seconds
    for _, ours in running:
        ours.send((start, warm_up / 2 / max(1, in_flight), end))
    timings: list[Timing] = []
    errors: list[str] = []
    for process, ours in running:
        seen, failed = ours.recv()
        timings += seen
        errors += failed
        process.join()
    return Observation(begin, end, tuple(timings), tuple(errors))


def complete(port: int, body: bytes) -> Timing:
    """Send one request and read its stream to the end.

    Raises:
        RequestFailedError: the server refused it, or the stream broke off.
    """
    asked = time.monotonic()
    connection = http.client.HTTPConnection(HOST, port, timeout=_REQUEST_SECONDS)
    try:
        connection.request("POST", "/v1/chat/completions", body, {"Content-Type": "application/json"})
        response = connection.getresponse()
        if response.status != 200:
            raise RequestFailedError(f"status {response.status}: {response.read(200)!r}")
        return read_stream(response, asked)
    except (OSError, http.client.HTTPException) as error:
        raise RequestFailedError(repr(error)) from error
    finally:
        connection.close()


def read_stream(lines: Iterable[bytes], asked: float) -> Timing:
    """Read server-sent events up to the mark of their end.

    Raises:
        RequestFailedError: there is no mark, no text, or no usage.
    """
    first = last = 0.0
    usage: dict[str, int] = {}
    for line in lines:
        data = line.strip().removeprefix(b"data: ")
        if data == b"[DONE]":
            break
        if not data:
            continue
        now = time.monotonic()
        chunk = json.loads(data)
        usage = chunk.get("usage") or usage
        if any(choice["delta"].get("content") for choice in chunk.get("choices", ())):
            first, last = first or now, now
    else:
        raise RequestFailedError("the stream broke off")
    if not first or not usage:
        raise RequestFailedError("the stream has no text or no usage")
    return Timing(asked, first, last, usage["prompt_tokens"], usage["completion_tokens"])


class _Seen:
    """What the clients of one process saw so far."""

    def __init__(self, port: int, bodies: Sequence[bytes]) -> None:
        self.timings: list[Timing] = []
        self.errors: list[str] = []
        self._port = port
        self._bodies = bodies
        self._lock = threading.Lock()

    def ask(self, turn: int) -> bool:
        """Send a request and note how it fared; return whether it was answered."""
        try:
            timing = complete(self._port, self._bodies[turn % len(self._bodies)])
        except (RequestFailedError, ValueError, KeyError) as error:
            with self._lock:
                self.errors.append(str(error) or repr(error))
            return False
        with self._lock:
            self.timings.append(timing)
        return True

    def all(self) -> tuple[list[Timing], list[str]]:
        """Return the timings and the errors."""
        with self._lock:
            return list(self.timings), list(self.errors)


def _clients(
    parent: Connection, port: int, bodies: Sequence[bytes], numbers: Sequence[int], arrivals: Arrivals | None
) -> None:
    """Run clients from the parent's word on, and send it what they saw when the time is over.

    Args:
        parent: gets a word when the process has started, and the timings and errors at the end; sends the time of
            the start, the seconds between two clients' starts, and the time of the end.
        port: of the server.
        bodies: of the requests.
        numbers: of the clients; a client's first request has the same number.
        arrivals: of requests that come by themselves, in place of the clients.
    """
    seen = _Seen(port, bodies)
    parent.send("started")
    start, step, end = parent.recv()

    def client(number: int) -> None:
        time.sleep(max(0.0, start + step * number - time.monotonic()))
        turn = number
        while time.monotonic() < end:
            if not seen.ask(turn):
                time.sleep(_PAUSE_AFTER_ERROR)
            turn += 1

    def arrive(arrivals: Arrivals) -> None:
        for turn, arrival in enumerate(arrivals.times(start, end)):
            time.sleep(max(0.0, arrival - time.monotonic()))
            threading.Thread(target=seen.ask, args=(arrivals.seed + _PROCESSES * turn,), daemon=True).start()

    # Daemons: the end of the process closes the connections of those that still wait.
    if arrivals is not None:
        threading.Thread(target=arrive, args=(arrivals,), daemon=True).start()
    for number in numbers:
        threading.Thread(target=client, args=(number,), daemon=True).start()
    time.sleep(max(0.0, end - time.monotonic()))
    parent.send(seen.all())
    parent.close()
