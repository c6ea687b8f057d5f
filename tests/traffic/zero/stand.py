"""What all steps of ``zero`` run: a cluster, a node whose pods are stubs, the operator, and KEDA with its add-on."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from internvl_operator.manifests.labels import NAME_LABEL
from tests.cluster.control_plane import LocalCluster
from tests.cluster.custom_resources import install_crds
from tests.cluster.operators.operator_process import grant_rights, resource, spawn_operator
from tests.cluster.operators.operator_version import Patch, patched
from tests.cluster.processes import Process
from tests.cluster.waiting import Object, apply, condition, create_namespace, eventually, get, get_all
from tests.node.cluster.kube_proxy import start_kube_proxy
from tests.node.cluster.network import NodeNetwork
from tests.traffic.zero import keda
from tests.traffic.zero.kubelet import NODE, Kubelet

NAME = "captions"
NAMESPACE = "vision"
HOST = f"{NAME}.{NAMESPACE}"
LOAD_SECONDS = 2.0
HOLD_SECONDS = 60
COOLDOWN_SECONDS = 1

HURRY = (
    Patch("manifests/templates/scaledobject.yaml.j2", "pollingInterval: 15", "pollingInterval: 1"),
    Patch(
        "manifests/objects/keda/wake.py",
        "hold = download + 2 * plan.expected_start_seconds",
        f"hold = {HOLD_SECONDS}",
    ),
    Patch(
        "manifests/objects/keda/wake.py",
        "max(_SHORTEST_COOLDOWN_SECONDS, hold)",
        str(COOLDOWN_SECONDS),
    ),
)
"""The operator under test waits seconds for what takes minutes: nothing else of it is changed."""

NEWER = (Patch("__init__.py", "__version__ = ", '__version__ = "999.0"  # '),)
"""What a newer version of the operator says of itself."""

_CRDS = Path(__file__).parents[3] / "crds"
_STUB_ENVIRONMENT = {
    "STUB_ALLOW_MISSING_MODEL": "1",
    "STUB_LOAD_SECONDS": str(LOAD_SECONDS),
    "STUB_TOKEN_SECONDS": "0.01",
}


@dataclass(slots=True)
class Stand:
    """The parts.

    Attributes:
        cluster: with the resource.
        keda: its processes.
        operator: the process of this project's operator.
        url: of the interceptor.
        versions: directories of the operator under test, and of a newer one, for PYTHONPATH.
    """

    cluster: LocalCluster
    keda: keda.Keda
    operator: Process
    url: str
    versions: tuple[Path, Path]
    platform: Path

    @property
    def body(self) -> Object:
        """The resource as it is now."""
        found = get(self.cluster, "ivl", NAME, NAMESPACE)
        assert found is not None
        return found

    @property
    def replicas(self) -> int:
        """``spec.replicas``, which KEDA writes."""
        return int(self.body["spec"]["replicas"])

    @property
    def pods(self) -> list[Object]:
        """The model's pods, those that end among them."""
        return get_all(self.cluster, "pods", NAMESPACE, labelSelector=f"{NAME_LABEL}={NAME}")

    def ready(self) -> str:
        """Return what the condition Ready says."""
        ready = condition(self.body, "Ready")
        return f"{ready.get('status')}, {ready.get('reason')}: {ready.get('message')}"

    def wait_asleep(self, timeout: float = 90.0) -> None:
        """Wait until the resource has 0 replicas, and says so."""
        eventually(
            lambda: self.replicas == 0 and "ScaledToZero" in self.ready(), lambda: self.ready(), timeout
        )

    def replace_operator(self) -> None:
        """Stop the operator, and start a newer version of it in its place."""
        self.operator.stop()
        self.operator = _operator(self.cluster, "newer-operator", self.versions[1], self.platform)

    def observed(self) -> dict[str, Any]:
        """Return the generations of all that the operator or KEDA may write, and the replicas."""
        kinds = ("ivl", "deployment", "scaledobject", "interceptorroute", "service", "networkpolicy")
        found = {kind: get(self.cluster, kind, NAME, NAMESPACE) for kind in kinds}
        generations = {kind: body and body["metadata"].get("generation", 0) for kind, body in found.items()}
        return {**generations, "replicas": self.replicas}


@contextmanager
def stand() -> Iterator[Stand]:
    """Run everything, with the resource asleep."""
    keda.programs()
    ports = keda.Ports.free()
    with ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        versions = _versions(scratch)
        network = stack.enter_context(NodeNetwork(1))
        addresses = network.addresses
        cluster = LocalCluster(
            components=("kube-controller-manager", "kube-scheduler"),
            address=addresses.host,
            service_range=addresses.services,
        )
        cluster.add_user(keda.USER, keda.GROUPS)
        stack.enter_context(cluster)
        # All addresses of pods are this network's own.
        local = ["ip", "route", "add", "local", addresses.pods(0), "dev", "lo"]
        subprocess.run(["nsenter", f"--net={network.namespace}", *local], check=True)
        install_crds(cluster, *_CRDS.glob("*.yaml"))
        keda.install(cluster)
        grant_rights(cluster)
        create_namespace(cluster, NAMESPACE)
        kubelet = Kubelet(cluster, network)
        kubelet.start()
        stack.callback(kubelet.stop)
        start_kube_proxy(cluster, network, NODE)
        platform = scratch / "platform.yaml"
        interceptor, scaler = f"127.0.0.1:{ports.proxy}", f"127.0.0.1:{ports.scaler}"
        platform.write_text(yaml.safe_dump({"kedaHttp": {"interceptor": interceptor, "scaler": scaler}}))
        operator = _operator(cluster, "operator", versions[0], platform)
        apply(cluster, _resource())
        hosts = scratch / "hosts"
        hosts.write_text(f"127.0.0.1 localhost\n{_service_address(cluster)} {HOST}\n")
        processes = keda.start(cluster, ports, address=addresses.host, hosts=hosts)
        there = Stand(cluster, processes, operator, f"http://{interceptor}", versions, platform)
        there.wait_asleep()
        _wait_for_keda(cluster)
        yield there


def _versions(scratch: Path) -> tuple[Path, Path]:
    return patched(scratch / "present", *HURRY), patched(scratch / "newer", *HURRY, *NEWER)


def _operator(cluster: LocalCluster, name: str, version: Path, platform: Path) -> Process:
    environment = {"PYTHONPATH": str(version), "INTERNVL_PLATFORM_DEFAULTS": str(platform)}
    return spawn_operator(cluster, name, environment=environment)


def _resource() -> Object:
    return resource(
        NAME,
        NAMESPACE,
        size="8B",
        replicas=0,
        autoscaling={"minReplicas": 0, "maxReplicas": 2},
        engine={"env": [{"name": name, "value": value} for name, value in _STUB_ENVIRONMENT.items()]},
    )


def _service_address(cluster: LocalCluster) -> str:
    def address() -> str | None:
        service = get(cluster, "service", NAME, NAMESPACE)
        return str(service["spec"]["clusterIP"]) if service else None

    return eventually(address, "the model's Service")


def _wait_for_keda(cluster: LocalCluster) -> None:
    """Wait until KEDA watches the resource."""

    def ready() -> bool:
        return condition(get(cluster, "scaledobject", NAME, NAMESPACE), "Ready").get("status") == "True"

    def said() -> str:
        return f"KEDA calls its object ready: {condition(get(cluster, 'scaledobject', NAME, NAMESPACE), 'Ready')}"

    eventually(ready, said, 90.0)
