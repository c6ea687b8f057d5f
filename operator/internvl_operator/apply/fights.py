"""Children that somebody else changes again and again are put back at growing intervals, and the other is named."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from internvl_operator.kube.event import FIELD_MANAGER
from internvl_operator.kube.port import Key, Kind

AT_ONCE = 3
"""How often a child is put back at once: a few edits by hand are no fight."""

FIRST_PAUSE = timedelta(seconds=2)
LONGEST_PAUSE = timedelta(minutes=5)
QUIET = timedelta(minutes=15)
"""How long nobody may change a child until its fight is over."""

_SYSTEM_FIELDS = ("f:metadata", "f:status")


@dataclass(slots=True)
class _Fight:
    """How often a child was put back to its present manifest."""

    wanted: str
    times: int = 0
    last: datetime | None = None


class Fights:
    """The fights about the children of all resources, as far as this process remembers them."""

    def __init__(self) -> None:
        self._fights: dict[tuple[Kind, Key], _Fight] = {}

    def pause(self, kind: Kind, key: Key, wanted: str, now: datetime) -> timedelta:
        """Return how long a child is left as somebody else made it; nothing when it may be put back now.

        Args:
            kind: the kind of the child.
            key: the key of the child.
            wanted: the hash of the manifest; a new manifest ends the fight.
            now: the time.
        """
        fight = self._fights.get((kind, key))
        if fight is None or fight.wanted != wanted or fight.last is None or now - fight.last > QUIET:
            self._fights[kind, key] = _Fight(wanted)
            return timedelta()
        if fight.times < AT_ONCE:
            return timedelta()
        pause = min(FIRST_PAUSE * float(2 ** min(fight.times - AT_ONCE, 10)), LONGEST_PAUSE)
        return max(timedelta(), fight.last + pause - now)

    def put_back(self, kind: Kind, key: Key, now: datetime) -> bool:
        """Count that a child was put back; return whether that is a fight."""
        fight = self._fights[kind, key]
        fight.times += 1
        fight.last = now
        return fight.times > AT_ONCE

    def forget(self, key: Key) -> None:
        """Forget the children of a resource that is gone."""
        for item in [item for item in self._fights if item[1] == key]:
            del self._fights[item]


def other_managers(live: Mapping[str, Any]) -> list[str]:
    """Return who else owns fields of an object, with the fields, the latest first.

    Args:
        live: the object with its ``managedFields``.
    """
    entries = live["metadata"].get("managedFields") or ()
    others = [item for item in entries if item.get("manager") != FIELD_MANAGER and _fields(item)]
    latest = sorted(others, key=lambda item: str(item.get("time", "")), reverse=True)
    return [f"{item.get('manager')} ({', '.join(_fields(item))})" for item in latest]


def scales(autoscaler: Mapping[str, Any], deployment: Key) -> bool:
    """Return whether a HorizontalPodAutoscaler scales a Deployment."""
    metadata, target = autoscaler["metadata"], autoscaler["spec"]["scaleTargetRef"]
    named = (metadata["namespace"], target["kind"], target["name"])
    return bool(named == (deployment.namespace, "Deployment", deployment.name))


def is_scaled(live: Mapping[str, Any]) -> bool:
    """Return whether somebody owns the number of replicas of an object by its scale subresource."""
    entries: Sequence[Mapping[str, Any]] = live["metadata"].get("managedFields") or ()
    return any(item.get("subresource") == "scale" for item in entries)


def _fields(entry: Mapping[str, Any]) -> list[str]:
    """Return the first fields of a manager, to the second step, without those that controllers write."""
    if entry.get("subresource") == "status":
        return []
    owned = {
        name: steps for name, steps in (entry.get("fieldsV1") or {}).items() if name not in _SYSTEM_FIELDS
    }
    paths = [
        f"{name[2:]}.{step[2:]}" for name, steps in owned.items() for step in steps if step.startswith("f:")
    ]
    return paths[:3]
