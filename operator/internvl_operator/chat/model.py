"""A served model that answers questions."""

import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Self

import openai

from internvl_operator.chat.answer_limits import limit, text_of, tokens
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
class _Counts:
    """Tokens of a request, as far as the server says them."""

    prompt: int | None = None
    completion: int | None = None

    @classmethod
    def of(cls, usage: Any) -> Self | None:
        """Return what the server says, or None while it says nothing."""
        return cls(tokens(usage.prompt_tokens), tokens(usage.completion_tokens)) if usage else None


@dataclass(frozen=True, slots=True)
class _Part:
    """What came at once of a streamed answer."""

    text: str
    finish_reason: str | None
    counts: _Counts | None


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
        text, finish_reason, counts = "", None, _Counts()
        async with aclosing(self._parts(messages)) as parts:
            async for part in parts:
                counts = part.counts or counts
                finish_reason = part.finish_reason or finish_reason
                if part.text:
                    first = self.clock() - started if first is None else first
                    text += part.text
                    on_text(part.text)
        return self._answer(text, finish_reason, counts, first, started)

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
            text, counts = text_of(choice.message.content or ""), _Counts.of(completion.usage)
        return self._answer(text, choice.finish_reason, counts or _Counts(), None, started)

    async def _parts(self, messages: Sequence[Message]) -> AsyncGenerator["_Part"]:
        """Yield the parts of a streamed answer.

        Raises:
            ModelError: there is none, or it breaks off.
        """
        with explained(self.endpoint, self.timeout_seconds):
            chunks: Any = await self.client.chat.completions.create(
                model=self.name,
                messages=_typed(messages),
                stream=True,
                stream_options={"include_usage": True},
                **self.sampling,
            )
            async for chunk in chunks:
                counts = _Counts.of(chunk.usage)
                choice = chunk.choices[0] if chunk.choices else None
                text = text_of(choice.delta.content or "") if choice else ""
                yield _Part(text, choice.finish_reason if choice else None, counts)

    def _answer(
        self, text: str, finish_reason: str | None, counts: "_Counts", first: float | None, started: float
    ) -> Answer:
        if not text:
            raise ModelError(_emptiness(finish_reason))
        return Answer(
            text=text,
            finish_reason=finish_reason,
            prompt_tokens=counts.prompt,
            completion_tokens=counts.completion,
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
            served = [text_of(model.id) for model in (await client.models.list()).data]
        if not served:
            raise ModelError("the server names no model")
        name = endpoint.model or served[0]
        if name not in served:
            raise ModelError(f"the server has no model {name!r}; it has {', '.join(served)}")
        yield Model(name, client, endpoint, timeout_seconds, sampling or {})


def _client(endpoint: Endpoint, timeout_seconds: float) -> openai.AsyncOpenAI:
    async def name_server(request: Any) -> None:
        request.extensions["sni_hostname"] = endpoint.server_name

    hooks: dict[str, Any] = {
        "request": [name_server] if endpoint.server_name else [],
        "response": [limit],
    }
    return openai.AsyncOpenAI(
        base_url=endpoint.base_url,
        # The client refuses to do without one; a server without keys ignores it.
        api_key=endpoint.api_key or "none",
        timeout=timeout_seconds,
        max_retries=0,
        default_headers={"Accept-Encoding": "identity"},
        http_client=openai.DefaultAsyncHttpxClient(
            verify=endpoint.tls(),
            event_hooks=hooks,
            # Key and images are for this server.
            follow_redirects=False,
        ),
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
