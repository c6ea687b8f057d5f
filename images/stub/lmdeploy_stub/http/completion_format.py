"""The JSON of answers (serve/openai/protocol.py), for chats and for texts."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ..answer import Answer

_Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Identity:
    """What all parts of one response repeat."""

    id: str
    created: int
    model: str

    def head(self, kind: str) -> _Json:
        """Return the fields at the beginning of a part."""
        return {"id": self.id, "object": kind, "created": self.created, "model": self.model}


@dataclass(frozen=True, slots=True)
class Format:
    """The shape of one endpoint's responses.

    Attributes:
        prefix: of the response's id.
        object: of a whole response.
        chunk_object: of a part of a stream.
        content: makes the fields of a choice that hold a text, for a whole response.
        delta_content: the same for a part of a stream.
    """

    prefix: str
    object: str
    chunk_object: str
    content: Callable[[str], _Json]
    delta_content: Callable[[str], _Json]

    def choice(self, index: int, text: str, finish_reason: str | None) -> _Json:
        """Return one choice of a whole response."""
        return {"index": index, **self.content(text), "logprobs": None, "finish_reason": finish_reason}

    def delta(self, text: str, finish_reason: str | None) -> _Json:
        """Return the choice of a part of a stream; LMDeploy leaves out what is null."""
        ending = {} if finish_reason is None else {"finish_reason": finish_reason}
        return {"index": 0, **self.delta_content(text), **ending}

    def whole(self, identity: Identity, choices: list[_Json], usage: _Json) -> _Json:
        """Return a whole response."""
        return {**identity.head(self.object), "choices": choices, "usage": usage}

    def chunk(self, identity: Identity, choices: list[_Json]) -> _Json:
        """Return a part of a stream."""
        return {**identity.head(self.chunk_object), "choices": choices}


def _message(text: str) -> _Json:
    return {"role": "assistant", "content": text}


CHAT = Format(
    prefix="chatcmpl",
    object="chat.completion",
    chunk_object="chat.completion.chunk",
    content=lambda text: {"message": _message(text)},
    delta_content=lambda text: {"delta": _message(text)},
)

TEXT = Format(
    prefix="cmpl",
    object="text_completion",
    chunk_object="text_completion",
    content=lambda text: {"text": text},
    delta_content=lambda text: {"text": text},
)


def usage_of(answers: Sequence[Answer]) -> _Json:
    """Return the tokens of all answers of a response."""
    prompt = sum(answer.prompt_tokens for answer in answers)
    completion = sum(len(answer.tokens) for answer in answers)
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}
