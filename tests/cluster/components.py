"""Command lines and health checks of the control plane's processes."""

from __future__ import annotations

import random
import socket
import ssl
import urllib.request
from dataclasses import dataclass, field
from http.client import HTTPException
from typing import TYPE_CHECKING

from tests.cluster.simulated_nodes import KWOK_NODE_ANNOTATION

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

# Below Linux's range for outgoing connections (32768 and up): a client that keeps calling a stopped
# server's port could otherwise be given that very port for its own end, and block the restart.
PORTS = range(20000, 32000)
HEALTH_SECONDS = 1.0
LOOPBACK = "127.0.0.1"
SERVICE_RANGE = "10.96.0.0/16"

ENVIRONMENT = {"GOGC": "400", "GOMEMLIMIT": "1GiB"}
"""Go's garbage collector took half of the CPU of a start, and a quarter of that of the work: memory is cheaper here."""

_claims: list[socket.socket] = []
"""Of the ports that this program was given; the kernel lets go of them when it ends."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Where one cluster keeps its files and listens."""

    directory: Path
    address: str
    service_range: str
    etcd_port: int
    etcd_peer_port: int
    api_server_port: int
    controller_manager_port: int
    scheduler_port: int
    kwok_port: int

    @property
    def server(self) -> str:
        """URL of the API server."""
        return f"https://{self.address}:{self.api_server_port}"

    @property
    def certificate_authority(self) -> Path:
        """Written by kube-apiserver when it first starts; the last certificate in it is its own CA."""
        return self.certificates("kube-apiserver") / "apiserver.crt"

    @property
    def audit_log(self) -> Path:
        """Written by kube-apiserver when an audit policy is given."""
        return self.directory / "audit.log"

    @property
    def service_account_key(self) -> Path:
        """Signs service account tokens."""
        return self.directory / "service-account.key"

    def health_url(self, component: str) -> str:
        """Answers 200 when the component serves."""
        return {
            "etcd": f"http://127.0.0.1:{self.etcd_port}/readyz",
            "kube-controller-manager": f"https://127.0.0.1:{self.controller_manager_port}/healthz",
            "kube-scheduler": f"https://127.0.0.1:{self.scheduler_port}/healthz",
            "kwok": f"http://127.0.0.1:{self.kwok_port}/healthz",
        }[component]

    def certificates(self, component: str) -> Path:
        """Where a component keeps its self-signed certificate."""
        return self.directory / component


@dataclass(frozen=True, slots=True)
class ApiServerFiles:
    """What kube-apiserver reads at its start."""

    tokens: Path
    audit_policy: Path | None = None
    feature_gates: Mapping[str, bool] = field(default_factory=dict)
    flags: Sequence[str] = ()


def new_layout(directory: Path, address: str = LOOPBACK, service_range: str = SERVICE_RANGE) -> Layout:
    """A layout on ports that are free now; the API server alone listens on the address."""
    return Layout(directory, address, service_range, *free_ports(6))


def free_ports(count: int) -> list[int]:
    """Free TCP ports of 127.0.0.1 that no other run is given before this program ends."""
    free: list[int] = []
    for port in random.sample(PORTS, len(PORTS)):
        if _is_silent(port) and _claim(port):
            free.append(port)
        if len(free) == count:
            return free
    raise RuntimeError(f"fewer than {count} free ports between {PORTS.start} and {PORTS.stop}")


def _is_silent(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((LOOPBACK, port)) != 0


def _claim(port: int) -> bool:
    """Hold the UDP port of the same number, which one program can at a time: the TCP port is for a child to bind."""
    claim = socket.socket(type=socket.SOCK_DGRAM)
    try:
        claim.bind((LOOPBACK, port))
    except OSError:
        claim.close()
        return False
    _claims.append(claim)
    return True


def etcd(layout: Layout) -> list[str]:
    """Arguments of etcd, without durability: a cluster for tests does not outlive a power cut."""
    client, peer = (f"http://127.0.0.1:{port}" for port in (layout.etcd_port, layout.etcd_peer_port))
    return [
        f"--data-dir={layout.directory / 'etcd'}",
        f"--listen-client-urls={client}",
        f"--advertise-client-urls={client}",
        f"--listen-peer-urls={peer}",
        f"--initial-advertise-peer-urls={peer}",
        f"--initial-cluster=default={peer}",
        "--unsafe-no-fsync",
        "--log-level=warn",
    ]


def api_server(layout: Layout, files: ApiServerFiles) -> list[str]:
    """Arguments of kube-apiserver: RBAC and static tokens, no service account tokens in pods."""
    arguments = [
        f"--etcd-servers=http://127.0.0.1:{layout.etcd_port}",
        f"--secure-port={layout.api_server_port}",
        f"--bind-address={layout.address}",
        f"--advertise-address={layout.address}",
        # A loopback address is not valid in the Endpoints of the Service kubernetes, which nobody uses here.
        "--endpoint-reconciler-type=none",
        f"--cert-dir={layout.certificates('kube-apiserver')}",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-account-key-file={layout.service_account_key}",
        f"--service-account-signing-key-file={layout.service_account_key}",
        "--authorization-mode=RBAC",
        f"--token-auth-file={files.tokens}",
        f"--service-cluster-ip-range={layout.service_range}",
        "--allow-privileged=true",
        "--disable-admission-plugins=ServiceAccount",
        # Names of nodes are not resolved.
        "--kubelet-preferred-address-types=InternalIP",
        # Else watches hold up SIGTERM for a minute.
        "--shutdown-watch-termination-grace-period=1s",
    ]
    if files.audit_policy is not None:
        arguments += [
            f"--audit-policy-file={files.audit_policy}",
            f"--audit-log-path={layout.audit_log}",
            # One file for the whole run: 10 GB before it is rotated.
            "--audit-log-maxsize=10000",
        ]
    if files.feature_gates:
        gates = ",".join(f"{gate}={str(on).lower()}" for gate, on in sorted(files.feature_gates.items()))
        arguments.append(f"--feature-gates={gates}")
    return [*arguments, *files.flags]


def controller_manager(layout: Layout, kubeconfig: Path) -> list[str]:
    """Arguments of kube-controller-manager."""
    return [
        f"--kubeconfig={kubeconfig}",
        f"--service-account-private-key-file={layout.service_account_key}",
        "--use-service-account-credentials=false",
        "--leader-elect=false",
        "--kube-api-qps=500",
        "--kube-api-burst=1000",
        "--bind-address=127.0.0.1",
        f"--secure-port={layout.controller_manager_port}",
        f"--cert-dir={layout.certificates('kube-controller-manager')}",
    ]


def scheduler(layout: Layout, kubeconfig: Path) -> list[str]:
    """Arguments of kube-scheduler."""
    return [
        f"--kubeconfig={kubeconfig}",
        "--leader-elect=false",
        "--bind-address=127.0.0.1",
        f"--secure-port={layout.scheduler_port}",
        f"--cert-dir={layout.certificates('kube-scheduler')}",
    ]


def kwok(layout: Layout, kubeconfig: Path, stages: Sequence[Path]) -> list[str]:
    """Arguments of kwok, which plays the kubelets of the annotated nodes by the given stages."""
    return [
        f"--kubeconfig={kubeconfig}",
        *(f"--config={stage}" for stage in stages),
        "--manage-all-nodes=false",
        f"--manage-nodes-with-annotation-selector={KWOK_NODE_ANNOTATION}",
        # Without Leases a restarted kwok need not wait until those of its last run expire.
        "--node-lease-duration-seconds=0",
        # Documentation addresses (RFC 5737) for nodes, private ones for pods: nothing listens there.
        "--node-ip=192.0.2.1",
        "--cidr=10.64.0.0/12",
        f"--server-address=127.0.0.1:{layout.kwok_port}",
    ]


def healthy(url: str) -> bool:
    """Whether a component's health URL answers 200; its self-signed certificate is not verified."""
    try:
        with urllib.request.urlopen(url, timeout=HEALTH_SECONDS, context=ssl._create_unverified_context()):
            return True
    except (OSError, HTTPException):
        return False
