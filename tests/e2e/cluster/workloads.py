"""What the tests put into the cluster: models that run the stub, and pods that run `tests.e2e.cluster.inside`."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.cluster.operators.operator_process import resource
from tests.cluster.waiting import eventually
from tests.e2e.cluster.images import STUB
from tests.e2e.machine.shell import ROOT

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.e2e.cluster.kind_cluster import KindCluster, Object

PORT = 23333
CLAIM = "models"
# The plan's are those of a real engine on a machine for it.
SMALL = {"cpu": "10m", "memory": "96Mi", "ephemeral-storage": "16Mi"}
FILES = ("tests/e2e/cluster/inside.py", "tests/node/client.py", "tests/fake_hub.py")
RESTRICTED = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}


def model(name: str, namespace: str, **spec: Any) -> Object:
    """A resource of size 1B that runs the stub on an empty claim, unless the spec says otherwise."""
    engine = {"image": STUB, "env": [{"name": "STUB_ALLOW_MISSING_MODEL", "value": "1"}]}
    source = {"persistentVolumeClaim": {"name": CLAIM}}
    small = {"resources": {"requests": SMALL}}
    return resource(
        name, namespace, **{"engine": engine, "model": {"source": source}, "podTemplate": small, **spec}
    )


def namespace_with_models(name: str, labels: Mapping[str, str] | None = None) -> list[Object]:
    """A namespace, and in it a claim on a directory that every node has."""
    metadata = {"name": CLAIM, "namespace": name}
    size = {"storage": "1Gi"}
    shared = {"accessModes": ["ReadWriteMany"], "storageClassName": ""}
    return [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": dict(labels or {})}},
        {
            "apiVersion": "v1",
            "kind": "PersistentVolume",
            "metadata": {"name": f"{name}-{CLAIM}"},
            "spec": {
                **shared,
                "capacity": size,
                "hostPath": {"path": "/var/models", "type": "DirectoryOrCreate"},
                "claimRef": metadata,
            },
        },
        {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": metadata,
            "spec": {**shared, "resources": {"requests": size}, "volumeName": f"{name}-{CLAIM}"},
        },
        program_files(name),
    ]


def remove_namespace(cluster: KindCluster, name: str) -> None:
    """Begin to delete a namespace of `namespace_with_models`; nobody waits for its pods to end."""
    cluster.kubectl("delete", "namespace", name, "--wait=false", "--ignore-not-found")
    cluster.kubectl("delete", "persistentvolume", f"{name}-{CLAIM}", "--wait=false", "--ignore-not-found")


def program_files(namespace: str) -> Object:
    """The ConfigMap with the files of `tests.e2e.cluster.inside`."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "programs", "namespace": namespace},
        "data": {file.replace("/", "."): (ROOT / file).read_text() for file in FILES},
    }


def pod(name: str, namespace: str, *arguments: str, labels: Mapping[str, str] | None = None) -> Object:
    """A pod that runs `tests.e2e.cluster.inside` with arguments or, without any, waits for `kubectl exec`."""
    command = (
        ["python3", "-m", "tests.e2e.cluster.inside", *arguments] if arguments else ["sleep", "infinity"]
    )
    items = [{"key": file.replace("/", "."), "path": file} for file in FILES]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace, "labels": dict(labels or {"app": name})},
        "spec": {
            # A busy machine fails to start a container now and then; without a second attempt the pod is lost.
            "restartPolicy": "OnFailure",
            "terminationGracePeriodSeconds": 1,
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": 1000,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "containers": [
                {
                    "name": "python",
                    "image": STUB,
                    "command": command,
                    "env": [{"name": "PYTHONPATH", "value": "/programs"}],
                    "securityContext": RESTRICTED,
                    "volumeMounts": [{"name": "programs", "mountPath": "/programs"}],
                }
            ],
            "volumes": [{"name": "programs", "configMap": {"name": "programs", "items": items}}],
        },
    }


@dataclass(frozen=True, slots=True)
class Client:
    """A pod that asks from inside the cluster.

    Attributes:
        cluster: Where it runs.
        namespace: In which it runs.
        name: Of the pod.
    """

    cluster: KindCluster
    namespace: str
    name: str = "client"

    def wait(self) -> None:
        """Wait until it runs."""
        self.cluster.kubectl(
            "wait", "--for=condition=Ready", f"pod/{self.name}", "-n", self.namespace, "--timeout=90s"
        )

    def wait_serving(self, name: str) -> Object:
        """Return a resource of its namespace once it is Ready, and kube-proxy leads here to a pod of it.

        kube-proxy hears of a pod that is ready on its own, as the operator does.
        """
        body = self.cluster.wait_ready(name, self.namespace)
        target = f"{name}:{PORT}"
        eventually(lambda: self.inside("reach", target)[target] == "in", f"{target} leads to a pod", 30)
        return body

    def inside(self, *arguments: str) -> Any:
        """Run `tests.e2e.cluster.inside` in it, and return what it prints."""
        program = ("--", "python3", "-m", "tests.e2e.cluster.inside", *arguments)
        return json.loads(self.cluster.kubectl("exec", self.name, "-n", self.namespace, *program))

    def ask(self, target: str, *options: str) -> dict[str, Any]:
        """Ask a model, given as HOST:PORT, and return how the request ended."""
        answer: dict[str, Any] = self.inside("ask", target, *options)
        return answer


@dataclass(frozen=True, slots=True)
class Traffic:
    """A pod that asks without a pause, from `start` to `stop`.

    Attributes:
        cluster: Where it runs.
        namespace: In which it runs.
    """

    cluster: KindCluster
    namespace: str
    name: str = "traffic"

    def start(self, *targets: str) -> None:
        """Begin to ask models, each given as HOST:PORT, by a client for each."""
        self.cluster.apply(pod(self.name, self.namespace, "traffic", *targets))
        wait = ("wait", "--for=condition=Ready", f"pod/{self.name}", "-n", self.namespace, "--timeout=90s")
        self.cluster.kubectl(*wait)
        logs = ("logs", self.name, "-n", self.namespace)
        eventually(lambda: "asking" in self.cluster.kubectl(*logs), "the first request", 60)

    def stop(self) -> dict[str, Any]:
        """End it, and return the number of its requests, and what went wrong with those that failed."""
        where = (self.name, "-n", self.namespace)
        end = "import os, signal; os.kill(1, signal.SIGTERM)"
        self.cluster.kubectl("exec", *where, "--", "python3", "-c", end)
        finished = ("--for=jsonpath={.status.phase}=Succeeded", "--timeout=90s")
        self.cluster.kubectl("wait", f"pod/{self.name}", "-n", self.namespace, *finished)
        summary: dict[str, Any] = json.loads(self.cluster.kubectl("logs", *where).splitlines()[-1])
        self.cluster.kubectl("delete", "pod", *where, "--wait=false")
        return summary
