"""Images of a request: where they come from, and which addresses are refused (vl/media/connection.py)."""

import asyncio
import base64
import binascii
import ipaddress
import socket
from collections.abc import Set
from pathlib import Path
from urllib.parse import urljoin, urlsplit
from urllib.request import url2pathname

from aiohttp import ClientError, ClientSession, ClientTimeout

from ..http.errors import PromptError

_MAX_REDIRECTS = 3


class ImageLoader:
    """Gets the bytes of images.

    Args:
        refuses_private_addresses: whether the release fetches from global addresses only.
        allowed_domains: the only hosts to fetch from; empty: any.
        fetch_seconds: time limit of one download.
    """

    def __init__(
        self, refuses_private_addresses: bool, allowed_domains: Set[str], fetch_seconds: float
    ) -> None:
        self._refuses_private_addresses = refuses_private_addresses
        self._allowed_domains = allowed_domains
        self._fetch_seconds = fetch_seconds

    async def load(self, url: str) -> bytes:
        """Return the bytes behind a ``data:``, ``http(s):`` or ``file:`` URL or a path.

        Raises:
            PromptError: the address is refused or malformed, or nothing can be read there.
        """
        try:
            if url.startswith("data:"):
                return _decoded(url)
            if url.startswith("http"):
                return await self._fetched(url)
            parts = urlsplit(url)
            path = Path(url2pathname(parts.netloc + parts.path)) if parts.scheme == "file" else Path(url)
            return path.read_bytes()
        except OSError as error:
            if not url.startswith("http"):
                message = "The URL must be either a HTTP, data or file URL."
                raise PromptError(message) from error
            raise PromptError("Request preprocessing failed.") from error
        except ClientError as error:
            raise PromptError("Request preprocessing failed.") from error

    async def _fetched(self, url: str) -> bytes:
        timeout = ClientTimeout(total=self._fetch_seconds)
        async with ClientSession(timeout=timeout, raise_for_status=True) as session:
            for _ in range(_MAX_REDIRECTS + 1):
                await self._check(url)
                async with session.get(url, allow_redirects=False) as response:
                    if "Location" not in response.headers:
                        return await response.read()
                    url = urljoin(url, response.headers["Location"])
        raise PromptError("Exceeded maximum media URL redirects")

    async def _check(self, url: str) -> None:
        """Refuse a URL to which the release would not connect."""
        host = urlsplit(url).hostname or ""
        if self._allowed_domains and host not in self._allowed_domains:
            raise PromptError(f"The URL must be from one of the allowed domains. Input URL domain: {host}")
        if not self._refuses_private_addresses:
            return
        blocked = "URL is blocked for security reasons"
        try:
            found = await asyncio.get_running_loop().getaddrinfo(host, None)
        except socket.gaierror:
            raise PromptError(f"{blocked}: Hostname resolution failed") from None
        for *_, address in found:
            if not ipaddress.ip_address(address[0]).is_global:
                raise PromptError(f"{blocked}: Blocked non-global IP detected: {address[0]}")


def _decoded(url: str) -> bytes:
    kind, comma, data = url.partition(",")
    if not comma or not data or ";" not in kind:
        raise PromptError(f"Invalid data URL: {kind}")
    if not kind.endswith(";base64"):
        raise PromptError("Only base64 data URLs are supported for now.")
    try:
        return base64.b64decode(data)
    except binascii.Error as error:
        raise PromptError(str(error)) from error
