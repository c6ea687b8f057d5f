"""A kind cluster of two nodes that say they have GPUs, with the images of this checkout, and its tools."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.cluster.programs.binaries import locate
from tests.cluster.waiting import condition, eventually
from tests.e2e.machine.shell import ROOT, CommandError, Shell

if TYPE_CHECKING:
    from collections.abc import Sequence

Object = dict[str, Any]

NAME = "internvl-e2e"
CONTROL_PLANE, WORKER = f"{NAME}-control-plane", f"{NAME}-worker"
CONFIGURATION = """
kind: Cluster
apiVersion: kind.x-k8s.io/v1alpha4
nodes: [{role: control-plane}, {role: worker}]
"""
# With version 1 of cgroups, systemd's driver freezes a container to set its rules for devices. On a busy machine that
# is not done in time, and the container does not start.
WITHOUT_FREEZING = """
containerdConfigPatches:
- |-
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
    SystemdCgroup = false
kubeadmConfigPatches:
- |-
  apiVersion: kubelet.config.k8s.io/v1beta1
  kind: KubeletConfiguration
  cgroupDriver: cgroupfs
"""
CGROUPS_V2 = Path("/sys/fs/cgroup/cgroup.controllers")
GPUS = 16
# What GPU Feature Discovery says of a node with that many L4.
GPU_LABELS = {
    "nvidia.com/gpu.product": "NVIDIA-L4",
    "nvidia.com/gpu.memory": "23034",
    "nvidia.com/gpu.count": str(GPUS),
}
CREATE_SECONDS = 400.0
READY_SECONDS = 90.0


@dataclass(frozen=True)
class KindCluster:
    """The cluster, by its name; it exists from `create` to `delete`.

    Attributes:
        shell: Reaches the container engine.
        kubeconfig: Of its administrator.
    """

    shell: Shell
    kubeconfig: Path

    def create(self, node_image: str, images: Sequence[str]) -> None:
        """Create it, in place of one that an earlier run has left.

        Args:
            node_image: Of its nodes.
            images: That its nodes get from the container engine.
        """
        self.delete()
        wait = ("--wait", "180s", "--config", "-")
        configuration = CONFIGURATION if CGROUPS_V2.exists() else CONFIGURATION + WITHOUT_FREEZING
        self._kind("create", "cluster", "--image", node_image, *wait, given=configuration)
        self.load(*images)
        self.kubectl("taint", "nodes", CONTROL_PLANE, "node-role.kubernetes.io/control-plane-")
        labels = [f"{name}={value}" for name, value in GPU_LABELS.items()]
        self.kubectl("label", "nodes", CONTROL_PLANE, WORKER, *labels)
        for node in (CONTROL_PLANE, WORKER):
            # An extended resource needs no device plugin: the stub has no use for the device.
            capacity = {"status": {"capacity": {"nvidia.com/gpu": str(GPUS)}}}
            self.kubectl("patch", "node", node, "--subresource=status", f"--patch={json.dumps(capacity)}")

    def exists(self) -> bool:
        """Return whether it is there, and answers."""
        return NAME in self._kind("get", "clusters").split() and self.shell.succeeds(
            self._kubectl, "--kubeconfig", self.kubeconfig, "get", "nodes", seconds=10
        )

    def delete(self) -> None:
        """Delete it, or what an earlier run has left of it."""
        self._kind("delete", "cluster")

    def load(self, *images: str) -> None:
        """Bring images of the container engine to the nodes."""
        self._kind("load", "docker-image", *images)

    def kubectl(self, *arguments: str, given: str | None = None, seconds: float = 180.0) -> str:
        """Run kubectl as the administrator, and return what it printed.

        Raises:
            CommandError: It ended with an error, or not in time.
        """
        where = (self._kubectl, "--kubeconfig", self.kubeconfig)
        return self.shell.run(*where, *arguments, given=given, seconds=seconds)

    def helm(self, *arguments: str | Path, given: str | None = None) -> str:
        """Run Helm as the administrator, and return what it printed.

        Raises:
            CommandError: It ended with an error.
        """
        where = (locate(["helm"])["helm"], "--kubeconfig", self.kubeconfig)
        return self.shell.run(*where, *arguments, given=given, seconds=300.0)

    def internvl(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run this checkout's command as the administrator, outside of the cluster."""
        return subprocess.run(
            [sys.executable, "-m", "internvl_operator", *arguments],
            env={**os.environ, "KUBECONFIG": str(self.kubeconfig)},
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    def get(self, kind: str, name: str, namespace: str) -> Object | None:
        """Return an object, or None when there is none."""
        told = self.kubectl("get", kind, name, "-n", namespace, "--ignore-not-found", "-o", "json")
        found: Object | None = json.loads(told) if told else None
        return found

    def pods(self, namespace: str, selector: str = "") -> list[Object]:
        """Return the pods of a namespace that nobody has told to end."""
        told = self.kubectl("get", "pods", "-n", namespace, f"--selector={selector}", "-o", "json")
        return [pod for pod in json.loads(told)["items"] if "deletionTimestamp" not in pod["metadata"]]

    def apply(self, *manifests: Object) -> None:
        """Apply manifests."""
        listed = {"apiVersion": "v1", "kind": "List", "items": list(manifests)}
        self.kubectl("apply", "-f", "-", given=json.dumps(listed))

    def wait_ready(self, name: str, namespace: str, seconds: float = READY_SECONDS) -> Object:
        """Return a resource once it is Ready in its present generation."""

        def ready() -> Object | None:
            body = self.get("ivl", name, namespace) or {}
            told = condition(body, "Ready")
            current = told.get("observedGeneration") == body.get("metadata", {}).get("generation")
            return body if told.get("status") == "True" and current else None

        return eventually(
            ready, lambda: f"{name} is Ready; it is {self.get('ivl', name, namespace)}", seconds
        )

    @cached_property
    def _kubectl(self) -> Path:
        return locate(["kubectl"])["kubectl"]

    def _kind(self, *arguments: str, given: str | None = None) -> str:
        # Its kubeconfig is a file of its own: that of whoever runs the tests stays as it is.
        words = [*arguments, "--name", NAME] if arguments[0] != "get" else list(arguments)
        if arguments[0] in ("create", "delete"):
            words += ["--kubeconfig", str(self.kubeconfig)]
        return self.shell.run(locate(["kind"])["kind"], *words, given=given, seconds=CREATE_SECONDS)


def uids(pods: Sequence[Object]) -> set[str]:
    """Return the uids of pods: a pod that was restarted as a whole has another."""
    return {pod["metadata"]["uid"] for pod in pods}


def restarts(pods: Sequence[Object]) -> int:
    """Return how often containers of pods were restarted."""
    return sum(
        status["restartCount"] for pod in pods for status in pod["status"].get("containerStatuses", ())
    )


def what_a_person_would_look_at(cluster: KindCluster) -> str:
    """Return the pods, those that are not ready described and with their logs, and the last Events."""
    events = ("get", "events", "--all-namespaces", "--sort-by=.lastTimestamp")
    lists = [("get", kind, "--all-namespaces", "--output=wide") for kind in ("pods", "ivl")]
    parts = [_told(cluster, *command) for command in (*lists, events)]
    told = _told(cluster, "get", "pods", "--all-namespaces", "--output=json")
    for pod in json.loads(told)["items"] if told.startswith("{") else ():
        name, namespace = pod["metadata"]["name"], pod["metadata"]["namespace"]
        operator = pod["metadata"]["labels"].get("app.kubernetes.io/name") == "internvl-operator"
        if operator or not _is_well(pod):
            parts.append(_told(cluster, "describe", "pod", name, "-n", namespace))
            logs = ("logs", name, "-n", namespace, "--all-containers", "--tail=60")
            parts += [_told(cluster, *logs), _told(cluster, *logs, "--previous")]
    return "\n".join(parts)


def _is_well(pod: Object) -> bool:
    return pod["status"]["phase"] == "Succeeded" or condition(pod, "Ready").get("status") == "True"


def _told(cluster: KindCluster, *arguments: str) -> str:
    try:
        told = cluster.kubectl(*arguments, seconds=30)
    except CommandError as error:
        told = str(error).splitlines()[-1]
    # The newest of many lines are the last.
    lines = told.splitlines()[-120:] if arguments[1] == "events" else [told]
    head = f"$ kubectl {' '.join(arguments)}\n"
    return told if told.startswith("{") else head + "\n".join(lines)
