"""The API server's REST interface for asynchronous code: many requests at once, and watches."""

from __future__ import annotations

import json
import ssl
from typing import TYPE_CHECKING, Any, Self

import aiohttp
import yaml

from tests.cluster.apiserver.api import JSON, RefusedError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path
    from types import TracebackType

TABLE = "application/json;as=Table;g=meta.k8s.io;v=v1"
METADATA = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
METADATA_LIST = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"


class AsyncApi:
    """A client that adds nothing to HTTP; use it as an asynchronous context manager.

    Args:
        kubeconfig: of the user who asks.
    """

    def __init__(self, kubeconfig: Path) -> None:
        configuration = yaml.safe_load(kubeconfig.read_text())
        cluster, user = configuration["clusters"][0]["cluster"], configuration["users"][0]["user"]
        self._server = cluster["server"]
        self._authorities = cluster["certificate-authority"]
        self._headers = {"Authorization": f"Bearer {user['token']}"}

    async def __aenter__(self) -> Self:
        context = ssl.create_default_context(cafile=self._authorities)
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=context, limit=0),
            timeout=aiohttp.ClientTimeout(total=None, connect=10),
            headers=self._headers,
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._session.close()

    async def send(
        self, method: str, path: str, body: bytes | None = None, content_type: str = JSON, accept: str = JSON
    ) -> bytes:
        """Send one request and return the body of the answer.

        Args:
            method: HTTP method.
            path: with its query.
            body: as it is sent.
            content_type: of the body.
            accept: the representation that is asked for.

        Raises:
            RefusedError: the status is 300 or above.
        """
        headers = {"Content-Type": content_type, "Accept": accept}
        async with self._session.request(method, self._server + path, data=body, headers=headers) as response:
            answer = await response.read()
            if response.status >= 300:
                raise RefusedError(f"{method} {path}: {response.status} {answer[:1000].decode()}")
            return answer

    async def ask(self, method: str, path: str, body: object = None, content_type: str = JSON) -> Any:
        """Send one request with a JSON body and return the parsed answer.

        Raises:
            RefusedError: the status is 300 or above.
        """
        sent = None if body is None else json.dumps(body).encode()
        return json.loads(await self.send(method, path, sent, content_type))

    async def count(self, collection: str) -> int:
        """Return the number of objects of a collection, without reading them."""
        page = json.loads(await self.send("GET", f"{collection}?limit=1", accept=METADATA_LIST))
        return len(page["items"] or ()) + int(page["metadata"].get("remainingItemCount", 0))

    async def table(self, collection: str) -> list[list[Any]]:
        """Return the cells that kubectl would show of a collection, row by row."""
        answer = await self.send("GET", f"{collection}?includeObject=None", accept=TABLE)
        return [row["cells"] for row in json.loads(answer)["rows"] or ()]

    async def watch(self, collection: str, version: str, accept: str = JSON) -> AsyncIterator[dict[str, Any]]:
        """Yield the events of a collection after a resourceVersion, until the API server ends the watch."""
        url = f"{self._server}{collection}?watch=true&resourceVersion={version}"
        async with self._session.get(url, headers={"Accept": accept}) as response:
            pending = b""
            async for chunk in response.content.iter_any():
                *lines, pending = (pending + chunk).split(b"\n")
                for line in lines:
                    yield json.loads(line)
