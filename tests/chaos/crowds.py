"""Disturbances by others: crowds of events, a namespace that goes, a clock that jumps."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from internvl_operator.kube.kinds import NETWORK_POLICY
from internvl_operator.manifests.labels import NAME_LABEL
from tests.bench.crowd import for_each
from tests.chaos.disturbances.disturbance import Disturbance
from tests.chaos.scenario import COLLECTION, NAMESPACE, STAGES
from tests.cluster.apiserver.api import MERGE, RefusedError
from tests.cluster.apiserver.async_waiting import until

if TYPE_CHECKING:
    from pathlib import Path

    from tests.chaos.scenario import Stage
    from tests.chaos.stand import Stand

UNRELATED_EVENTS = 10_000
_STRANGERS = 100
_AT_ONCE = 16
EDITS = 100
EDIT_SECONDS = 0.01
WRITES_PER_EDIT = 3
"""A child, the status, and the status again when the child's own status follows."""

WRITES_PER_NAMESPACE = 60
GONE_SECONDS = 60.0
_ELSEWHERE = "elsewhere"
_NAMESPACES = "/api/v1/namespaces"
_JUMPS = ("+3600", "-3600", "+34560000", "-432000", "+60", "+0")
"""Seconds by which the clock is wrong, one for each stage: an hour, 400 days, five days back, a minute."""


class Strangers(Disturbance):
    """Lets others create, edit and delete objects: half carry the operator's label, and none is its own."""

    allowance = 0

    async def after(self, stand: Stand, stage: Stage) -> None:
        if stage is not STAGES[0]:
            return
        await _create_namespace(stand, _ELSEWHERE)
        policies = f"{NETWORK_POLICY.root}/namespaces/{_ELSEWHERE}/{NETWORK_POLICY.plural}"
        for number in range(_STRANGERS):
            await stand.api.ask("POST", policies, _policy(number))
        edits = range(UNRELATED_EVENTS - 2 * _STRANGERS)

        async def edit(number: int) -> None:
            patch = {"metadata": {"annotations": {"example.com/edit": str(number)}}}
            await stand.api.ask("PATCH", f"{policies}/{_stranger(number % _STRANGERS)}", patch, MERGE)

        await for_each(edits, edit, _AT_ONCE)
        await stand.api.ask("DELETE", policies)
        self.injected["event of a stranger"] += UNRELATED_EVENTS

    async def end(self, stand: Stand) -> None:
        await _delete_namespace(stand, _ELSEWHERE)


class ManyEdits(Disturbance):
    """Edits one resource a hundred times in a second; the last edit leaves what the scenario asks for."""

    allowance = WRITES_PER_EDIT

    async def after(self, stand: Stand, stage: Stage) -> None:
        if stage.name != "update":
            return
        loop = asyncio.get_running_loop()
        started = loop.time()
        for number in reversed(range(EDITS)):
            patch = {
                "spec": {"replicas": number, "service": {"annotations": {"example.com/edit": str(number)}}}
            }
            if number == 0:
                patch["spec"]["service"] = {"annotations": {"example.com/edit": None}}
            await stand.api.ask("PATCH", f"{COLLECTION}/plain", patch, MERGE)
            self.injected["edit"] += 1
            await asyncio.sleep(max(0.0, started + (EDITS - number) * EDIT_SECONDS - loop.time()))


class NamespaceDeleted(Disturbance):
    """Deletes the namespace while the operator writes into it, and makes it anew for the scenario."""

    allowance = WRITES_PER_NAMESPACE

    async def begin(self, stand: Stand) -> None:
        writes = stand.traffic.writes
        for act in STAGES[0].acts:
            await act.carry_out(stand.api)
        await until(lambda: stand.traffic.writes > writes, GONE_SECONDS)
        self.injected["namespace deleted"] += 1
        await _delete_namespace(stand, NAMESPACE)
        await _create_namespace(stand, NAMESPACE)


class ClockJumps(Disturbance):
    """Runs the operator by a clock that is wrong, by something else in each stage; its monotonic clock is right.

    Args:
        library: libfaketime, which is loaded into the operator.
        offset: file that libfaketime reads the offset from.
    """

    def __init__(self, library: Path, offset: Path) -> None:
        super().__init__()
        self._library = library
        self._offset = offset

    async def begin(self, stand: Stand) -> None:
        self._offset.write_text("+0")
        environment = {
            "LD_PRELOAD": str(self._library),
            "FAKETIME_TIMESTAMP_FILE": str(self._offset),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }
        await stand.start_operator(environment)

    async def after(self, stand: Stand, stage: Stage) -> None:  # noqa: ARG002
        self._offset.write_text(_JUMPS[STAGES.index(stage)])
        self.injected["clock jump"] += 1

    async def end(self, stand: Stand) -> None:
        await stand.start_operator()


def _stranger(number: int) -> str:
    return f"stranger-{number:03}"


def _policy(number: int) -> dict[str, Any]:
    name = _stranger(number)
    labels = {NAME_LABEL: name} if number % 2 else {}
    return {
        "apiVersion": NETWORK_POLICY.api_version,
        "kind": NETWORK_POLICY.kind,
        "metadata": {"name": name, "labels": labels},
        "spec": {"podSelector": {"matchLabels": {"app": name}}},
    }


async def _create_namespace(stand: Stand, name: str) -> None:
    await stand.api.ask("POST", _NAMESPACES, {"metadata": {"name": name}})


async def _delete_namespace(stand: Stand, name: str) -> None:
    await stand.api.ask("DELETE", f"{_NAMESPACES}/{name}")
    await until(lambda: _is_gone(stand, name), GONE_SECONDS)


async def _is_gone(stand: Stand, name: str) -> bool:
    try:
        await stand.api.ask("GET", f"{_NAMESPACES}/{name}")
    except RefusedError:
        return True
    return False
