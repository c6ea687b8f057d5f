"""Clients of a model that sleeps: each request goes to the interceptor, once, over a connection of its own."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from dataclasses import dataclass

import aiohttp

TOKENS = 16
"""Of an answer: 0.16 s of the stub."""

_MODEL = "InternVL2-8B"
_MOST_SECONDS = 300.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of a request.

    Attributes:
        status: of HTTP; 0: the connection broke.
        seconds: until the end of the answer.
        text: what is wrong, where something is.
    """

    status: int
    seconds: float
    text: str = ""

    @property
    def is_lost(self) -> bool:
        """Whether the client has no answer of the model."""
        return self.status != 200

    def __str__(self) -> str:
        return f"{self.status} after {self.seconds:.1f} s: {self.text}"


async def ask(url: str, host: str) -> Answer:
    """Ask the model behind a host of the interceptor once."""
    body = {
        "model": _MODEL,
        "messages": [{"role": "user", "content": "What is in the image?"}],
        "max_tokens": TOKENS,
        "ignore_eos": True,
    }
    started = time.monotonic()
    timeout = aiohttp.ClientTimeout(total=_MOST_SECONDS)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.post(f"{url}/v1/chat/completions", json=body, headers={"Host": host}) as response,
        ):
            text = await response.text()
            wrong = "" if response.status == 200 else text[:200]
            return Answer(response.status, time.monotonic() - started, wrong)
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        return Answer(0, time.monotonic() - started, f"{type(error).__name__}: {error}")


async def ask_together(url: str, host: str, clients: int) -> list[Answer]:
    """Let so many clients ask at the same time."""
    return list(await asyncio.gather(*(ask(url, host) for _ in range(clients))))


def lost(answers: list[Answer]) -> int:
    """Return how many requests were lost, and print why."""
    wrong = Counter(f"{answer.status}: {answer.text}" for answer in answers if answer.is_lost)
    for why, times in wrong.most_common():
        print(f"  lost {times}: {why}", flush=True)
    return wrong.total()
