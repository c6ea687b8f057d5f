"""What can go wrong with a request, in words that say what to do."""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager

import openai

from internvl_operator.chat.answer_limits import UnreadableAnswerError
from internvl_operator.chat.endpoint import Endpoint

_LONGEST = 1000
"""Characters of a message, which a server may have written."""


class ModelError(Exception):
    """The model did not answer; the message says why, and what to do if that is known."""

    def __init__(self, message: str) -> None:
        super().__init__(message if len(message) <= _LONGEST else f"{message[:_LONGEST]}...")


_STRANGE = (ValueError, TypeError, AttributeError, LookupError, RecursionError)
"""What reading an answer raises whose parts are not where, or what, the API says."""


@contextmanager
def explained(endpoint: Endpoint, timeout_seconds: float) -> Iterator[None]:
    """Turn errors of the openai package, and what it makes of an answer that is not the API's, into a ModelError.

    Args:
        endpoint: where the request goes.
        timeout_seconds: how long an answer is waited for.
    """
    try:
        yield
    except openai.APITimeoutError:
        raise ModelError(f"no answer within {timeout_seconds:g} s") from None
    except openai.APIConnectionError as error:
        raise ModelError(endpoint.obstacle() or _connection(error)) from None
    except openai.APIStatusError as error:
        raise ModelError(_refusal(error, endpoint.api_key is not None)) from None
    except openai.APIError as error:
        # A stream that ends with an error, or an answer that is not the API's.
        raise ModelError(f"the answer broke off: {error.message}") from None
    except UnreadableAnswerError as error:
        raise ModelError(str(error)) from None
    except _STRANGE as error:
        raise ModelError(f"the answer is not that of an OpenAI-compatible API: {error!r}") from None


def _connection(error: openai.APIConnectionError) -> str:
    causes = list(_causes(error))
    if isinstance(causes[-1], UnreadableAnswerError):
        return str(causes[-1])
    if any(isinstance(cause, ssl.SSLError) for cause in causes):
        return f"TLS failed: {causes[-1]}; name the certificate authority with --ca-file"
    return f"no connection: {causes[-1] or type(causes[-1]).__name__}"


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and what it came from, the origin last."""
    current: BaseException | None = error
    while current is not None:
        yield current
        current = current.__cause__ or current.__context__


def _refusal(error: openai.APIStatusError, has_key: bool) -> str:
    said = _said(error)
    if error.status_code == 401 and not has_key:
        return "the server asks for an API key: give --api-key or set INTERNVL_API_KEY"
    if error.status_code == 401:
        return "the server refuses this API key"
    if "context length" in said:
        return f"{said} Shorten the chat, send fewer or smaller images, or raise spec.engine.sessionLen."
    if "blocked for security reasons" in said:
        return f"{said}. The server fetches no image from a private address: give the file instead."
    return f"the server answers {error.status_code}: {said}"


def _said(error: openai.APIStatusError) -> str:
    """Return the server's own message."""
    body = error.body
    if isinstance(body, dict):
        message = body.get("message") or body.get("detail") or body.get("error")
        if message:
            return str(message)
    return error.message
