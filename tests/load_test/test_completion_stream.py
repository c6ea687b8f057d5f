"""A stream is timed from its first to its last text, and one that is not whole is a failure of its kind."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING

import pytest

from internvl_operator.bench.completion_stream import Answer, RequestFailedError, read_stream

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

ROLE = b'data: {"choices": [{"delta": {"role": "assistant"}}]}\n'
TEXT = b'data: {"choices": [{"delta": {"content": "a"}}]}\n'
USAGE = b'data: {"choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 7}}\n'
DONE = b"data: [DONE]\n"


async def stream(*lines: bytes) -> AsyncIterator[bytes]:
    for line in lines:
        yield line


async def read(*lines: bytes) -> Answer:
    """Each part of the stream comes a second after the one before, the first one at 0."""
    seconds = count()
    return await read_stream(stream(*lines), lambda: float(next(seconds)))


async def test_only_text_counts_for_the_times() -> None:
    assert await read(ROLE, TEXT, b"\n", TEXT, USAGE, DONE) == Answer(1.0, 2.0, 9, 7)


async def test_without_usage_the_pieces_are_the_tokens() -> None:
    assert await read(b": a comment\n", TEXT, TEXT, TEXT, DONE) == Answer(0.0, 2.0, None, 3)


@pytest.mark.parametrize(
    ("lines", "kind", "message"),
    [
        ((TEXT, USAGE), "broken stream", "the stream broke off"),
        ((ROLE, USAGE, DONE), "no text", "the answer has no text"),
        (
            (TEXT, b'data: {"error": {"message": "out of memory"}}\n'),
            "broken stream",
            "an error: out of memory",
        ),
    ],
)
async def test_a_stream_that_is_not_whole_is_a_failure(
    lines: tuple[bytes, ...], kind: str, message: str
) -> None:
    with pytest.raises(RequestFailedError, match=message) as failed:
        await read(*lines)
    assert failed.value.kind == kind
