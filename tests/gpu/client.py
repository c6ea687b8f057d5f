"""Requests to the server: text, an image, and a stream that is read while other things happen."""

from __future__ import annotations

import base64
import http.client
import json
import struct
import threading
import time
import zlib
from dataclasses import dataclass
from typing import Any

from tests.gpu.container.probing import HOST

ANSWER_TOKENS = 32
IMAGE_TILES = 7
"""Of the image below: 3 x 2 tiles of 448 pixels, and a thumbnail."""

_IMAGE_SIZE = (1344, 896)
_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Reply:
    """What a chat completion says of itself."""

    status: int
    prompt_tokens: int = 0
    completion_tokens: int = 0
    finish_reason: str = ""
    seconds: float = 0.0
    error: str = ""

    def __str__(self) -> str:
        if self.error:
            return f"status {self.status}: {self.error}"
        tokens = f"{self.prompt_tokens} prompt tokens, {self.completion_tokens} answered"
        return f"status {self.status}, {tokens} in {self.seconds:.2f} s, finish reason {self.finish_reason}"


def chat(port: int, model: str, content: object) -> Reply:
    """Ask with one message of a user; the answer has exactly `ANSWER_TOKENS` tokens."""
    asked = time.monotonic()
    connection = http.client.HTTPConnection(HOST, port, timeout=_SECONDS)
    try:
        response = _post(connection, _body(model, content, ANSWER_TOKENS))
        text = response.read().decode()
        if response.status != 200:
            return Reply(response.status, error=text[:200])
        return _reply(json.loads(text), asked)
    finally:
        connection.close()


def text_message() -> object:
    """Return a message of words alone."""
    return "Say what you are."


def image_message() -> object:
    """Return the same message with an image, as a data: URL."""
    url = f"data:image/png;base64,{base64.b64encode(_png(*_IMAGE_SIZE)).decode()}"
    return [{"type": "text", "text": text_message()}, {"type": "image_url", "image_url": {"url": url}}]


class Stream:
    """A streamed answer, read in a thread.

    Args:
        port: Of the server.
        model: The served name.
        tokens: Of the answer.
    """

    def __init__(self, port: int, model: str, tokens: int) -> None:
        self._asked = time.monotonic()
        self._connection = http.client.HTTPConnection(HOST, port, timeout=_SECONDS)
        body = _body(model, text_message(), tokens)
        body |= {"stream": True, "stream_options": {"include_usage": True}}
        self._response = _post(self._connection, body)
        self.status = self._response.status
        self.begun = threading.Event()
        self.reply = Reply(self.status)
        self.whole = False
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def wait(self, seconds: float) -> bool:
        """Wait for the end; return whether it has come."""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def _read(self) -> None:
        usage: dict[str, Any] = {}
        finish_reason = ""
        try:
            for line in self._response:
                data = line.decode().strip().removeprefix("data: ")
                if data == "[DONE]":
                    self.whole = True
                elif data:
                    self.begun.set()
                    chunk = json.loads(data)
                    usage = chunk.get("usage") or usage
                    for choice in chunk["choices"]:
                        finish_reason = choice.get("finish_reason") or finish_reason
            completion = {"usage": usage, "choices": [{"finish_reason": finish_reason}]}
            self.reply = _reply(completion, self._asked)
        except (OSError, http.client.HTTPException, ValueError, KeyError) as error:
            self.reply = Reply(self.status, error=repr(error))
        finally:
            self._connection.close()


def _post(connection: http.client.HTTPConnection, body: dict[str, Any]) -> http.client.HTTPResponse:
    headers = {"Content-Type": "application/json", "Connection": "close"}
    connection.request("POST", "/v1/chat/completions", json.dumps(body), headers)
    return connection.getresponse()


def _body(model: str, content: object, tokens: int) -> dict[str, Any]:
    return {
        "model": model,
        "messages": [{"role": "user", "content": content}],
        "max_tokens": tokens,
        "temperature": 0,
        "ignore_eos": True,
    }


def _reply(completion: dict[str, Any], asked: float) -> Reply:
    usage = completion["usage"]
    return Reply(
        status=200,
        prompt_tokens=usage.get("prompt_tokens", 0),
        completion_tokens=usage.get("completion_tokens", 0),
        finish_reason=completion["choices"][0]["finish_reason"],
        seconds=time.monotonic() - asked,
    )


def _png(width: int, height: int) -> bytes:
    """Return a picture with a gradient, so that no two tiles are the same."""
    rows = b"".join(
        b"\0" + bytes(value & 255 for x in range(width) for value in (x, y, x + y)) for y in range(height)
    )
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, data) for kind, data in parts)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
