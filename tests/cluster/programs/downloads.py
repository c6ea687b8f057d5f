"""Download of official builds, each checked against its published SHA-256."""

from __future__ import annotations

import hashlib
import json
import platform
import shutil
import socket
import tarfile
import threading
import urllib.request
from http.client import HTTPException
from typing import IO, TYPE_CHECKING
from urllib.error import HTTPError
from urllib.parse import urlsplit

from tests.cluster.programs.versions import UnobtainableError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.cluster.programs.release import Release

PATIENCE_SECONDS = 5.0
CHUNK_BYTES = 1 << 20
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "arm64": "arm64"}


def open_url(url: str, patience: float = PATIENCE_SECONDS) -> IO[bytes]:
    """Body of a URL.

    Args:
        url: With http or https.
        patience: Seconds for the name resolution, which urllib's timeout does not cover, for the
            connection, and for each read.

    Raises:
        OSError: Unreachable, too slow, or (urllib.error.HTTPError) answered with an error.
    """
    if not urllib.request.getproxies():
        resolution = threading.Thread(target=_resolve, args=(urlsplit(url).hostname,), daemon=True)
        resolution.start()
        resolution.join(patience)
        if resolution.is_alive():
            raise TimeoutError("its name did not resolve in time")
    response: IO[bytes] = urllib.request.urlopen(url, timeout=patience)
    return response


def _resolve(host: str) -> None:
    try:
        socket.getaddrinfo(host, 443)
    except OSError:
        return  # urlopen meets the same error and reports it


class Downloads:
    """Official builds for this platform.

    A host that could not be reached once is not asked again.

    Args:
        opened: Gives the body of a URL, raises OSError.
        system: As `platform.system` names it.
        machine: As `platform.machine` names it.
    """

    def __init__(
        self,
        opened: Callable[[str], IO[bytes]] = open_url,
        system: str = platform.system(),
        machine: str = platform.machine(),
    ) -> None:
        self._open_url = opened
        self._platform = {"os": system.lower(), "arch": ARCHITECTURES.get(machine, machine)}
        self._unreachable: dict[str, str] = {}

    def fetch(self, release: Release, name: str, directory: Path) -> Path:
        """Download one program into a directory.

        Raises:
            UnobtainableError: No build for this platform, no network, or a wrong checksum.
        """
        url, sha256 = self._published(release, name)
        downloaded = directory / url.rsplit("/", 1)[-1]
        if (actual := self._download(url, downloaded)) != sha256:
            raise UnobtainableError(f"{url} has SHA-256 {actual}, published is {sha256}")
        if downloaded.name.endswith((".tar.gz", ".tgz")):
            return _extract(downloaded, name)
        return downloaded

    def _published(self, release: Release, name: str) -> tuple[str, str]:
        """URL and SHA-256 of the official build."""
        place = {"version": release.version, "number": release.number, **self._platform}
        if not release.github and not release.url:
            raise UnobtainableError("no build is published")
        if not release.github:
            url = release.url.format(name=name, **place)
            return url, self._text(f"{url}.sha256").split()[0]
        page = f"https://api.github.com/repos/{release.github}/releases/tags/{release.version}"
        wanted = release.asset.format(**place)
        for asset in json.loads(self._text(page))["assets"]:
            algorithm, _, digest = (asset["digest"] or "").partition(":")
            if asset["name"] == wanted and algorithm == "sha256":
                return asset["browser_download_url"], digest
        raise UnobtainableError(f"{page} lists no {wanted} with a SHA-256")

    def _text(self, url: str) -> str:
        with self._opened(url) as body:
            return body.read().decode()

    def _download(self, url: str, target: Path) -> str:
        digest = hashlib.sha256()
        try:
            with self._opened(url) as body, target.open("wb") as file:
                while chunk := body.read(CHUNK_BYTES):
                    digest.update(chunk)
                    file.write(chunk)
        except (OSError, HTTPException) as error:
            raise UnobtainableError(f"{url} broke off: {error}") from error
        return digest.hexdigest()

    def _opened(self, url: str) -> IO[bytes]:
        host = urlsplit(url).hostname or ""
        if host in self._unreachable:
            raise UnobtainableError(self._unreachable[host])
        try:
            return self._open_url(url)
        except HTTPError as error:
            raise UnobtainableError(f"{url} answered {error.code}") from error
        except (OSError, HTTPException) as error:
            self._unreachable[host] = f"{host} cannot be reached: {error}"
            raise UnobtainableError(self._unreachable[host]) from error


def _extract(archive: Path, name: str) -> Path:
    program = archive.parent / name
    with tarfile.open(archive) as members:
        for member in members:
            if member.isfile() and member.name.rsplit("/", 1)[-1] == name:
                content = members.extractfile(member)
                assert content is not None  # a regular file always has content
                with content, program.open("wb") as file:
                    shutil.copyfileobj(content, file)
                return program
    raise UnobtainableError(f"{archive.name} holds no {name}")
