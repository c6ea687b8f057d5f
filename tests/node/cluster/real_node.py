"""A node with a kubelet, containerd and runc: its pods are processes of this machine."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Self

from tests.cluster.components import healthy
from tests.cluster.guardian import Guardian
from tests.cluster.processes import Process
from tests.cluster.programs.binaries import locate
from tests.cluster.waiting import condition, delete, eventually, get, patch
from tests.node.cluster import cgroups, node_files, pause
from tests.node.cluster.stub_image import PAUSE_IMAGE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from types import TracebackType

    from tests.cluster.control_plane import LocalCluster
    from tests.cluster.waiting import Object
    from tests.node.cluster.network import NodeNetwork

SHIM = "containerd-shim-runc-v2"
CNI_PROGRAMS = ("bridge", "host-local")
PROGRAMS = ("kubelet", "containerd", SHIM, "ctr", "runc", *CNI_PROGRAMS)
READY_SECONDS = 60.0
# Everything that the node mounts and writes lies on file systems that nobody else sees, and that go with it.
PREPARE = """set -e
mount --make-rshared /
mount -t proc proc /proc
for private in /run /var/log "$1"; do mount -t tmpfs tmpfs "$private"; done
mkdir "$1/network" "$1/volume-plugins"
: > "$1/resolv.conf"
: > "$1/ready"
exec "$2" -I -S "$3"
"""


class RealNode:
    """A node that the kernel takes away as a whole.

    It is a namespace of processes and one of mounts: when its first process ends, however that comes about, all
    its processes are killed, and its mounts go with the last of them. Its control groups are left to a guardian.

    Args:
        cluster: That it joins; it must reach the API server at an address of the network.
        network: That it and its pods are in.
        index: Which of the network's nodes it is, from 0.
        labels: Of the node.
        images: Archive with the images that its pods may have.
    """

    def __init__(
        self,
        cluster: LocalCluster,
        network: NodeNetwork,
        index: int,
        labels: Mapping[str, str],
        images: Path,
    ) -> None:
        self.name = f"real-{index}"
        self._cluster = cluster
        self._network = network
        self._index = index
        self._labels = labels
        self._images = images
        self._address = network.addresses.node(index)
        self._cgroup = f"internvl{network.addresses.number}-{index}-{os.getpid()}"
        self._directory = cluster.directory / "nodes" / self.name
        self._processes: list[Process] = []

    def __enter__(self) -> Self:
        self._programs = locate(PROGRAMS)
        self._directory.mkdir(parents=True)
        cgroups.create(self._cgroup)
        self._guardian = Guardian(*self.control_groups)
        try:
            self._start()
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()
        delete(self._cluster, "node", self.name)

    @property
    def control_groups(self) -> list[Path]:
        """Directories of the control groups of its pods, in each hierarchy."""
        return cgroups.directories(self._cgroup)

    @property
    def init_pid(self) -> int:
        """The node's first process; its files are below /proc/PID/root.

        Raises:
            ProcessError: The node has not been started.
        """
        parent = self._processes[0].pid
        children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
        return int(children[0]) if children else 0

    def run(self, *command: str) -> str:
        """Run a command among the node's processes and give what it printed.

        Raises:
            RuntimeError: It ended with an error; the message is what it printed.
        """
        done = subprocess.run(
            self._inside(command), capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL
        )
        if done.returncode != 0:
            raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip()}")
        return done.stdout

    def ctr(self, *arguments: str) -> str:
        """Run containerd's client on the images and containers of pods."""
        return self.run(
            str(self._programs["ctr"]),
            f"--address={node_files.CONTAINERD_SOCKET}",
            "--namespace=k8s.io",
            *arguments,
        )

    def kill(self, pod: Object, container: str) -> None:
        """Send SIGKILL to the first process of a container, as the kernel does when memory runs out."""
        statuses = [*pod["status"].get("initContainerStatuses", ()), *pod["status"]["containerStatuses"]]
        (status,) = (item for item in statuses if item["name"] == container)
        wanted = status["containerID"].removeprefix("containerd://")
        tasks = dict(line.split()[:2] for line in self.ctr("tasks", "list").splitlines())
        self.run("kill", "-KILL", tasks[wanted])

    def set_gpus(self, count: int) -> None:
        """Offer GPUs to the scheduler, without a device plugin: the kubelet keeps what it does not know."""
        capacity = {"nvidia.com/gpu": str(count)}
        patch(self._cluster, "node", self.name, "", {"status": {"capacity": capacity}}, "status")

        def allocatable() -> bool:
            node = get(self._cluster, "node", self.name, "") or {}
            return bool(node["status"]["allocatable"].get("nvidia.com/gpu") == str(count))

        eventually(allocatable, f"{count} GPUs allocatable on {self.name}", READY_SECONDS)

    def _start(self) -> None:
        self._start_first_process()
        self._write_files()
        self.containerd = self._start_process(
            "containerd", self._containerd_command(), self._containerd_ready
        )
        self.ctr("images", "import", str(self._images))
        self.kubelet = self._start_process("kubelet", self._kubelet_command(), self._kubelet_ready)
        eventually(self._is_ready, f"{self.name} Ready", READY_SECONDS)

    def _is_ready(self) -> bool:
        node = get(self._cluster, "node", self.name, "")
        return bool(condition(node, "Ready").get("status") == "True")

    def _start_first_process(self) -> None:
        spaces = ["unshare", "--fork", "--kill-child", "--pid", "--mount", "--uts", "--ipc"]
        prepare = ["sh", "-c", PREPARE, "sh", str(self._directory), sys.executable, pause.__file__]
        enter = ["nsenter", f"--net={self._network.namespace}"]
        self._add("first-process", [*enter, *spaces, "--", *prepare], self._prepared).start()

    def _prepared(self) -> bool:
        return self.init_pid != 0 and (self._own_files() / "ready").exists()

    def _own_files(self) -> Path:
        """The node's directory as the node sees it."""
        return Path(f"/proc/{self.init_pid}/root{self._directory}")

    def _write_files(self) -> None:
        programs, directory, addresses = self._programs, self._directory, self._network.addresses
        plugins = [programs[name] for name in CNI_PROGRAMS]
        subnet = addresses.pods(self._index)
        for file, content in {
            "containerd.toml": node_files.containerd(directory, programs["runc"], plugins, PAUSE_IMAGE),
            "network/pods.conflist": node_files.pod_network(directory, f"pods{self._index}", subnet),
            "kubelet.yaml": node_files.kubelet(directory, self._address, f"/{self._cgroup}"),
        }.items():
            (self._own_files() / file).write_text(content)

    def _containerd_command(self) -> list[str]:
        return [str(self._programs["containerd"]), f"--config={self._directory / 'containerd.toml'}"]

    def _containerd_ready(self) -> bool:
        try:
            self.ctr("version")
        except RuntimeError:
            return False
        return True

    def _kubelet_command(self) -> list[str]:
        labels = ",".join(f"{name}={value}" for name, value in self._labels.items())
        return [
            str(self._programs["kubelet"]),
            f"--config={self._directory / 'kubelet.yaml'}",
            f"--kubeconfig={self._cluster.kubeconfig('kubelet')}",
            f"--hostname-override={self.name}",
            f"--node-ip={self._address}",
            f"--node-labels={labels}",
            f"--root-dir={self._directory / 'kubelet'}",
            f"--cert-dir={self._directory / 'certificates'}",
        ]

    def _kubelet_ready(self) -> bool:
        health = f"http://{self._address}:{node_files.KUBELET_HEALTH_PORT}/healthz"
        return healthy(health) and get(self._cluster, "node", self.name, "") is not None

    def _start_process(self, name: str, command: Sequence[str], ready: Callable[[], bool]) -> Process:
        process = self._add(name, self._inside(command), ready)
        process.start()
        return process

    def _inside(self, command: Sequence[str]) -> list[str]:
        spaces = ["--pid", "--mount", "--net", "--uts", "--ipc"]
        return ["nsenter", f"--target={self.init_pid}", *spaces, "--", *command]

    def _add(self, name: str, command: Sequence[str], ready: Callable[[], bool]) -> Process:
        path = os.pathsep.join([str(self._programs[SHIM].parent), os.environ["PATH"]])
        log = self._cluster.log_file(f"{self.name}-{name}")
        process = Process(
            f"{name} of {self.name}", command, log, self._guardian, ready, {**os.environ, "PATH": path}
        )
        self._processes.append(process)
        return process

    def _stop(self) -> None:
        for process in self._processes[1:]:
            process.kill()
        for process in self._processes[:1]:
            process.stop()
        self._guardian.dismiss()
