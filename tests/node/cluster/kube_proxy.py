"""kube-proxy in the network of the nodes: a Service's address leads to its pods, from them and from this machine."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from tests.cluster.components import healthy
from tests.cluster.programs.binaries import cache_directory, locate
from tests.cluster.programs.debian_packages import unpack

if TYPE_CHECKING:
    from tests.cluster.control_plane import LocalCluster
    from tests.cluster.processes import Process
    from tests.node.cluster.network import NodeNetwork

HEALTH_PORT = 10256
METRICS_PORT = 10249
# The program nft, and the libraries that are not part of every installation.
NFT_PACKAGES = (
    "nftables",
    "libnftables1",
    "libnftnl11",
    "libmnl0",
    "libjansson4",
    "libxtables12",
    "libedit2",
    "libbsd0",
    "libmd0",
    "libgmp10",
)


def start_kube_proxy(cluster: LocalCluster, network: NodeNetwork, node: str) -> Process:
    """Start kube-proxy, which ends with the cluster; its rules go with the network.

    Args:
        cluster: That it serves.
        network: One for all the nodes, and so one kube-proxy for all.
        node: Whose name it goes by.
    """
    program = locate(["kube-proxy"])["kube-proxy"]
    address = network.addresses.node(0)
    configuration = cluster.directory / "kube-proxy.yaml"
    configuration.write_text(
        yaml.safe_dump(
            {
                "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
                "kind": "KubeProxyConfiguration",
                "mode": "nftables",
                "hostnameOverride": node,
                "bindAddress": address,
                "clusterCIDR": network.addresses.all_pods,
                "clientConnection": {"kubeconfig": str(cluster.kubeconfig("kube-proxy"))},
                "healthzBindAddress": f"{address}:{HEALTH_PORT}",
                "metricsBindAddress": f"{address}:{METRICS_PORT}",
                "nftables": {"minSyncPeriod": "0s"},
                # The limits of connection tracking are this machine's, not the network's.
                "conntrack": {
                    "maxPerCore": 0,
                    "min": 0,
                    "tcpEstablishedTimeout": "0s",
                    "tcpCloseWaitTimeout": "0s",
                },
            }
        )
    )
    return cluster.spawn(
        "kube-proxy",
        ["nsenter", f"--net={network.namespace}", str(program), f"--config={configuration}"],
        _environment_with_nft(),
        lambda: healthy(f"http://{address}:{HEALTH_PORT}/healthz"),
    )


def _environment_with_nft() -> dict[str, str]:
    """This environment, in which `nft` is found: the installed one, else Debian's, unpacked into the cache."""
    if shutil.which("nft"):
        return dict(os.environ)
    root = cache_directory(os.environ).parent / "nftables"
    if not root.exists():
        root.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".incomplete-", dir=root.parent) as scratch:
            unpacked = Path(scratch) / "root"
            unpack(NFT_PACKAGES, unpacked)
            unpacked.replace(root)
    libraries = sorted({str(library.parent) for library in root.glob("**/lib*.so.*")})
    return {
        **os.environ,
        "PATH": f"{root / 'usr/sbin'}:{os.environ['PATH']}",
        "LD_LIBRARY_PATH": ":".join(libraries),
    }
