"""The API server's REST interface, so that a test sees the answer itself and not what a client makes of it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import urllib3
import yaml

from internvl_operator.kube.nesting import decoded
from tests.cluster.access import REQUEST_SECONDS
from tests.cluster.apiserver.kinds import Kinds

if TYPE_CHECKING:
    from pathlib import Path

APPLY = "application/apply-patch+yaml"
JSON = "application/json"

MERGE = "application/merge-patch+json"

_WHEN_TOLD_TO_WAIT = urllib3.Retry(
    5, connect=0, read=0, allowed_methods=None, status_forcelist=[429], raise_on_status=False
)


class RefusedError(Exception):
    """The API server refused a request; the message is its own."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the API server answered.

    Attributes:
        code: HTTP status.
        body: The object, or the Status that says what is wrong.
    """

    code: int
    body: dict[str, Any]

    @property
    def accepted(self) -> bool:
        """Whether the request was carried out."""
        return self.code < 300

    @property
    def message(self) -> str:
        """What is wrong; empty when nothing is."""
        return "" if self.accepted else str(self.body.get("message", ""))

    def granted(self) -> dict[str, Any]:
        """Return the body.

        Raises:
            RefusedError: The request was refused.
        """
        if not self.accepted:
            raise RefusedError(f"{self.code}: {self.message}")
        return self.body


class Api:
    """One user's connection to the API server.

    Attributes:
        kinds: What it serves, and where.

    Args:
        kubeconfig: Which cluster, and who asks.
    """

    def __init__(self, kubeconfig: Path) -> None:
        config = yaml.safe_load(kubeconfig.read_text())
        cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
        self._server = cluster["server"]
        self._headers = {"Authorization": f"Bearer {user['token']}"}
        self._pool = urllib3.PoolManager(
            ca_certs=cluster["certificate-authority"], timeout=REQUEST_SECONDS, retries=_WHEN_TOLD_TO_WAIT
        )
        self.kinds = Kinds(self)

    def request(
        self,
        method: str,
        path: str,
        body: object = None,
        content_type: str = JSON,
        accept: str = JSON,
        **query: str,
    ) -> Answer:
        """Send one request and give the answer, also when it is a refusal.

        Args:
            method: HTTP method.
            path: With the leading slash.
            body: Sent as JSON, which is YAML too; a text as it is; None for none.
            content_type: Of the body.
            accept: The representation that is asked for.
            query: Parameters, for example ``dryRun="All"``.
        """
        response = self._pool.request(
            method,
            self._server + path + (f"?{urlencode(query)}" if query else ""),
            body=body if body is None or isinstance(body, str) else json.dumps(body),
            headers={**self._headers, "Content-Type": content_type, "Accept": accept},
        )
        # A path that the API server does not know is answered in plain text.
        is_json = response.headers.get("Content-Type", "").startswith(JSON)
        content = decoded(response.data) if is_json else {"message": response.data.decode().strip()}
        return Answer(response.status, content)

    def close(self) -> None:
        """Close the connections that are kept for the next request."""
        self._pool.clear()
