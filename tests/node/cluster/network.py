"""A network of its own for the nodes and their pods, joined to this machine by one virtual cable."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

from tests.cluster.guardian import Guardian
from tests.cluster.processes import Process

if TYPE_CHECKING:
    from types import TracebackType

# Addresses for benchmarks of networks (RFC 2544): no network that this machine talks to has them.
# Each network has 16 of their 512 blocks of 256 addresses.
BLOCKS = 16
NETWORKS = 512 // BLOCKS
# For a pod that reaches another one on its own bridge through a Service's address, the answer has to come back
# through the translation of addresses too. Kernels without the module br_netfilter lack that setting.
SETTINGS = """
echo 1 > /proc/sys/net/ipv4/ip_forward
bridges=/proc/sys/net/bridge/bridge-nf-call-iptables
[ ! -e $bridges ] || echo 1 > $bridges
"""
# A node has a route to everywhere, and so to a Service's address too, for packets whose destination kube-proxy does not
# change: it refuses those for a Service without pods on their way, and others get lost and are sent again. Without
# a route the kernel itself would answer that the network is unreachable.
NOWHERE = """
ip link add nowhere type bridge
ip link set nowhere arp off up
ip route add "$1" dev nowhere
"""


class NetworkError(RuntimeError):
    """The network could not be made; the message says what `ip` said."""


@dataclass(frozen=True, slots=True)
class Addresses:
    """Who has which address in one of the networks.

    Attributes:
        number: Of the network, from 0.
    """

    number: int

    @property
    def host(self) -> str:
        """This machine's."""
        return self._address(0, 1)

    def node(self, index: int) -> str:
        """The address of a node, counted from 0."""
        return self._address(0, 2 + index)

    def pods(self, node_index: int) -> str:
        """The subnet of a node's pods."""
        return f"{self._address(1 + node_index, 0)}/24"

    @property
    def all_pods(self) -> str:
        """The subnet of all pods, for at most six nodes."""
        return f"{self._address(0, 0)}/21"

    @property
    def services(self) -> str:
        """The addresses of Services."""
        return f"{self._address(8, 0)}/22"

    def _address(self, block: int, last: int) -> str:
        second, third = divmod(self.number * BLOCKS + block, 256)
        return f"198.{18 + second}.{third}.{last}"


class NodeNetwork:
    """A network namespace that lives as long as this program: the kernel takes it away with its last process.

    Nodes share it, as they would share a rack's network. It forwards between this machine, the nodes and their
    pods, and reaches nothing else. The name of the cable's end is what claims the network's addresses, so that
    several programs have a network each.

    Args:
        nodes: How many addresses of nodes it has.
    """

    addresses: Addresses

    def __init__(self, nodes: int) -> None:
        self._nodes = nodes

    def __enter__(self) -> Self:
        self._guardian = Guardian()
        # What `unshare` executes keeps its process id.
        command = ["unshare", "--net", "sleep", "infinity"]
        self._holder = Process("the nodes' network", command, Path(os.devnull), self._guardian, self._ready)
        try:
            self._holder.start()
            self.addresses = self._claim()
            self._join()
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    @property
    def namespace(self) -> Path:
        """The file by which `nsenter --net` enters it."""
        return Path(f"/proc/{self._holder.pid}/ns/net")

    @property
    def cable(self) -> Path:
        """This machine's end of the cable, as long as there is one."""
        return Path("/sys/class/net") / _cable(self.addresses.number)

    def _ready(self) -> bool:
        return self.namespace.readlink() != Path("/proc/self/ns/net").readlink()

    def _claim(self) -> Addresses:
        """Lay the cable: its end can be made once only under each name."""
        refusal = ""
        for number in range(NETWORKS):
            cable = ["link", "add", _cable(number), "type", "veth"]
            done = _run(["ip", *cable, "peer", "name", "uplink", "netns", str(self._holder.pid)])
            if done.returncode == 0:
                return Addresses(number)
            refusal = done.stderr.strip()
            if "exists" not in refusal:
                break
        raise NetworkError(f"ip {' '.join(cable)}: {refusal}")

    def _join(self) -> None:
        addresses, cable = self.addresses, _cable(self.addresses.number)
        self._inside("ip", "link", "set", "lo", "up")
        for index in range(self._nodes):
            self._inside("ip", "address", "add", f"{addresses.node(index)}/24", "dev", "uplink")
        self._inside("ip", "link", "set", "uplink", "up")
        self._inside("sh", "-c", SETTINGS)
        self._inside("sh", "-c", NOWHERE, "sh", addresses.services)
        _checked(["ip", "address", "add", f"{addresses.host}/24", "dev", cable])
        _checked(["ip", "link", "set", cable, "up"])
        for destination in (addresses.all_pods, addresses.services):
            _checked(["ip", "route", "add", destination, "via", addresses.node(0), "dev", cable])

    def _inside(self, *command: str) -> None:
        _checked(["nsenter", f"--net={self.namespace}", *command])

    def _stop(self) -> None:
        self._holder.stop()
        self._guardian.dismiss()


def _cable(number: int) -> str:
    return f"internvl{number}"


def _checked(command: list[str]) -> None:
    done = _run(command)
    if done.returncode != 0:
        raise NetworkError(f"{' '.join(command)}: {done.stderr.strip()}")


def _run(command: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False)
