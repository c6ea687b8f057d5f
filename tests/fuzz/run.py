"""Reconciles random resources on random nodes, each made, edited and brought back, and counts what goes wrong."""

from __future__ import annotations

import json
import traceback
from collections import Counter
from dataclasses import dataclass, field
from random import Random
from time import monotonic, thread_time
from typing import TYPE_CHECKING, Any

from internvl_operator.kube.kinds import DEPLOYMENT as _DEPLOYMENT
from internvl_operator.planner.nodes.inventory import Inventory, inventory_for
from tests.fuzz.nodes import random_nodes
from tests.fuzz.platforms import random_platform
from tests.fuzz.specs import random_spec
from tests.unit.world import KEY, World

if TYPE_CHECKING:
    from internvl_operator.api.platform_defaults import PlatformDefaults
    from internvl_operator.planner.request import GpuRequest


@dataclass
class Outcome:
    """What came of the resources.

    Attributes:
        resources: that were reconciled.
        uncaught: what was raised, with the seed of the resource.
        internal_errors: seeds of resources that say InternalError.
        unlike: seeds of resources whose children differ when they are made again.
        reasons: how many resources were Ready or not for each reason.
        slowest: the longest reconcile in CPU seconds, and its seed. Each is made twice, and the faster one counts: the
            other may have had the garbage of all resources before it to collect.
    """

    resources: int = 0
    uncaught: list[str] = field(default_factory=list)
    internal_errors: list[int] = field(default_factory=list)
    unlike: list[int] = field(default_factory=list)
    reasons: Counter[str] = field(default_factory=Counter)
    slowest: tuple[float, int] = (0.0, 0)

    @property
    def report(self) -> str:
        """The figures, for people."""
        seconds, seed = self.slowest
        reasons = ", ".join(f"{reason} {count}" for reason, count in self.reasons.most_common())
        return (
            f"{self.resources} specs and clusters: uncaught {len(self.uncaught)}, "
            f"InternalError {len(self.internal_errors)}, not deterministic {len(self.unlike)}, "
            f"slowest reconcile {seconds * 1000:.1f} ms of CPU (seed {seed})\nreasons: {reasons}"
        )


class HostileWorld(World):
    """A cluster in memory whose GPUs are read from random nodes."""

    def __init__(self, nodes: list[dict[str, Any]], platform: PlatformDefaults) -> None:
        super().__init__()
        self.nodes = nodes
        self.reconciler.platform = platform
        self.reconciler.inventory = self._inventory

    async def _inventory(self, request: GpuRequest, *, fresh: bool = False) -> Inventory:  # noqa: ARG002
        return inventory_for(request, self.nodes)


async def fuzz(resources: int, seed: int, seconds: float = float("inf")) -> Outcome:
    """Reconcile so many resources, each from a seed of its own, or as many as there is time for."""
    outcome, end = Outcome(), monotonic() + seconds
    for number in range(resources):
        if monotonic() > end:
            break
        await _one(seed + number, outcome)
    return outcome


async def _one(seed: int, outcome: Outcome) -> None:
    outcome.resources += 1
    try:
        (first, times), (again, other_times) = [await _life(Random(seed), seed, outcome) for _ in range(2)]
    except Exception:
        outcome.uncaught.append(f"seed {seed}: {traceback.format_exc()}")
        return
    if first != again:
        outcome.unlike.append(seed)
    outcome.slowest = max(outcome.slowest, (max(map(min, times, other_times)), seed))


async def _life(random: Random, seed: int, outcome: Outcome) -> tuple[str, list[float]]:
    """Make a resource and edit it; return its children as JSON, and the CPU seconds of each reconcile."""
    world = HostileWorld(random_nodes(random), random_platform(random))
    spec, edited = random_spec(random), random_spec(random)
    world.create(**spec)
    times = [await _reconcile(world, seed, outcome)]
    for deployment in [each for kind, each in world.cluster.objects.items() if kind[0] == "Deployment"]:
        world.cache.put(_DEPLOYMENT, deployment)
    if random.random() < 0.5:
        world.nodes = random_nodes(random)
    for each in (edited, spec):
        world.edit(**each)
        times.append(await _reconcile(world, seed, outcome))
    return json.dumps(world.cluster.applied), times


async def _reconcile(world: World, seed: int, outcome: Outcome) -> float:
    """Reconcile the resource, count what it says, and return the CPU seconds that it took."""
    begun = thread_time()
    await world.reconcile()
    seconds = thread_time() - begun
    status = world.cluster.objects["InternVLDeployment", KEY].get("status", {})
    reason = next(
        (item["reason"] for item in status.get("conditions", ()) if item["type"] == "Ready"), "none"
    )
    outcome.reasons[reason] += 1
    if reason == "InternalError":
        outcome.internal_errors.append(seed)
    return seconds
