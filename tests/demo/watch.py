"""Follows the resources by a watch of the Kubernetes API."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from kubernetes import client, config, watch
from urllib3.exceptions import HTTPError

from internvl_operator.api.v1alpha1 import GROUP, PLURAL, VERSION
from tests.demo.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

# After each the caller gets a look at the clock and at the operator's process.
WATCH_SECONDS = 2


class WatchError(RuntimeError):
    """The API server does not answer, or refuses."""


class ResourceWatch:
    """What is known of the InternVLDeployments of a namespace, kept up to date by `states`.

    Args:
        kubeconfig: Of the cluster.
        namespace: Of the resources.
    """

    def __init__(self, kubeconfig: Path, namespace: str = "default") -> None:
        untyped_config: Any = config
        self._api = client.CustomObjectsApi(untyped_config.new_client_from_config(str(kubeconfig)))
        self._namespace = namespace
        self._resources: dict[str, Progress] = {}

    def states(self) -> Iterator[Mapping[str, Progress]]:
        """The resources by name, after each change and at least every WATCH_SECONDS, for ever.

        Raises:
            WatchError: The API server refuses the watch or is gone.
        """
        while True:
            try:
                for event in self._events():
                    self._see(event["type"], event["object"])
                    yield self._resources
            except (client.ApiException, HTTPError) as error:
                raise WatchError(f"The resources cannot be watched: {error}") from error
            yield self._resources

    def _events(self) -> Iterator[dict[str, Any]]:
        untyped_watch: Any = watch
        # A watch without a resourceVersion begins with everything there is.
        events: Iterator[dict[str, Any]] = untyped_watch.Watch().stream(
            self._api.list_namespaced_custom_object,
            GROUP,
            VERSION,
            self._namespace,
            PLURAL,
            timeout_seconds=WATCH_SECONDS,
        )
        return events

    def _see(self, change: str, body: Mapping[str, Any]) -> None:
        name, now = body["metadata"]["name"], time.monotonic()
        if change == "DELETED":
            self._resources.pop(name, None)
        else:
            self._resources[name] = self._resources.get(name, Progress(body, now)).seen(body, now)
