"""A watch's stream: whole events only, and no error but that of an expired version."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from internvl_operator.runtime.informer.watch_stream import whole_events

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

ADDED = b'{"type":"ADDED","object":{"a":"{\\"type\\":\\"ERROR\\""}}\n'
MODIFIED = b'{"type":"MODIFIED","object":{}}\n'
NO_LEADER = b'{"type":"ERROR","object":{"code":500,"message":"etcdserver: no leader"}}\n'


async def read(chunks: Sequence[bytes]) -> list[bytes]:
    async def stream() -> AsyncIterator[bytes]:
        for chunk in chunks:
            yield chunk

    return b"".join([lines async for lines in whole_events(stream())]).splitlines(keepends=True)


@given(cuts=st.lists(st.integers(0, len(ADDED + MODIFIED)), max_size=6).map(sorted))
async def test_events_are_the_same_wherever_the_stream_is_cut_into_chunks(cuts: list[int]) -> None:
    whole = ADDED + MODIFIED
    chunks = [whole[start:end] for start, end in zip([0, *cuts], [*cuts, len(whole)], strict=True)]
    assert await read(chunks) == [ADDED, MODIFIED]


@pytest.mark.parametrize("length", [1, len(MODIFIED) - 1])
async def test_half_an_event_at_the_end_is_left_out(length: int) -> None:
    assert await read([ADDED + MODIFIED[:length]]) == [ADDED]


@pytest.mark.parametrize(
    "chunks",
    [[NO_LEADER], [ADDED + NO_LEADER], [ADDED, NO_LEADER + MODIFIED], [ADDED + NO_LEADER[:9], NO_LEADER[9:]]],
)
async def test_an_error_is_the_end_and_reads_as_an_expired_version(chunks: list[bytes]) -> None:
    *events, error = await read(chunks)
    assert events in ([], [ADDED])
    assert json.loads(error)["object"]["code"] == 410
