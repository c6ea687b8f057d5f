"""etcd as it sees itself: what is stored, and how much of it."""

from __future__ import annotations

import base64
import json
import urllib.request


class Etcd:
    """One etcd that listens on 127.0.0.1 without TLS.

    Args:
        port: for clients.
    """

    def __init__(self, port: int) -> None:
        self._url = f"http://127.0.0.1:{port}"

    def times_stored(self, key: str) -> int:
        """How often an object has been written; a request that changes nothing is not.

        Args:
            key: below the API server's prefix, for example ``services/specs/default/captions``.
        """
        wanted = base64.b64encode(f"/registry/{key}".encode()).decode()
        request = urllib.request.Request(f"{self._url}/v3/kv/range", json.dumps({"key": wanted}).encode())
        with urllib.request.urlopen(request, timeout=10) as answer:
            found = json.load(answer).get("kvs", [])
        return int(found[0]["version"]) if found else 0

    def metrics(self) -> str:
        """Its metrics in Prometheus's text format."""
        with urllib.request.urlopen(f"{self._url}/metrics", timeout=10) as answer:
            text: str = answer.read().decode()
        return text
