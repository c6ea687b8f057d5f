"""What happens to a model in the course of time, and what the operator does about it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tests.cluster.waiting import condition, eventually, get, wait_ready

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.argocd.command import ArgoCD
    from tests.cluster.control_plane import LocalCluster

NAME = "captions"
SECONDS = 60.0


class Model:
    """The model of the example in one namespace.

    Args:
        cluster: Where it is.
        namespace: In which it is.
        argocd: Runs its actions.
        scratch: An empty directory.
    """

    def __init__(self, cluster: LocalCluster, namespace: str, argocd: ArgoCD, scratch: Path) -> None:
        self._cluster = cluster
        self._namespace = namespace
        self._argocd = argocd
        self._file = scratch / f"{namespace}.json"

    def events(self) -> Iterator[Callable[[], None]]:
        """One thing after the other that befalls a model, for ever; each ends when the model has settled."""
        while True:
            yield from (
                self.lose_a_pod,
                self.lose_its_service,
                self.be_edited_below,
                self.scale_up_and_down,
                self.be_suspended_and_resumed,
                self.be_restarted,
            )

    def lose_a_pod(self) -> None:
        """A pod is evicted."""
        self._kubectl("delete", "pods", f"--selector=internvl.dev/name={NAME}", "--wait=false")
        self._settle()

    def lose_its_service(self) -> None:
        """Someone deletes the Service."""
        self._kubectl("delete", "service", NAME)
        self._back("service")
        self._settle()

    def be_edited_below(self) -> None:
        """Someone edits the Deployment."""
        self._kubectl(
            "patch", "deployment", NAME, "--type=merge", '--patch={"spec": {"revisionHistoryLimit": 7}}'
        )
        self._kubectl("scale", "deployment", NAME, "--replicas=3")
        self._settle()

    def scale_up_and_down(self) -> None:
        """An autoscaler writes the scale subresource."""
        for replicas in (2, 1):
            self._kubectl("scale", f"ivl/{NAME}", f"--replicas={replicas}")
            self._settle()

    def be_suspended_and_resumed(self) -> None:
        """Someone clicks on Suspend, and later on Resume."""
        self._act("suspend")
        eventually(lambda: self._ready_reason() == "Suspended", "suspended", SECONDS)
        self._act("resume")
        self._settle()

    def be_restarted(self) -> None:
        """Someone clicks on Restart."""
        before = self._revision()
        self._act("restart")
        eventually(lambda: self._revision() != before, "a new revision", SECONDS)
        self._settle()

    def _act(self, action: str) -> None:
        """Patch the resource with what an action makes of it, as Argo CD's server does."""
        self._file.write_text(json.dumps(get(self._cluster, "ivl", NAME, self._namespace)))
        result = self._argocd.run_action(self._file, action)
        self._kubectl("patch", "ivl", NAME, "--type=merge", f"--patch={json.dumps({'spec': result['spec']})}")

    def _settle(self) -> None:
        eventually(lambda: self._ready_reason() == "Ready", f"{self._namespace} settled", SECONDS)

    def _ready_reason(self) -> str | None:
        body = wait_ready(self._cluster, NAME, self._namespace, SECONDS)
        reason: str | None = condition(body, "Ready").get("reason")
        return reason

    def _revision(self) -> str | None:
        body = get(self._cluster, "ivl", NAME, self._namespace) or {}
        revision: str | None = body.get("status", {}).get("revision")
        return revision

    def _back(self, kind: str) -> None:
        eventually(lambda: get(self._cluster, kind, NAME, self._namespace), f"the {kind}", SECONDS)

    def _kubectl(self, *arguments: str) -> None:
        self._cluster.kubectl(*arguments, "-n", self._namespace)
