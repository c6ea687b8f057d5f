"""etcd as it sees itself: what is stored, and how much of it."""

from __future__ import annotations

import base64
import json
import urllib.request
from typing import Any

_REGISTRY = "/registry/"
"""Where the API server keeps everything."""


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
        found = self._ask("range", {"key": _encoded(_REGISTRY + key)}).get("kvs", [])
        return int(found[0]["version"]) if found else 0

    def remove_namespace(self, name: str) -> None:
        """Remove a namespace and all that is in it; no error if there is none.

        Every watcher is told that the objects are gone, as after a DELETE. Nothing ends by and by: no finalizer is
        waited for, and pods have no time to end. It costs little: a namespace that is deleted through the API server
        takes 80 requests when it is empty, and as much work as it took to fill it.

        Args:
            name: which no object of another namespace has a part of its key from.
        """
        # First, so that no controller makes anew what is removed below.
        self._ask("deleterange", {"key": _encoded(f"{_REGISTRY}namespaces/{name}")})
        everything = {"key": _encoded(_REGISTRY), "range_end": _encoded(_end(_REGISTRY)), "keys_only": True}
        keys = [
            base64.b64decode(item["key"]).decode() for item in self._ask("range", everything).get("kvs", [])
        ]
        collections = sorted(
            {key.partition(f"/{name}/")[0] + f"/{name}/" for key in keys if f"/{name}/" in key}
        )
        ranges = [{"key": _encoded(start), "range_end": _encoded(_end(start))} for start in collections]
        if ranges:
            self._ask("txn", {"success": [{"request_delete_range": removed} for removed in ranges]})

    def metrics(self) -> str:
        """Its metrics in Prometheus's text format."""
        with urllib.request.urlopen(f"{self._url}/metrics", timeout=10) as answer:
            text: str = answer.read().decode()
        return text

    def _ask(self, method: str, question: dict[str, Any]) -> dict[str, Any]:
        request = urllib.request.Request(f"{self._url}/v3/kv/{method}", json.dumps(question).encode())
        with urllib.request.urlopen(request, timeout=10) as answer:
            found: dict[str, Any] = json.load(answer)
        return found


def _encoded(key: str) -> str:
    return base64.b64encode(key.encode()).decode()


def _end(prefix: str) -> str:
    """The first key after all those that begin with a prefix."""
    return prefix[:-1] + chr(ord(prefix[-1]) + 1)
