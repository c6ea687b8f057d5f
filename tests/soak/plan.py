"""What happens in a soak: a sequence of acts that follows from a seed alone, and what users want in the end."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from random import Random

Spec = dict[str, Any]

WEATHERS = (
    "clear",
    "conflicts",
    "refusals",
    "throttling",
    "errors",
    "errors after the write",
    "halves",
    "slow",
    "silent",
    "watches ended",
    "watches cut",
    "watches expired",
)
"""What is wrong between the operator and the API server until the next change."""

SESSION_LENGTHS = (4096, 8192, 16384)
SHARE_OF_FEWEST = 0.9
"""Of the resources, below which none is deleted."""

SPARE_NODES = 6
GPUS_PER_NODE = 8
_WEIGHTS = {
    "edit": 70,
    "create": 10,
    "delete": 10,
    "add_node": 1,
    "remove_node": 1,
    "change_weather": 6,
    "kill": 2,
}


@dataclass(frozen=True, slots=True)
class Create:
    """A user creates a resource."""

    name: str
    spec: Spec


@dataclass(frozen=True, slots=True)
class Edit:
    """A user merges something into a resource's spec."""

    name: str
    patch: Spec


@dataclass(frozen=True, slots=True)
class Delete:
    """A user deletes a resource."""

    name: str


@dataclass(frozen=True, slots=True)
class AddNode:
    """A node joins."""

    name: str


@dataclass(frozen=True, slots=True)
class RemoveNode:
    """A node goes, with the pods on it."""

    name: str


@dataclass(frozen=True, slots=True)
class ChangeWeather:
    """Other faults than before come between the operator and the API server, or none."""

    name: str


@dataclass(frozen=True, slots=True)
class Kill:
    """The operator is killed, and started again."""


Act = Create | Edit | Delete | AddNode | RemoveNode | ChangeWeather | Kill


@dataclass(slots=True)
class Plan:
    """Draws one act after the other.

    Args:
        random: the only source of chance.
        resources: how many there are at the most.

    Attributes:
        specs: of the resources that exist after the acts so far, by name.
        nodes: that exist then.
        kills: whether the operator may still be killed.
    """

    random: Random
    resources: int
    specs: dict[str, Spec] = field(default_factory=dict)
    nodes: list[str] = field(default_factory=list)
    kills: bool = True
    _count: int = 0

    @property
    def fewest_nodes(self) -> int:
        """Nodes whose GPUs are enough for all replicas."""
        return -(-self.resources // GPUS_PER_NODE)

    def begin(self) -> list[Act]:
        """Return the acts that come before all others: nodes, and every resource."""
        nodes = [self._add_node() for _ in range(self.fewest_nodes + SPARE_NODES)]
        return [*nodes, *(self._create() for _ in range(self.resources))]

    def next(self) -> Act:
        """Draw the next act."""
        possible = {name: weight for name, weight in _WEIGHTS.items() if self._is_possible(name)}
        (name,) = self.random.choices(list(possible), list(possible.values()))
        act: Act = getattr(self, f"_{name}")()
        return act

    def _is_possible(self, name: str) -> bool:
        match name:
            case "create":
                return len(self.specs) < self.resources
            case "delete":
                return len(self.specs) > SHARE_OF_FEWEST * self.resources
            case "add_node":
                return len(self.nodes) < self.fewest_nodes + SPARE_NODES
            case "remove_node":
                return len(self.nodes) > self.fewest_nodes + 1
            case "kill":
                return self.kills
        return True

    def _create(self) -> Create:
        spec = {
            "size": self.random.choice(("1B", "2B")),
            "replicas": self.random.choice((0, 1)),
            "engine": {"sessionLen": self.random.choice(SESSION_LENGTHS)},
        }
        name = f"soak-{self._number():05}"
        self.specs[name] = spec
        return Create(name, spec)

    def _edit(self) -> Edit:
        name = self._any_resource()
        patch = self._change()
        self.specs[name] = merged(self.specs[name], patch)
        return Edit(name, patch)

    def _change(self) -> Spec:
        draw = self.random
        number = draw.randrange(1000)
        return draw.choice(
            (
                {"replicas": draw.choice((0, 1))},
                {"suspend": draw.choice((True, False))},
                {"engine": {"sessionLen": draw.choice(SESSION_LENGTHS)}},
                {"service": {"annotations": {"example.com/edit": str(number)}}},
                {"networkPolicy": {"enabled": draw.choice((True, False))}},
                {"autoscaling": draw.choice(({"maxReplicas": 2}, None))},
            )
        )

    def _delete(self) -> Delete:
        name = self._any_resource()
        del self.specs[name]
        return Delete(name)

    def _add_node(self) -> AddNode:
        name = f"soak-{self._number():05}"
        self.nodes.append(name)
        return AddNode(name)

    def _remove_node(self) -> RemoveNode:
        return RemoveNode(self.nodes.pop(self.random.randrange(len(self.nodes))))

    def _change_weather(self) -> ChangeWeather:
        return ChangeWeather(self.random.choice(WEATHERS))

    def _kill(self) -> Kill:
        return Kill()

    def _any_resource(self) -> str:
        return self.random.choice(list(self.specs))

    def _number(self) -> int:
        self._count += 1
        return self._count


def merged(document: Mapping[str, Any], patch: Mapping[str, Any]) -> Spec:
    """Return a document with a JSON merge patch (RFC 7386) applied."""
    result = dict(document)
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        elif isinstance(value, dict):
            known = result.get(key)
            result[key] = merged(known if isinstance(known, dict) else {}, value)
        else:
            result[key] = value
    return result
