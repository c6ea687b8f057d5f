"""The steps of ``zero``: each begins and ends with the model asleep, and returns what it measured."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from tests.cluster.waiting import Object, eventually, get
from tests.traffic.zero.asking import Answer, ask, ask_together, lost
from tests.traffic.zero.kubelet import GPUS
from tests.traffic.zero.stand import COOLDOWN_SECONDS, HOST, NAMESPACE, Stand

Metrics = Mapping[str, float]

HELD = 50
_ROUNDS_TOLD = 25
_DRAIN_SECONDS = 60.0
"""More than the 35 s of the interceptor between SIGTERM and its end."""

_UNTIL_ZERO_SECONDS = COOLDOWN_SECONDS + 1.0
"""From the last answer to the moment at which KEDA writes 0, before it was seen: it looks once a second."""

_NEAR_SECONDS = 0.25
"""How far from that moment a request comes, at most."""


def waking(there: Stand, _rounds: int) -> Metrics:
    """0 to 1 with 50 requests that are held: all are answered."""
    answers = asyncio.run(ask_together(there.url, HOST, HELD))
    seconds = max(answer.seconds for answer in answers)
    print(f"waking: {HELD} requests held, the last answered after {seconds:.1f} s", flush=True)
    metrics = {"lost_while_waking": lost(answers), "wake_seconds": seconds}
    there.wait_asleep()
    return metrics


def stopping(there: Stand, rounds: int) -> Metrics:
    """1 to 0 against a new request, by turns shortly after KEDA has written 0 and about when it is going to."""
    chance = random.Random(1)
    answers, met = [asyncio.run(ask(there.url, HOST))], Counter[str]()
    until_zero = _UNTIL_ZERO_SECONDS
    for number in range(1, rounds + 1):
        if number % 2:
            until_zero = _wait_for_zero(there)
            time.sleep(chance.uniform(0, _NEAR_SECONDS))
        else:
            time.sleep(max(0, until_zero + chance.uniform(-_NEAR_SECONDS, _NEAR_SECONDS)))
        met[_state(there)] += 1
        answers.append(asyncio.run(ask(there.url, HOST)))
        if answers[-1].is_lost:
            print(f"  round {number}: {answers[-1]}", flush=True)
        if not number % _ROUNDS_TOLD:
            print(
                f"  {number} rounds: {sum(answer.is_lost for answer in answers)} lost, {dict(met)}",
                flush=True,
            )
    print(f"stopping: {rounds} rounds; the request met a replica that {dict(met)}", flush=True)
    metrics = {
        "stopping_rounds": rounds,
        "lost_requests": lost(answers),
        **{f"stopping_{state}": times for state, times in sorted(met.items())},
    }
    there.wait_asleep()
    return metrics


def restarting(there: Stand, _rounds: int) -> Metrics:
    """Each part is replaced while the model sleeps: nothing changes, it stays asleep, and the next request wakes it."""
    parts: Mapping[str, Callable[[], None]] = {
        "operator": there.replace_operator,
        "keda_operator": lambda: _restart(there.keda.operator),
        "interceptor": lambda: _restart(there.keda.interceptor),
        "scaler": lambda: _restart(there.keda.scaler),
    }
    metrics: dict[str, float] = {"lost_after_restart": 0, "changed_by_restart": 0}
    for part, restart in parts.items():
        before = there.observed()
        restart()
        changed = _changes(before, there)
        answer = asyncio.run(ask(there.url, HOST))
        print(f"restarting {part}: changed {changed or 'nothing'}; then {answer}", flush=True)
        metrics["changed_by_restart"] += len(changed)
        metrics["lost_after_restart"] += lost([answer])
        metrics[f"wake_seconds_after_{part}"] = answer.seconds
        there.wait_asleep()
    for name, held in {"lost_while_down": _while_down, "lost_while_draining": _while_draining}.items():
        answer = asyncio.run(held(there))
        metrics[name] = lost([answer])
        there.wait_asleep()
    return metrics


def without_gpu(there: Stand, _rounds: int) -> Metrics:
    """No GPU is free: what a client gets, and what the resource says; with a GPU the next request is answered."""
    with _occupied(there):
        refused, said = asyncio.run(_while_waiting(there))
        print(f"without_gpu: the client gets {refused}\n  the resource says {said}", flush=True)
    there.wait_asleep()
    answer = asyncio.run(ask(there.url, HOST))
    print(f"without_gpu: with a GPU again {answer}", flush=True)
    metrics = {
        "status_without_gpu": refused.status,
        "seconds_without_gpu": refused.seconds,
        "is_told_without_gpu": float("WaitingForGPU" in said),
        "lost_with_gpu_again": lost([answer]),
    }
    there.wait_asleep()
    return metrics


STEPS: Mapping[str, Callable[[Stand, int], Metrics]] = {
    "waking": waking,
    "stopping": stopping,
    "restarting": restarting,
    "without_gpu": without_gpu,
}


def _wait_for_zero(there: Stand) -> float:
    """Return the seconds until KEDA has written 0."""
    started = time.monotonic()
    eventually(lambda: there.replicas == 0, "KEDA writes 0 replicas")
    return time.monotonic() - started


def _state(there: Stand) -> str:
    """Return what becomes of the replica: it serves, it is to be stopped, or its pod has been deleted."""
    if there.replicas:
        return "serves"
    return "is_to_stop" if any(not _is_deleted(pod) for pod in there.pods) else "was_stopped"


def _is_deleted(pod: Object) -> bool:
    return "deletionTimestamp" in pod["metadata"]


def _restart(process: Any) -> None:
    process.stop()
    process.start()


def _changes(before: Mapping[str, Any], there: Stand) -> dict[str, tuple[Any, Any]]:
    """Return what changes in the next seconds, in which each part looks at the cluster anew."""
    time.sleep(5)
    after = there.observed()
    return {name: (before[name], after[name]) for name in before if before[name] != after[name]}


async def _while_down(there: Stand) -> Answer:
    """Ask while both operators are down: the request is held, and wakes the model when they are back."""
    there.keda.operator.stop()
    there.operator.stop()
    asked = asyncio.create_task(ask(there.url, HOST))
    await asyncio.sleep(2)
    await asyncio.to_thread(there.keda.operator.start)
    await asyncio.to_thread(there.operator.start)
    answer = await asked
    print(f"restarting: asked while both operators were down: {answer}", flush=True)
    return answer


async def _while_draining(there: Stand) -> Answer:
    """Stop the interceptor while it holds a request: it waits for the replica, up to a drain time of its own."""
    asked = asyncio.create_task(ask(there.url, HOST))
    await asyncio.sleep(1)
    await asyncio.to_thread(there.keda.interceptor.stop, _DRAIN_SECONDS)
    answer = await asked
    await asyncio.to_thread(there.keda.interceptor.start)
    print(f"restarting: held while the interceptor was stopped: {answer}", flush=True)
    return answer


async def _while_waiting(there: Stand) -> tuple[Answer, str]:
    """Ask, and return the answer and what the resource says meanwhile."""
    asked = asyncio.create_task(ask(there.url, HOST))
    said = ""
    while not asked.done():
        now = await asyncio.to_thread(there.ready)
        said = now if "ScaledToZero" not in now or not said else said
        await asyncio.sleep(0.5)
    return await asked, said


@contextmanager
def _occupied(there: Stand) -> Iterator[None]:
    """Let another pod have all GPUs."""
    api, name = there.cluster.api, "occupant"
    resources = {"limits": {"nvidia.com/gpu": str(GPUS)}}
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {"containers": [{"name": name, "image": "stub", "resources": resources}]},
    }
    api.request("POST", api.kinds["pod"].path(NAMESPACE), pod).granted()
    eventually(
        lambda: bool((get(there.cluster, "pod", name, NAMESPACE) or {"spec": {}})["spec"].get("nodeName")),
        "the other pod is placed",
    )
    try:
        yield
    finally:
        path = api.kinds["pod"].path(NAMESPACE, name)
        api.request("DELETE", path, gracePeriodSeconds="0").granted()
