"""The configuration files of a real node: containerd, its pod network, and the kubelet."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

CONTAINERD_SOCKET = "/run/containerd/containerd.sock"
KUBELET_HEALTH_PORT = 10248


def containerd(directory: Path, runc: Path, plugins: Iterable[Path], pause_image: str) -> str:
    """Content of containerd's configuration.

    Args:
        directory: Where it keeps its data.
        runc: The program that starts containers.
        plugins: The programs of the pod network.
        pause_image: Image that holds a pod's namespaces.
    """
    return f"""version = 3
root = {_toml(directory / "root")}
state = {_toml(directory / "state")}
disabled_plugins = ["io.containerd.internal.v1.opt"]

[grpc]
address = {_toml(CONTAINERD_SOCKET)}

[plugins.'io.containerd.nri.v1.nri']
disable = true

[plugins.'io.containerd.cri.v1.images'.pinned_images]
sandbox = {_toml(pause_image)}

[plugins.'io.containerd.cri.v1.runtime']
# Without CAP_SYS_RESOURCE a process cannot be made less likely to be killed than its parent.
restrict_oom_score_adj = true
netns_mounts_under_state_dir = true

[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"

[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc.options]
BinaryName = {_toml(runc)}
SystemdCgroup = false

[plugins.'io.containerd.cri.v1.runtime'.cni]
bin_dirs = [{", ".join(_toml(plugin.parent) for plugin in plugins)}]
conf_dir = {_toml(directory / "network")}
use_internal_loopback = true
"""


def pod_network(directory: Path, bridge: str, subnet: str) -> str:
    """Content of the configuration of a node's pod network: a bridge that forwards to everyone else."""
    network = {
        "cniVersion": "1.0.0",
        "name": "pods",
        "plugins": [
            {
                "type": "bridge",
                "bridge": bridge,
                "isGateway": True,
                "hairpinMode": True,
                "ipam": {
                    "type": "host-local",
                    "ranges": [[{"subnet": subnet}]],
                    "routes": [{"dst": "0.0.0.0/0"}],
                    "dataDir": str(directory / "addresses"),
                },
            }
        ],
    }
    return json.dumps(network)


def kubelet(directory: Path, address: str, cgroup: str) -> str:
    """Content of the kubelet's configuration.

    Args:
        directory: Where it keeps its data.
        address: Of the node; it serves there.
        cgroup: The control group of all its pods.
    """
    configuration: dict[str, Any] = {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": address,
        "healthzBindAddress": address,
        "healthzPort": KUBELET_HEALTH_PORT,
        # Its port can be reached from this machine only, which owns it anyway.
        "authentication": {"anonymous": {"enabled": True}, "webhook": {"enabled": False}},
        "authorization": {"mode": "AlwaysAllow"},
        "containerRuntimeEndpoint": f"unix://{CONTAINERD_SOCKET}",
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": cgroup,
        "failCgroupV1": False,
        "failSwapOn": False,
        "enforceNodeAllocatable": [],
        # The disk belongs to this machine: how full it is says nothing about the node.
        "evictionHard": {},
        "imageGCHighThresholdPercent": 100,
        "podLogsDir": str(directory / "pod-logs"),
        "volumePluginDir": str(directory / "volume-plugins"),
        # No name is resolved in pods.
        "resolvConf": str(directory / "resolv.conf"),
        "nodeStatusUpdateFrequency": "2s",
        "serializeImagePulls": False,
    }
    return yaml.safe_dump(configuration, sort_keys=False)


def _toml(value: object) -> str:
    # TOML's basic strings are JSON's.
    return json.dumps(str(value))
