"""A served model that answers questions."""

import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import openai

from internvl_operator.chat.content import Message
from internvl_operator.chat.endpoint import Endpoint
from internvl_operator.chat.problems import ModelError, explained


@dataclass(frozen=True, slots=True)
class Answer:
    """What a model answered; lengths in tokens, times in seconds since the request was sent.

    Args:
        finish_reason: ``stop``, or ``length`` when a limit cut the answer.
        prompt_tokens: length of the prompt with its images; None when the server does not say it.
        completion_tokens: length of the answer; None when the server does not say it.
        first_token_seconds: None when the answer came as a whole.
    """

    text: str
    finish_reason: str | None
    prompt_tokens: int | None
    completion_tokens: int | None
    first_token_seconds: float | None
    seconds: float


@dataclass(frozen=True, slots=True)
class Model:
    """A model behind an endpoint.

    Args:
        sampling: further parameters of each request, such as ``temperature`` and ``max_tokens``.
    """

    name: str
    client: openai.AsyncOpenAI
    endpoint: Endpoint
    timeout_seconds: float
    sampling: Mapping[str, Any] = field(default_factory=dict)
    clock: Callable[[], float] = time.monotonic

    async def stream(
        self, messages: Sequence[Message], on_text: Callable[[str], None] = lambda _: None
    ) -> Answer:
        """Return the answer to a chat; each piece of it goes to ``on_text`` as it arrives.

        Raises:
            ModelError: the model does not answer.
        """
        started, first = self.clock(), None
        text, finish_reason, usage = "", None, None
        with explained(self.endpoint, self.timeout_seconds):
            chunks: Any = await self.client.chat.completions.create(
                model=self.name,
                messages=_typed(messages),
                stream=True,
                stream_options={"include_usage": True},
                **self.sampling,
            )
            async for chunk in chunks:
                usage = chunk.usage or usage
                for choice in chunk.choices:
                    finish_reason = choice.finish_reason or finish_reason
                    if piece := choice.delta.content:
                        first = self.clock() - started if first is None else first
                        text += piece
                        on_text(piece)
        return self._answer(text, finish_reason, usage, first, started)

    async def ask(self, messages: Sequence[Message]) -> Answer:
        """Return the answer to a chat as a whole.

        Raises:
            ModelError: there is none.
        """
        started = self.clock()
        with explained(self.endpoint, self.timeout_seconds):
            completion: Any = await self.client.chat.completions.create(
                model=self.name, messages=_typed(messages), **self.sampling
            )
        choice = completion.choices[0]
        return self._answer(
            choice.message.content or "", choice.finish_reason, completion.usage, None, started
        )

    def _answer(
        self, text: str, finish_reason: str | None, usage: Any, first: float | None, started: float
    ) -> Answer:
        if not text:
            raise ModelError(_emptiness(finish_reason))
        return Answer(
            text=text,
            finish_reason=finish_reason,
            prompt_tokens=usage.prompt_tokens if usage else None,
            completion_tokens=usage.completion_tokens if usage else None,
            first_token_seconds=first,
            seconds=self.clock() - started,
        )


@asynccontextmanager
async def opened(
    endpoint: Endpoint, timeout_seconds: float, sampling: Mapping[str, Any] | None = None
) -> AsyncIterator[Model]:
    """Yield the model of an endpoint, once it has been asked for its name.

    Raises:
        ModelError: the endpoint cannot be reached or does not let in, or has no model of that name.
        OSError: the file of the certificate authority cannot be read.
    """
    async with _client(endpoint, timeout_seconds) as client:
        with explained(endpoint, timeout_seconds):
            served = [model.id for model in (await client.models.list()).data]
        if not served:
            raise ModelError("the server names no model")
        name = endpoint.model or served[0]
        if name not in served:
            raise ModelError(f"the server has no model {name!r}; it has {', '.join(served)}")
        yield Model(name, client, endpoint, timeout_seconds, sampling or {})


def _client(endpoint: Endpoint, timeout_seconds: float) -> openai.AsyncOpenAI:
    async def name_server(request: Any) -> None:
        request.extensions["sni_hostname"] = endpoint.server_name

    hooks = {"request": [name_server]} if endpoint.server_name else None
    return openai.AsyncOpenAI(
        base_url=endpoint.base_url,
        # The client refuses to do without one; a server without keys ignores it.
        api_key=endpoint.api_key or "none",
        timeout=timeout_seconds,
        max_retries=0,
        http_client=openai.DefaultAsyncHttpxClient(verify=endpoint.tls(), event_hooks=hooks),
    )


def _typed(messages: Sequence[Message]) -> Any:
    """Return messages as the openai package's types, which name each kind of part."""
    return list(messages)


def _emptiness(finish_reason: str | None) -> str:
    if finish_reason == "length":
        return (
            "the answer is empty: the prompt fills the session. Shorten the chat, send fewer or smaller images, "
            "or raise spec.engine.sessionLen."
        )
    return f"the answer is empty (finish reason {finish_reason})"
