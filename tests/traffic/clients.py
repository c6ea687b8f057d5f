"""Clients that keep their connections, as the OpenAI client does: each asks, waits for the answer, and thinks."""

from __future__ import annotations

import asyncio
import base64
import random
import struct
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import aiohttp

from tests.traffic.envoy import SERVED_BY
from tests.traffic.replicas import API_KEY, MODEL

ANSWER_TOKENS = 64
MOST_TILES = 12
TILE_PIXELS = 448
TILE_BYTES = 50_000
"""Bytes of a JPEG of 448 x 448 pixels in usual quality."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """One request.

    Attributes:
        ttft: seconds to the first piece of text; None for a request that failed.
        replica: address of the replica, where the proxy says it.
        failure: why it failed.
        asked: when it was sent, on the monotonic clock.
        ended: when it was answered or failed.
    """

    ttft: float | None
    replica: str = ""
    failure: str = ""
    asked: float = 0
    ended: float = 0


@dataclass(slots=True)
class Outcomes:
    """All requests of a run."""

    done: list[Outcome] = field(default_factory=list)

    @property
    def failures(self) -> list[str]:
        """Why requests failed."""
        return [outcome.failure for outcome in self.done if outcome.failure]

    def ttft(self, share: float) -> float:
        """Return the seconds to the first token that a share of the answered requests did not exceed."""
        times = sorted(outcome.ttft for outcome in self.done if outcome.ttft is not None)
        return times[min(len(times) - 1, int(share * len(times)))] if times else float("nan")


def picture(tiles: int, seed: int) -> str:
    """Return an image that is cut into so many tiles, as a data URL: a PNG's header and as many bytes as a JPEG has."""
    size = struct.pack(">I4sII", 13, b"IHDR", TILE_PIXELS * tiles, TILE_PIXELS)
    content = b"\x89PNG\r\n\x1a\n" + size + random.Random(seed).randbytes(TILE_BYTES * tiles)
    return f"data:image/png;base64,{base64.b64encode(content).decode()}"


def question(image: str, text: str) -> dict[str, Any]:
    """Return the body of a request about an image."""
    content = [{"type": "image_url", "image_url": {"url": image}}, {"type": "text", "text": text}]
    return {
        "model": MODEL,
        "messages": [{"role": "user", "content": content}],
        "max_tokens": ANSWER_TOKENS,
        "ignore_eos": True,
        "stream": True,
    }


@asynccontextmanager
async def connection(has_api_key: bool) -> AsyncIterator[aiohttp.ClientSession]:
    """One client: its one connection is kept."""
    connector = aiohttp.TCPConnector(limit=1, keepalive_timeout=3600)
    headers = {"Authorization": f"Bearer {API_KEY}"} if has_api_key else {}
    timeout = aiohttp.ClientTimeout(total=600)
    async with aiohttp.ClientSession(connector=connector, headers=headers, timeout=timeout) as session:
        yield session


async def ask(session: aiohttp.ClientSession, url: str, body: dict[str, Any]) -> Outcome:
    """Ask once, without trying again, and read the answer to its end."""
    started = time.monotonic()
    ttft: float | None = None
    try:
        async with session.post(f"{url}/v1/chat/completions", json=body) as response:
            if response.status != 200:
                return Outcome(None, failure=f"status {response.status}: {(await response.text())[:200]}")
            pieces, last = 0, b""
            async for line in response.content:
                if line.startswith(b"data: "):
                    ttft = ttft or time.monotonic() - started
                    pieces, last = pieces + 1, line.strip()
            if last != b"data: [DONE]" or pieces < ANSWER_TOKENS:
                return Outcome(None, failure=f"the answer broke off after {pieces} pieces")
            return Outcome(ttft, response.headers.get(SERVED_BY, ""))
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        return Outcome(None, failure=f"{type(error).__name__}: {error}")


async def crowd(
    url: str,
    *,
    clients: int,
    seconds: float,
    thinking: float,
    has_api_key: bool,
    seed: int = 1,
    beside: Callable[[], Any] | None = None,
) -> Outcomes:
    """Let clients ask for a time, and wait for the last answers.

    Args:
        url: of the proxy.
        clients: how many.
        seconds: after which no request is begun any more.
        thinking: mean seconds between an answer and the next question of a client.
        has_api_key: whether to send the key.
        seed: of the choice of images and of the pauses, the same for every way of balancing.
        beside: what is done meanwhile, as a coroutine function.
    """
    outcomes = Outcomes()
    pictures = [picture(tiles, tiles) for tiles in range(1, MOST_TILES + 1)]
    end = time.monotonic() + seconds

    async def client(number: int) -> None:
        chance = random.Random(seed * 1000 + number)
        async with connection(has_api_key) as session:
            # Nobody begins at the same moment.
            await asyncio.sleep(chance.uniform(0, thinking))
            while time.monotonic() < end:
                image = pictures[chance.randrange(MOST_TILES)]
                asked = time.monotonic()
                outcome = await ask(session, url, question(image, "What is in the image?"))
                outcomes.done.append(replace(outcome, asked=asked, ended=time.monotonic()))
                await asyncio.sleep(chance.expovariate(1 / thinking))

    async with asyncio.TaskGroup() as tasks:
        for number in range(clients):
            tasks.create_task(client(number))
        if beside is not None:
            tasks.create_task(beside())
    return outcomes
