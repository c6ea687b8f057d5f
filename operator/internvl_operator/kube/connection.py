"""HTTP to the API server on aiohttp, which Kopf brings and which costs a quarter of the generated clients' CPU.

Why: docs/design/002-own-api-client.md
"""

import asyncio
import json
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Literal, Self

import aiohttp
import orjson
from aiohttp.abc import AbstractStreamWriter

from internvl_operator.kube.credentials import Credentials
from internvl_operator.kube.leader_election.fence import Fence
from internvl_operator.kube.nesting import decoded
from internvl_operator.kube.port import (
    ClusterError,
    ConflictError,
    ForbiddenError,
    InvalidError,
    Kind,
    KubernetesObject,
    NotFoundError,
    NotLeaderError,
    ThrottledError,
    UnavailableError,
)

_CONNECT_SECONDS = 10.0


class Connection:
    """Requests with credentials, JSON and typed errors; use it as an asynchronous context manager.

    Args:
        load: returns the credentials; called again when the API server no longer accepts them.
        observe: called after every request with method, kind, status code (0 without an answer) and seconds.
        fence: what every request but GET has to pass.
        connections: how many requests are under way at once.
        seconds: how long one request may take.
    """

    def __init__(
        self,
        load: Callable[[], Credentials],
        observe: Callable[[str, str, int, float], None],
        fence: Fence,
        *,
        connections: int = 16,
        seconds: float = 30.0,
    ) -> None:
        self._load = load
        self._observe = observe
        self._fence = fence
        self._connections = connections
        self._seconds = seconds
        self._credentials = load()
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        connector = aiohttp.TCPConnector(limit=self._connections, ssl=self._credentials.ssl_context())
        self._session = aiohttp.ClientSession(connector=connector, proxy=self._credentials.proxy)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()

    async def request(
        self,
        method: str,
        kind: Kind,
        path: str,
        parameters: Mapping[str, str],
        body: Mapping[str, Any] | None = None,
        content_type: str = "application/json",
    ) -> KubernetesObject:
        """Send one request and return the answer.

        Raises:
            ClusterError: the API refused it or did not answer, or the fence is closed.
        """
        data = None if body is None else _encoded(body)
        status, content, retry_after = await self._send(method, kind, path, parameters, data, content_type)
        if status == 401:
            self._credentials = await self._reloaded()
            status, content, retry_after = await self._send(
                method, kind, path, parameters, data, content_type
            )
        if status >= 400:
            raise error_of(status, content.decode(errors="replace"), retry_after)
        try:
            answer: KubernetesObject = decoded(content)
        except ValueError as error:
            raise UnavailableError(f"half an answer to {method} {path}") from error
        return answer

    async def _reloaded(self) -> Credentials:
        """Return fresh credentials; a kubeconfig may run a program for them."""
        try:
            return await asyncio.to_thread(self._load)
        except ValueError as error:
            raise UnavailableError(f"no fresh credentials: {error}") from error

    async def _send(
        self,
        method: str,
        kind: Kind,
        path: str,
        parameters: Mapping[str, str],
        data: bytes | None,
        content_type: str,
    ) -> tuple[int, bytes, float]:
        """Send one request; return status, body and the seconds that the API asks to wait."""
        if method == "GET":
            return await self._exchange(method, kind, path, parameters, None, self._seconds)
        with self._fence.write() as seconds_left:
            payload = _FencedBody(data or b"", self._fence, content_type)
            seconds = min(self._seconds, seconds_left)
            return await self._exchange(method, kind, path, parameters, payload, seconds)

    async def _exchange(
        self,
        method: str,
        kind: Kind,
        path: str,
        parameters: Mapping[str, str],
        payload: aiohttp.Payload | None,
        seconds: float,
    ) -> tuple[int, bytes, float]:
        if self._session is None:
            raise RuntimeError("the connection is used outside its context")
        headers = (*self._credentials.headers(), ("Accept", "application/json"))
        loop = asyncio.get_running_loop()
        started, status = loop.time(), 0
        try:
            async with self._session.request(
                method,
                self._credentials.server + path,
                params=parameters,
                data=payload,
                headers=headers,
                timeout=aiohttp.ClientTimeout(total=seconds, connect=min(_CONNECT_SECONDS, seconds)),
            ) as response:
                status = response.status
                content = await response.read()
                return status, content, _seconds(response.headers.get("Retry-After"))
        except (aiohttp.ClientError, TimeoutError) as error:
            status = 0
            if isinstance(error.__cause__, NotLeaderError):
                raise error.__cause__ from error
            raise UnavailableError(f"{method} {path}: {error or type(error).__name__}") from error
        finally:
            self._observe(method, kind.kind, status, loop.time() - started)


class _FencedBody(aiohttp.BytesPayload):
    """The body of a write, with which its headers go out; it looks at the fence at that very moment.

    Between the making of a request and this lie a wait for a connection and turns of the event loop, in any of
    which the process may have been paused.
    """

    def __init__(self, data: bytes, fence: Fence, content_type: str) -> None:
        super().__init__(data, content_type=content_type)
        self._fence = fence

    async def write_with_length(self, writer: AbstractStreamWriter, content_length: int | None) -> None:
        self._fence.check()
        await super().write_with_length(writer, content_length)


def _encoded(body: Mapping[str, Any]) -> bytes:
    try:
        return orjson.dumps(body)
    except TypeError as error:
        raise InvalidError(f"{body.get('kind')} cannot be written as JSON: {error}") from error


def _seconds(retry_after: str | None) -> float:
    return float(retry_after) if retry_after and retry_after.isdigit() else 1.0


_REFUSALS = (
    # Server-side apply, of a field that is unknown or of the wrong type (structured-merge-diff).
    "failed to create typed patch object",
    # An object beyond the 1.5 MiB that etcd takes.
    "etcdserver: request is too large",
)
"""Messages of answers with the status 500 that no later try will mend."""

_ERRORS: dict[int, type[ClusterError]] = {
    400: InvalidError,
    401: ForbiddenError,
    403: ForbiddenError,
    404: NotFoundError,
    409: ConflictError,
    413: InvalidError,
    422: InvalidError,
}


def error_of(status: int, text: str, retry_after: float) -> ClusterError:
    """Return what an answer of the API that is no success means.

    Args:
        status: the HTTP status.
        text: the body, a ``metav1.Status`` as a rule.
        retry_after: seconds that the API asks to wait.
    """
    try:
        answer = json.loads(text)
        message = str(answer["message"])
    except (ValueError, KeyError, TypeError):
        answer, message = {}, text[:300]
    if status == 403 and "NamespaceTerminating" in _causes(answer, "reason"):
        # The object is refused because its namespace is being deleted: soon it will not be found.
        return NotFoundError(message)
    if status == 422 and "metadata.uid" in _causes(answer, "field"):
        # An apply to the object of a uid met another object of that name.
        return ConflictError(message)
    if status == 429:
        return ThrottledError(message, retry_after)
    if message.startswith(_REFUSALS):
        return InvalidError(message)
    return _ERRORS.get(status, UnavailableError)(message)


def _causes(answer: Mapping[str, Any], part: Literal["reason", "field"]) -> set[str]:
    """Return the reasons or the fields of an error's causes (``metav1.StatusCause``)."""
    causes = (answer.get("details") or {}).get("causes") or ()
    return {str(cause.get(part)) for cause in causes}
