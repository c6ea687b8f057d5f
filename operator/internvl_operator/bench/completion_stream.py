"""One streamed chat completion, timed as a client sees it."""

from collections.abc import AsyncIterable, AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import aiohttp
import orjson
from aiohttp.http_exceptions import HttpProcessingError

from internvl_operator.chat.answer_limits import MOST_BYTES, text_of, tokens
from internvl_operator.chat.endpoint import Endpoint

GIVE_KEY = "give --api-key or set INTERNVL_API_KEY"

_CONNECT_SECONDS = 30.0
_IDLE_SECONDS = 2.0
"""After which a connection is not used again. LMDeploy's server closes it after 5 s, and a request that is sent at that
moment fails."""

_REFUSAL_BYTES = 2**16
"""Of a refusal that are read."""

_SHOWN = 300
"""Characters of an answer that is shown in an error."""


class RequestFailedError(Exception):
    """The model did not answer as it should; the message says how.

    Args:
        kind: by which failures are counted: ``connection``, ``timeout``, ``broken stream``, ``no text``, ``HTTP 503``.
    """

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message[: 3 * _SHOWN])
        self.kind = kind


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer; times are seconds of the client's clock.

    Args:
        first: when the first text came.
        last: when the last text came.
        prompt_tokens: as the server counts them; None when the server does not report them.
        output_tokens: as the server counts them, or else the pieces of text.
    """

    first: float
    last: float
    prompt_tokens: int | None
    output_tokens: int


class CompletionClient:
    """Asks an endpoint for chat completions; use it as an asynchronous context manager.

    Args:
        endpoint: which is asked.
        timeout_seconds: longest wait for the next part of an answer.
        clock: monotonic seconds.
    """

    def __init__(self, endpoint: Endpoint, timeout_seconds: float, clock: Callable[[], float]) -> None:
        self._endpoint = endpoint
        self._timeout = aiohttp.ClientTimeout(
            total=None, sock_connect=_CONNECT_SECONDS, sock_read=timeout_seconds
        )
        self._clock = clock
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        key = self._endpoint.api_key
        # No limit: a request that waits here would not be seen by the server.
        connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=_IDLE_SECONDS, ssl=self._endpoint.tls())
        self._session = aiohttp.ClientSession(
            connector=connector,
            timeout=self._timeout,
            headers={"Accept-Encoding": "identity", **({"Authorization": f"Bearer {key}"} if key else {})},
            # A few bytes could become any number of them.
            auto_decompress=False,
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()

    async def model(self) -> str:
        """Return the name of the model that is served.

        Raises:
            RequestFailedError: the server does not list its models, or has none of the endpoint's name.
        """
        async with self._exchange("GET", "models") as response:
            content = b"".join([line async for line in _bounded(response.content)])
            served = [text_of(model["id"]) for model in orjson.loads(content)["data"]]
        name = self._endpoint.model or next(iter(served), "")
        if name not in served:
            raise RequestFailedError(
                "no model", f"the server has no model {name!r}; it has {', '.join(served)}"
            )
        return name

    async def ask(self, body: bytes) -> Answer:
        """Send a request and read its stream to the end.

        Raises:
            RequestFailedError: it was refused, or the stream broke off.
        """
        async with self._exchange("POST", "chat/completions", body) as response:
            return await read_stream(_bounded(response.content), self._clock)

    @asynccontextmanager
    async def _exchange(
        self, method: str, path: str, body: bytes | None = None
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """Send a request and yield the response of a server that takes it.

        Raises:
            RequestFailedError: it does not, or the connection fails until the context ends.
        """
        if self._session is None:
            raise RuntimeError("the client is used outside its context")
        try:
            async with self._session.request(
                method,
                f"{self._endpoint.base_url}/{path}",
                data=body,
                headers={"Content-Type": "application/json"} if body else {},
                server_hostname=self._endpoint.server_name,
                # Key and images are for this server.
                allow_redirects=False,
            ) as response:
                if response.status != 200:
                    content = await response.content.read(_REFUSAL_BYTES)
                    raise _refusal(response.status, content, self._endpoint)
                yield response
        except TimeoutError:
            seconds = self._timeout.sock_read
            raise RequestFailedError("timeout", f"no answer within {seconds:g} s") from None
        except aiohttp.ClientSSLError as error:
            why = f"TLS failed: {error}; name the certificate authority with --ca-file"
            raise RequestFailedError("connection", why) from None
        except aiohttp.ClientPayloadError:
            raise RequestFailedError("broken stream", "the stream broke off") from None
        except (aiohttp.ClientError, OSError) as error:
            cause = getattr(error, "os_error", error)
            why = self._endpoint.obstacle() or f"no connection: {cause or type(cause).__name__}"
            raise RequestFailedError("connection", why) from None
        except (ValueError, KeyError, TypeError, AttributeError, HttpProcessingError) as error:
            why = f"the answer is not that of an OpenAI-compatible API: {error!r}"
            raise RequestFailedError("broken stream", why) from None


async def _bounded(lines: AsyncIterable[bytes]) -> AsyncIterator[bytes]:
    """Yield lines as long as they are few enough to be an answer.

    Raises:
        RequestFailedError: they are more.
    """
    read = 0
    async for line in lines:
        read += len(line)
        if read > MOST_BYTES:
            raise RequestFailedError("broken stream", f"the answer has more than {MOST_BYTES} bytes")
        yield line


async def read_stream(lines: AsyncIterable[bytes], clock: Callable[[], float]) -> Answer:
    """Read server-sent events up to the mark of their end.

    Raises:
        RequestFailedError: there is no mark, or no text.
    """
    first = last = None
    pieces, usage = 0, dict[str, Any]()
    async for line in lines:
        data = line.strip().removeprefix(b"data:").lstrip()
        if data == b"[DONE]":
            break
        if not data or data.startswith(b":"):
            continue
        now, chunk = clock(), _chunk(data)
        usage = chunk.get("usage") or usage
        if any((choice.get("delta") or {}).get("content") for choice in chunk.get("choices") or ()):
            first, last = now if first is None else first, now
            pieces += 1
    else:
        raise RequestFailedError("broken stream", "the stream broke off")
    if first is None or last is None:
        raise RequestFailedError("no text", "the answer has no text")
    prompt, output = (tokens(usage.get(name)) for name in ("prompt_tokens", "completion_tokens"))
    return Answer(first, last, prompt, output or pieces)


def _chunk(data: bytes) -> dict[str, Any]:
    """Return a part of the stream.

    Raises:
        RequestFailedError: the server reports an error in the stream.
        ValueError: it is not JSON.
    """
    chunk: dict[str, Any] = orjson.loads(data)
    if "error" in chunk:
        raise RequestFailedError("broken stream", f"the stream ends with an error: {_said(chunk)}")
    return chunk


def _refusal(status: int, content: bytes, endpoint: Endpoint) -> RequestFailedError:
    kind = f"HTTP {status}"
    if status == 401 and endpoint.api_key is None:
        return RequestFailedError(kind, f"the server asks for an API key: {GIVE_KEY}")
    if status == 401:
        return RequestFailedError(kind, "the server refuses this API key")
    try:
        said = _said(orjson.loads(content))
    except ValueError:
        said = content.decode(errors="replace")
    return RequestFailedError(kind, f"the server answers {status}: {said[:_SHOWN]}")


def _said(answer: Any) -> str:
    """Return the server's own message."""
    found = answer
    for key in ("error", "message", "detail"):
        if isinstance(found, dict) and found.get(key):
            found = found[key]
    return str(found)[:_SHOWN]
