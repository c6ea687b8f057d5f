"""A Hugging Face hub on a port of this machine, with one repository whose answers can be made wrong."""

from __future__ import annotations

import hashlib
import json
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

if TYPE_CHECKING:
    from types import TracebackType

REPOSITORY = "OpenGVLab/InternVL2-8B"
COMMIT = "0123456789abcdef0123456789abcdef01234567"


class FakeHub:
    """Serves files as the hub does: their sizes and checksums in the API, themselves with ranges.

    Args:
        files: Content by name.
        address: Where it listens.
        port: On which it listens; 0: a free one.

    Attributes:
        files: Content by name.
        told: What the API says of files in place of the truth: entries of ``siblings``.
        breaks_after: Bytes after which the next download of a file breaks off, by name; once each.
        stalls_after: Bytes after which it stalls instead, until the hub is closed.
        sent: Bytes of files that were sent, by name.
        asked: Paths that were asked for.
        tokens: Values of the header Authorization.
        gate: Downloads wait for it.
        closed: Whether the hub is about to end.
        clients: Processes that end with the hub.
    """

    def __init__(self, files: dict[str, bytes], address: str = "127.0.0.1", port: int = 0) -> None:
        self.files = files
        self.told: dict[str, dict[str, Any]] = {}
        self.breaks_after: dict[str, int] = {}
        self.stalls_after: dict[str, int] = {}
        self.sent: dict[str, int] = {}
        self.asked: list[str] = []
        self.tokens: set[str | None] = set()
        self.gate = threading.Event()
        self.gate.set()
        self.closed = threading.Event()
        self.clients: list[subprocess.Popen[str]] = []
        self._server = ThreadingHTTPServer((address, port), _handler(self))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))

    @property
    def endpoint(self) -> str:
        host, port = self._server.server_address[:2]
        return f"http://{host!s}:{port}"

    def __enter__(self) -> FakeHub:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for client in self.clients:
            client.kill()
            client.communicate()
        self.closed.set()
        self.gate.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def model_info(self, with_blobs: bool) -> dict[str, Any]:
        """The API's answer about the repository."""
        siblings = [self._sibling(name) if with_blobs else {"rfilename": name} for name in self.files]
        return {"id": REPOSITORY, "sha": COMMIT, "siblings": siblings}

    def tree(self) -> list[dict[str, Any]]:
        """The API's list of files, which newer clients ask for."""
        return [
            {"type": "file", "path": name, "size": len(content), "oid": self.etag(name)}
            for name, content in self.files.items()
        ]

    def etag(self, name: str) -> str:
        """Git's name of a small file, the SHA-256 of a large one."""
        content = self.files[name]
        if _is_large(name):
            return hashlib.sha256(content).hexdigest()
        return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()

    def _sibling(self, name: str) -> dict[str, Any]:
        content = self.files[name]
        sibling: dict[str, Any] = {"rfilename": name, "size": len(content), "blobId": "0" * 40}
        if _is_large(name):
            sibling["lfs"] = {"sha256": self.etag(name), "size": len(content), "pointerSize": 134}
        else:
            sibling["blobId"] = self.etag(name)
        return sibling | self.told.get(name, {})


def _is_large(name: str) -> bool:
    return name.endswith(".safetensors")


def _handler(hub: FakeHub) -> type[BaseHTTPRequestHandler]:
    return type("Handler", (_Handler,), {"hub": hub})


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: FakeHub

    def do_GET(self) -> None:
        hub, url = self.hub, urlsplit(self.path)
        hub.asked.append(url.path)
        hub.tokens.add(self.headers["Authorization"])
        api = f"/api/models/{REPOSITORY}"
        if url.path.startswith(f"{api}/tree/"):
            self._json(hub.tree())
        elif url.path.startswith(api):
            self._json(hub.model_info("blobs" in parse_qs(url.query)))
        else:
            self._file(url.path.removeprefix(f"/{REPOSITORY}/resolve/{COMMIT}/"))

    def do_HEAD(self) -> None:
        self.do_GET()

    def log_request(self, code: object = "-", size: object = "-") -> None:
        """Say nothing."""

    def _json(self, value: object) -> None:
        body = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _file(self, name: str) -> None:
        hub, content, start = self.hub, self.hub.files[name], 0
        if given := self.headers["Range"]:
            start = int(given.removeprefix("bytes=").split("-")[0])
        self.send_response(206 if given else 200)
        if given:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("ETag", f'"{hub.etag(name)}"')
        self.send_header("X-Repo-Commit", COMMIT)
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        if self.command == "HEAD":
            return
        hub.gate.wait()
        stall = hub.stalls_after.pop(name, None)
        end = stall or hub.breaks_after.pop(name, len(content))
        hub.sent[name] = hub.sent.get(name, 0) + max(0, end - start)
        self.wfile.write(content[start:end])
        if stall:
            hub.closed.wait()
        self.close_connection = end < len(content)
