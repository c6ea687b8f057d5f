"""The stand-in for the engine: places for as many requests as a batch has, and a token at a time."""

import asyncio
import logging
import os
import resource
import time
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import NoReturn

from .answer import Answer
from .http.metrics import Metrics
from .load import Load
from .settings import Failure, Settings

_LOGGER = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of an answer on its way: a token, or at the end the reason for the end."""

    text: str
    finish_reason: str | None = None


class Generator:
    """Sends answers at the pace of the settings.

    Attributes:
        load: the requests at hand.
        sleeping: between ``/sleep`` and ``/wakeup``.
    """

    def __init__(self, settings: Settings, places: int, load: Load, metrics: Metrics) -> None:
        self.load = load
        self.sleeping = False
        self._settings = settings
        self._places = asyncio.Semaphore(places)
        self._prompts = asyncio.Lock()
        self._metrics = metrics
        self._epoch = 0

    def abort_all(self) -> None:
        """End all answers that are on their way."""
        self._epoch += 1

    async def run(self, answer: Answer) -> AsyncGenerator[Piece, None]:
        """Yield the tokens of an answer, and at last the reason for its end."""
        epoch, arrived = self._epoch, time.monotonic()
        await self._take_place()
        started = time.monotonic()
        finish_reason = None
        try:
            await self._read(answer.prompt_tokens)
            for token in answer.tokens:
                await self._pace()
                if self._epoch != epoch:
                    break
                if token is answer.tokens[0]:
                    self._metrics.observe(time_to_first_token_seconds=time.monotonic() - arrived)
                yield Piece(token)
            finish_reason = answer.finish_reason if self._epoch == epoch else "abort"
            yield Piece("", finish_reason)
        finally:
            self._leave_place(answer, finish_reason, arrived, started)

    async def _take_place(self) -> None:
        self.load.waiting += 1
        try:
            await self._places.acquire()
        finally:
            self.load.waiting -= 1
        self.load.running += 1
        self.load.routed += 1

    def _leave_place(self, answer: Answer, finish_reason: str | None, arrived: float, started: float) -> None:
        self._places.release()
        self.load.running -= 1
        if finish_reason != answer.finish_reason:
            self.load.failed += 1
            return
        self.load.succeeded += 1
        now = time.monotonic()
        self._metrics.count_answer(answer.prompt_tokens, len(answer.tokens))
        self._metrics.observe(
            e2e_request_latency_seconds=now - arrived,
            request_queue_time_seconds=started - arrived,
            request_inference_time_seconds=now - started,
            request_decode_time_seconds=now - started,
            time_per_output_token_seconds=(now - started) / max(1, len(answer.tokens)),
        )

    async def _read(self, prompt_tokens: int) -> None:
        """Wait until a prompt is read, after those that came before it."""
        if seconds := prompt_tokens * self._settings.prompt_token_seconds:
            async with self._prompts:
                await asyncio.sleep(seconds)

    async def _pace(self) -> None:
        """Wait for the next token, or crash if that is asked for."""
        failure = self._settings.current_failure()
        if failure is Failure.CRASH:
            abort("[stub] crashes on demand")
        slow = failure is Failure.SLOW
        await asyncio.sleep(self._settings.slow_token_seconds if slow else self._settings.token_seconds)


def abort(message: str) -> NoReturn:
    """End the process as a failed assertion in C++ does: by SIGABRT, without a core file."""
    _LOGGER.critical(message)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.abort()
