"""Errors of requests, as LMDeploy words them (serve/openai/errors.py, serve/core/exceptions.py)."""

from aiohttp import web

from ..release import Behaviour

_TYPES = {401: "authentication_error", 404: "not_found_error", 500: "server_error", 503: "server_error"}


class RequestError(Exception):
    """A request that is refused.

    Attributes:
        status: the HTTP status.
        message: what the client reads.
    """

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


class PromptError(Exception):
    """A prompt that cannot be read, for instance because of an image; the message is the reason."""


class PromptTooLongError(Exception):
    """A prompt that leaves no room in the session for an answer.

    Attributes:
        prompt_tokens: its length in tokens.
    """

    def __init__(self, prompt_tokens: int, session_len: int) -> None:
        super().__init__(
            f"Input length ({prompt_tokens}) must be smaller than the model context length ({session_len})."
        )
        self.prompt_tokens = prompt_tokens


def error_response(behaviour: Behaviour, status: int, message: str) -> web.Response:
    """Return the answer to a refused request."""
    kind = _TYPES.get(status, "invalid_request_error") if behaviour.maps_errors else "invalid_request_error"
    body = {"message": message, "type": kind, "code": status, "param": None, "object": "error"}
    return web.json_response(body, status=status)


def invalid_request(behaviour: Behaviour, message: str) -> web.Response:
    """Return the answer to a body that LMDeploy cannot read: FastAPI's own until errors are mapped."""
    if behaviour.maps_errors:
        return error_response(behaviour, 400, message)
    return web.json_response({"detail": [{"msg": message}]}, status=422)
