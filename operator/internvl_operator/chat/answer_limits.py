"""How much of an answer is read, whoever the server is; and which of its figures are believed."""

from typing import Any

MOST_BYTES = 16 * 2**20
"""Of one answer that are read; a whole session of text has less."""

_MOST_TOKENS = 2**31


class UnreadableAnswerError(Exception):
    """An answer is not read to its end; the message says why."""


def tokens(count: Any) -> int | None:
    """Return a number of tokens that a server says; None when it cannot be one."""
    is_number = isinstance(count, int) and not isinstance(count, bool)
    return count if is_number and 0 <= count < _MOST_TOKENS else None


def text_of(value: Any) -> str:
    """Return a text that a server says.

    Raises:
        TypeError: it is none.
    """
    if not isinstance(value, str):
        raise TypeError(f"{str(value)[:100]!r} is no text")
    return value


async def limit(response: Any) -> None:
    """Let no more of a response be read than an answer has: a hook of the HTTP client behind the openai package.

    Raises:
        UnreadableAnswerError: it is compressed, so that a few bytes could become any number of them.
    """
    if response.headers.get("content-encoding", "identity") != "identity":
        raise UnreadableAnswerError("the answer is compressed, which it was not asked to be")
    whole = response.aiter_raw

    async def limited(chunk_size: int | None = None) -> Any:
        read = 0
        async for part in whole(chunk_size):
            read += len(part)
            if read > MOST_BYTES:
                raise UnreadableAnswerError(f"the answer has more than {MOST_BYTES} bytes")
            yield part

    # All ways to read a response lead through this method.
    response.aiter_raw = limited
