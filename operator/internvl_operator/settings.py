"""The operator's own settings, read once from environment variables ``INTERNVL_*``."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf, nan
from typing import Self


@dataclass(frozen=True, slots=True)
class LeaseSettings:
    """The lease that several replicas share, of which its holder works.

    Args:
        name: name of the Lease (INTERNVL_LEASE_NAME; empty: one replica, no lease).
        namespace: its namespace, which is the operator's own (INTERNVL_LEASE_NAMESPACE).
        seconds: longest time until a standby takes over from a leader that died (INTERNVL_LEASE_SECONDS).
    """

    name: str
    namespace: str
    seconds: int = 15

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Self | None:
        """Return the settings of an environment, or None when it names no lease.

        Raises:
            ValueError: a variable is missing or not what it should be; the message names it.
        """
        if not (name := environment.get("INTERNVL_LEASE_NAME")):
            return None
        if not (namespace := environment.get("INTERNVL_LEASE_NAMESPACE")):
            raise ValueError(
                "INTERNVL_LEASE_NAME needs INTERNVL_LEASE_NAMESPACE, the operator's own namespace"
            )
        return cls(name, namespace, _whole(environment, "INTERNVL_LEASE_SECONDS", cls("", "").seconds, 3600))


@dataclass(frozen=True, slots=True)
class Settings:
    """How this installation runs.

    Args:
        namespaces: namespaces to watch; empty means all (INTERNVL_NAMESPACES, separated by commas).
        default_gpu: GPU product to plan for when no node has a usable GPU (INTERNVL_DEFAULT_GPU).
        inventory: GPU products and how many of them the largest node has; given, no node is read
            (INTERNVL_INVENTORY, for example NVIDIA-L4=8,NVIDIA-A100-SXM4-80GB=8).
        http_port: port of health and metrics (INTERNVL_HTTP_PORT).
        workers: resources reconciled at once (INTERNVL_WORKERS).
        relist_seconds: seconds between two full lists, which find what a broken watch missed
            (INTERNVL_RELIST_SECONDS).
        nodes_ttl_seconds: seconds for which a list of the nodes is used again (INTERNVL_NODES_TTL_SECONDS).
        lease: the lease of an installation of several replicas; None for a single one.
        platform_defaults: file with the defaults for the models' pods (INTERNVL_PLATFORM_DEFAULTS).
    """

    namespaces: tuple[str, ...] = ()
    default_gpu: str | None = None
    inventory: tuple[tuple[str, int], ...] = ()
    http_port: int = 8080
    workers: int = 16
    relist_seconds: float = 600.0
    nodes_ttl_seconds: float = 60.0
    lease: LeaseSettings | None = None
    platform_defaults: str | None = None

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Self:
        """Return the settings of an environment.

        Raises:
            ValueError: a variable is not what it should be; the message names it.
        """
        default = cls()
        return cls(
            namespaces=tuple(
                name for name in environment.get("INTERNVL_NAMESPACES", "").replace(",", " ").split() if name
            ),
            default_gpu=environment.get("INTERNVL_DEFAULT_GPU") or default.default_gpu,
            inventory=_inventory(environment.get("INTERNVL_INVENTORY", "")),
            http_port=_whole(environment, "INTERNVL_HTTP_PORT", default.http_port, 65535),
            workers=_whole(environment, "INTERNVL_WORKERS", default.workers, 1000),
            relist_seconds=_seconds(environment, "INTERNVL_RELIST_SECONDS", default.relist_seconds, 1.0),
            nodes_ttl_seconds=_seconds(
                environment, "INTERNVL_NODES_TTL_SECONDS", default.nodes_ttl_seconds, 0.0
            ),
            lease=LeaseSettings.from_environment(environment),
            platform_defaults=environment.get("INTERNVL_PLATFORM_DEFAULTS") or default.platform_defaults,
        )


def _whole(environment: Mapping[str, str], name: str, default: int, most: int) -> int:
    text = environment.get(name) or str(default)
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= most):
        raise ValueError(f"{name} must be a whole number from 1 to {most}, not {text!r}")
    return int(text)


def _seconds(environment: Mapping[str, str], name: str, default: float, least: float) -> float:
    text = environment.get(name) or str(default)
    try:
        seconds = float(text)
    except ValueError:
        seconds = nan
    if not least <= seconds < inf:
        raise ValueError(f"{name} must be at least {least:g} seconds, not {text!r}")
    return seconds


def _inventory(text: str) -> tuple[tuple[str, int], ...]:
    pools = []
    for entry in filter(None, text.replace(",", " ").split()):
        product, _, count = entry.partition("=")
        if not product or not count.isdigit() or int(count) < 1:
            raise ValueError(f"INTERNVL_INVENTORY: {entry!r} is not PRODUCT=COUNT, such as NVIDIA-L4=8")
        pools.append((product, int(count)))
    return tuple(pools)
