"""``balance``: requests per replica and time to the first token, by picker, least request and plain Service."""

from __future__ import annotations

import argparse
import asyncio
import time
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from internvl_operator.manifests.objects.gateway.inferencepool import PICKER_PORT
from tests.cluster.components import free_ports
from tests.traffic.clients import Outcomes, crowd
from tests.traffic.stand import REPLICAS, Stand, stand

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

CLIENTS = 64
THINKING_SECONDS = 8.5
"""With 64 clients the replicas are busy for three quarters of the time."""

_ENDPOINTS_SECONDS = 5.0
"""Between a pod that is deleted and its SIGTERM: the preStop hook of the operator's pods."""

_UNNOTICED_SECONDS = 1.0
"""Between the end of a container and its pod's condition: a kubelet looks at its containers every second."""

_RESTART_SECONDS = 5.0
"""Between the end of a container and its next start."""


@dataclass(frozen=True, slots=True)
class Arm:
    """One way of balancing under the same requests.

    Attributes:
        key: for ``--only``.
        name: for the table.
        way: of Envoy's listeners.
        has_api_key: whether the replicas ask for a key.
        disturbance: what is done to the picker meanwhile, before a replica is replaced: ``roll`` or ``kill``.
    """

    key: str
    name: str
    way: str
    has_api_key: bool = False
    disturbance: str = ""


ARMS = (
    Arm("picker", "endpoint picker", "picker"),
    Arm("api-key", "endpoint picker, API key", "picker", has_api_key=True),
    Arm("rolled", "endpoint picker and a replica rolled", "picker", has_api_key=True, disturbance="roll"),
    Arm("killed", "endpoint picker killed, replica rolled", "picker", has_api_key=True, disturbance="kill"),
    Arm("least-request", "Envoy LEAST_REQUEST", "least-request"),
    Arm("service", "plain Service", "service"),
)


@dataclass(frozen=True, slots=True)
class Result:
    """What came of an arm."""

    arm: Arm
    outcomes: Outcomes
    per_replica: tuple[int, ...]

    @property
    def ratio(self) -> float:
        """Requests of the busiest replica by those of the idlest."""
        return max(self.per_replica) / max(1, min(self.per_replica))


def main(arguments: list[str]) -> int:
    """Run all arms one after the other; return 1 if a request was lost through a picker that was not killed."""
    parser = argparse.ArgumentParser(prog="python -m tests.traffic balance", description=__doc__)
    parser.add_argument("--seconds", type=float, default=180.0, help="of each of the six runs (180)")
    keys = [arm.key for arm in ARMS]
    parser.add_argument("--only", choices=keys, action="append", help="one of the runs; again for another")
    options = parser.parse_args(arguments)
    wanted = options.only or keys
    results = [asyncio.run(_run(arm, options.seconds)) for arm in ARMS if arm.key in wanted]
    print("\n".join(_table(results)))
    print("\n".join(_metrics(results)))
    return 1 if _lost(results) else 0


async def _run(arm: Arm, seconds: float) -> Result:
    disturbed: list[float] = []
    with stand(has_api_key=arm.has_api_key) as there:

        async def disturb() -> None:
            await asyncio.sleep(seconds / 3)
            disturbed.append(time.monotonic())
            await (_kill_picker if arm.disturbance == "kill" else _roll_picker)(there)
            await asyncio.sleep(seconds / 6)
            await _roll_replica(there)

        outcomes = await crowd(
            there.envoy.url(arm.way),
            clients=CLIENTS,
            seconds=seconds,
            thinking=THINKING_SECONDS,
            has_api_key=arm.has_api_key,
            beside=disturb if arm.disturbance else None,
        )
        per_replica = await asyncio.to_thread(there.replicas.answered)
    result = Result(arm, outcomes, tuple(sorted(per_replica.values(), reverse=True)))
    print(f"{arm.name}: {len(outcomes.done)} requests, {per_replica}", flush=True)
    print("\n".join(losses(outcomes, disturbed[0] if disturbed else 0)), flush=True)
    return result


def losses(outcomes: Outcomes, disturbed: float) -> list[str]:
    """Say why requests were lost, and whether they were on their way when the picker was disturbed.

    Args:
        outcomes: of the run.
        disturbed: when, on the monotonic clock.
    """
    lost = [outcome for outcome in outcomes.done if outcome.failure]
    was_on_its_way = {
        True: "on their way then",
        False: "asked before or after",
    }
    groups = Counter(
        (outcome.failure, was_on_its_way[outcome.asked < disturbed < outcome.ended]) for outcome in lost
    )
    return [f"  lost {times} {when}: {failure}" for (failure, when), times in groups.most_common()]


async def _kill_picker(there: Stand) -> None:
    """Kill the picker, and start it again: meanwhile its Service has no endpoint, as soon as a kubelet has seen it."""
    await _in_thread(there.picker.kill)
    await asyncio.sleep(_UNNOTICED_SECONDS)
    there.envoy.ask_picker()
    await asyncio.sleep(_RESTART_SECONDS - _UNNOTICED_SECONDS)
    await _in_thread(there.picker.start)
    there.envoy.ask_picker(PICKER_PORT)


async def _roll_picker(there: Stand) -> None:
    """Replace the picker as its Deployment does: the old one lives on behind its preStop hook, and ends with grace."""
    (port,) = free_ports(1)
    await asyncio.to_thread(there.start_picker, name="next-endpoint-picker", port=port)
    there.envoy.ask_picker(port)
    await asyncio.sleep(_ENDPOINTS_SECONDS)
    await _in_thread(there.picker.stop)


async def _roll_replica(there: Stand) -> None:
    """Replace a replica: the new one is ready before the old one goes, which answers its requests to the end."""
    replicas, envoy = there.replicas, there.envoy
    old = replicas.addresses[0]
    name = replicas.name_of(old)
    await asyncio.to_thread(replicas.start, REPLICAS + 1)
    envoy.spread_over(replicas.addresses)
    await asyncio.to_thread(replicas.withdraw, old)
    envoy.spread_over(replicas.addresses)
    await asyncio.sleep(_ENDPOINTS_SECONDS)
    await asyncio.to_thread(replicas.end, name)


async def _in_thread(call: Callable[[], object]) -> None:
    waiting: Awaitable[object] = asyncio.to_thread(call)
    await waiting


def _lost(results: list[Result]) -> int:
    """Return what was lost through the picker, but for one that was killed: what passed through that is gone."""
    arms = [result for result in results if result.arm.way == "picker" and result.arm.disturbance != "kill"]
    return sum(len(result.outcomes.failures) for result in arms)


def _table(results: list[Result]) -> list[str]:
    head = "| requests by | requests | per replica | busiest / idlest | TTFT p50 | TTFT p95 | lost |"
    rows = [
        f"| {result.arm.name} | {len(result.outcomes.done)} | {', '.join(map(str, result.per_replica))} "
        f"| {result.ratio:.2f} | {result.outcomes.ttft(0.5):.2f} s | {result.outcomes.ttft(0.95):.2f} s "
        f"| {len(result.outcomes.failures)} |"
        for result in results
    ]
    return ["", head, "|---|---|---|---|---|---|---|", *rows, ""]


def _metrics(results: list[Result]) -> list[str]:
    """Return the lines of metrics: those of the runs that were done, and what they are beside the plain Service."""
    lines = [f"METRIC balance_ratio{_suffix(result.arm)}={result.ratio:.3f}" for result in results]
    services = [result.outcomes.ttft(0.95) for result in results if result.arm.key == "service"]
    for result in results if services else ():
        ratio = result.outcomes.ttft(0.95) / services[0]
        lines.append(f"METRIC ttft_p95_ratio{_suffix(result.arm)}={ratio:.3f}")
    killed = [result for result in results if result.arm.disturbance == "kill"]
    lines += [f"METRIC lost_with_a_killed_picker={len(result.outcomes.failures)}" for result in killed]
    return [*lines, f"METRIC lost_requests={_lost(results)}"]


def _suffix(arm: Arm) -> str:
    return "" if arm.key == "picker" else f"_{arm.key.replace('-', '_')}"
