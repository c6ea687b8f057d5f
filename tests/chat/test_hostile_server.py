"""A server that answers whatever it likes harms nobody who asks it: one line says what is wrong with the answer."""

from __future__ import annotations

import gzip
import json
import threading
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from internvl_operator.chat.answer_limits import MOST_BYTES
from internvl_operator.cli.chat.target import API_KEY_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import Internvl

Answer = tuple[int, dict[str, str], bytes]
MUCH = MOST_BYTES + 1
"""Bytes of an answer: more than are read."""
MODELS = b'{"object":"list","data":[{"id":"a-model","object":"model"}]}'
TEXT = b'data: {"choices":[{"index":0,"delta":{"content":"red and blue"}}]}\n\n'
DONE = b"data: [DONE]\n\n"
LONGEST_LINE = 3_000
"""Characters of what is said about an answer."""


class Hostile(BaseHTTPRequestHandler):
    """Answers as it is told to."""

    models: ClassVar[Answer]
    completions: ClassVar[Answer]
    keys: ClassVar[list[str | None]] = []
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._send(self.models)

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self._send(self.completions)

    def _send(self, answer: Answer) -> None:
        self.keys.append(self.headers["Authorization"])
        status, headers, body = answer
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def handle(self) -> None:
        # Who asks hangs up, as one should on such an answer.
        with suppress(ConnectionError):
            super().handle()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def plain(body: bytes, status: int = 200, **headers: str) -> Answer:
    return status, {"Content-Type": "application/json", **headers}, body


def stream(*parts: bytes) -> Answer:
    return 200, {"Content-Type": "text/event-stream"}, b"".join(parts)


def chunk(document: object) -> bytes:
    return b"data: " + json.dumps(document).encode() + b"\n\n"


def choice(**fields: Any) -> bytes:
    return chunk({"choices": [{"index": 0, **fields}]})


BOMB: Answer = 200, {"Content-Encoding": "gzip"}, gzip.compress(b" " * (4 * MUCH), 1)
NOT_JSON = {
    "nothing": b"",
    "a word": b"hello",
    "null": b"null",
    "a number": b"5",
    "a list": b"[]",
    "bytes": b"\xff\xfe\x00",
    "nested": b"[" * 100_000,
    "a huge number": b"1" + b"0" * 10_000,
    "escapes": b'{"error": {"message": "\\u001b[2J\\u202e"}}',
}
MODEL_LISTS: dict[str, Answer] = {
    **{name: plain(body) for name, body in NOT_JSON.items()},
    "no data": plain(b'{"data": null}'),
    "data of numbers": plain(b'{"data": [5]}'),
    "a number as name": plain(b'{"data": [{"id": 5}]}'),
    "no name": plain(b'{"data": [{}]}'),
    "a list as name": plain(b'{"data": [{"id": []}]}'),
    "a long refusal": plain(b"x" * MUCH, 500),
    "a long list": plain(b'{"data": "' + b"x" * MUCH + b'"}'),
    "a bomb": BOMB,
    "a refusal with a bomb": (500, *BOMB[1:]),
    "many refusals": plain(json.dumps({"message": ["no"] * 100_000}).encode(), 400),
}
STREAMS: dict[str, Answer] = {
    **{name: stream(b"data: " + body + b"\n\n", DONE) for name, body in NOT_JSON.items()},
    "no choices": stream(chunk({"choices": None}), DONE),
    "choices of numbers": stream(chunk({"choices": [5]}), DONE),
    "choices by name": stream(chunk({"choices": {"a": 1}}), DONE),
    "no delta": stream(choice(delta=None), DONE),
    "a word as delta": stream(choice(delta="a"), DONE),
    "a number as text": stream(choice(delta={"content": 5}), DONE),
    "a list as text": stream(choice(delta={"content": ["a"]}), DONE),
    "usage of words": stream(TEXT, chunk({"choices": [], "usage": "many"}), DONE),
    "words as tokens": stream(
        TEXT, chunk({"choices": [], "usage": {"prompt_tokens": "a", "completion_tokens": "b"}}), DONE
    ),
    "lists as tokens": stream(
        TEXT, chunk({"choices": [], "usage": {"prompt_tokens": [], "completion_tokens": [1]}}), DONE
    ),
    "less than no tokens": stream(
        TEXT, chunk({"choices": [], "usage": {"prompt_tokens": -5, "completion_tokens": -7}}), DONE
    ),
    "a number of tokens that has no end": stream(
        TEXT,
        b'data: {"choices": [], "usage": {"prompt_tokens": 1e308, "completion_tokens": 1e308}}\n\n',
        DONE,
    ),
    "a long line": stream(b"data: " + b"x" * MUCH + b"\n\n", DONE),
    "many comments": stream((b":" + b"x" * 1000 + b"\n") * (MUCH // 1000), TEXT, DONE),
    "no end": stream(TEXT),
    "an end at once": stream(DONE),
    "a bomb": (200, {"Content-Type": "text/event-stream", "Content-Encoding": "gzip"}, BOMB[2]),
    "a long refusal": plain(b"x" * MUCH, 503),
    "less than it said": (
        200,
        {"Content-Type": "text/event-stream", "Content-Length": "9999", "Connection": "close"},
        TEXT,
    ),
}
VERBS = {
    "chat": ("hello",),
    "chat -o json": ("hello", "-o", "json"),
    "smoke": ("--check", "text"),
    "bench": ("--seconds", "0.2", "--warm-up", "0", "--tiles", "1", "--concurrency", "1"),
}


@pytest.fixture
def hostile(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The URL of such a server, and a key for it."""
    monkeypatch.setenv(API_KEY_VARIABLE, "s3cret")
    Hostile.keys.clear()
    with ThreadingHTTPServer(("127.0.0.1", 0), Hostile) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.02,)).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/v1"
        server.shutdown()


def ask(internvl: Internvl, url: str, verb: str) -> tuple[int, str, str]:
    return internvl(verb.split()[0], url, *VERBS[verb], "--timeout", "5")


def is_told(answer: tuple[int, str, str]) -> bool:
    code, output, errors = answer
    said = output + errors
    assert "Traceback" not in said
    assert not set("\x1b\u202e") & set(said)
    assert max(map(len, said.splitlines()), default=0) < LONGEST_LINE
    return code == 1 and bool(said)


@pytest.mark.parametrize("name", MODEL_LISTS)
@pytest.mark.parametrize("verb", VERBS)
def test_what_is_no_list_of_models_is_told_in_a_line(
    hostile: str, internvl: Internvl, verb: str, name: str
) -> None:
    Hostile.models = MODEL_LISTS[name]
    assert is_told(ask(internvl, hostile, verb))


@pytest.mark.parametrize("name", STREAMS)
@pytest.mark.parametrize("verb", VERBS)
def test_what_is_no_answer_is_told_in_a_line(hostile: str, internvl: Internvl, verb: str, name: str) -> None:
    Hostile.models, Hostile.completions = plain(MODELS), STREAMS[name]
    answer = ask(internvl, hostile, verb)
    assert is_told(answer) or answer[0] == 0


@pytest.mark.parametrize("status", [301, 302, 307, 308])
@pytest.mark.parametrize("verb", VERBS)
def test_neither_the_key_nor_a_picture_follows_a_redirection(
    hostile: str, internvl: Internvl, verb: str, status: int
) -> None:
    Hostile.models = Hostile.completions = plain(b"", status, Location=f"{hostile}/elsewhere")
    code, output, errors = ask(internvl, hostile, verb)
    assert (code, len(Hostile.keys)) == (1, 1)
    assert str(status) in output + errors

    Hostile.models = plain(MODELS)
    Hostile.keys.clear()
    assert ask(internvl, hostile, verb)[0] == 1
    assert len(Hostile.keys) == 2
