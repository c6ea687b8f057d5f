"""Edits that empty or remove something of a spec, as many at once as do not hide one another."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache, reduce
from itertools import product
from typing import TYPE_CHECKING, Any

from internvl_operator.api.parsing import InvalidSpecError, parse
from internvl_operator.manifests.children import render_children
from internvl_operator.manifests.record import inputs_of
from internvl_operator.planner.nodes.inventory import NoGpuKnownError, inventory_for
from internvl_operator.planner.plan import make_plan
from internvl_operator.planner.request import request_of
from tests.cluster.specs.emptying import CONTAINERS, FIELDS, emptied, filled, removed
from tests.cluster.specs.table import Spec, resource
from tests.rendering import nodes_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from internvl_operator.api.v1alpha1 import InternVLDeployment
    from internvl_operator.manifests.template import KubernetesObject

Places = frozenset[str]
Changes = tuple[str, ...]
"""What is done to which field: its path and ``emptied`` or ``removed``."""


@dataclass(frozen=True)
class Edit:
    """Changes of one spec, none of which is inside another.

    Attributes:
        before: the spec that has something in these places.
        changes: what is done to it.
    """

    before: Spec
    changes: Changes

    @property
    def after(self) -> Spec:
        """The spec with nothing in these places."""
        return reduce(_changed, self.changes, self.before)

    @property
    def is_taken(self) -> bool:
        """Whether the rules take the spec afterwards."""
        return _parsed(json.dumps(self.after)) is not None

    @property
    def traces(self) -> Places | None:
        """The places of the children that it changes, or None where one of the specs has no plan."""
        leaves, others = (_leaves(json.dumps(spec)) for spec in (self.before, self.after))
        if not leaves or not others:
            return None
        return frozenset(place for place in {*leaves, *others} if leaves.get(place) != others.get(place))

    @property
    def parts(self) -> list[Edit]:
        """Its changes, each alone."""
        return [Edit(self.before, (change,)) for change in self.changes]

    def is_beside(self, other: Edit) -> bool:
        """Whether both change one spec, each in places of its own."""
        return self.before == other.before and not any(
            _overlap(*(change.split()[0] for change in pair)) for pair in product(self.changes, other.changes)
        )

    def shows_each_change(self) -> bool:
        """Whether the changes together have the traces of each alone: no rule and no change hides another."""
        traces = self.traces if self.is_taken else None
        return traces is not None and all((each.traces or traces) <= traces for each in self.parts)


@cache
def every_edit() -> tuple[Edit, ...]:
    """An edit for each map, list and object of the spec that is emptied, and for each field that is removed."""
    return tuple(
        Edit(filled(path, change), (f"{path} {change.__name__}",))
        for paths, change in ((CONTAINERS, emptied), (FIELDS, removed))
        for path in paths
    )


def few(edits: Iterable[Edit], is_right: Callable[[Edit], bool] = lambda _: True) -> list[Edit]:
    """As few edits as make the changes of all of them so that each of them shows.

    Args:
        edits: each with one change.
        is_right: whether changes that are right alone are right together.
    """
    groups: list[Edit] = []
    for edit in edits:
        place = next((n for n, each in enumerate(groups) if each.is_beside(edit)), len(groups))
        before = groups[place].changes if place < len(groups) else ()
        groups[place : place + 1] = [Edit(edit.before, (*before, *edit.changes))]
    joined: list[Edit] = []
    for part in (part for group in groups for part in _right_parts(group, is_right)):
        both = (
            (n, Edit(each.before, each.changes + part.changes))
            for n, each in enumerate(joined)
            if each.is_beside(part)
        )
        right = ((n, each) for n, each in both if each.shows_each_change() and is_right(each))
        place, edit = next(right, (len(joined), part))
        joined[place : place + 1] = [edit]
    return joined


def _right_parts(edit: Edit, is_right: Callable[[Edit], bool]) -> Sequence[Edit]:
    """The edit itself, or else the right parts of its halves."""
    half = len(edit.changes) // 2
    if not half or (edit.shows_each_change() and is_right(edit)):
        return [edit]
    halves = (Edit(edit.before, changes) for changes in (edit.changes[:half], edit.changes[half:]))
    return [part for each in halves for part in _right_parts(each, is_right)]


@cache
def wanted_children(spec: str, name: str = "captions") -> tuple[KubernetesObject, ...]:
    """The children of a resource by its spec as JSON; none without a plan."""
    if (parsed := _parsed(spec, name)) is None:
        return ()
    request = request_of(parsed.spec)
    try:
        plan = make_plan(request, inventory_for(request.gpu, nodes_for(request.gpu)))
    except NoGpuKnownError:
        return ()
    return render_children(parsed, plan, inputs_of(parsed.spec)).manifests if plan.is_ok else ()


@cache
def _parsed(spec: str, name: str = "captions") -> InternVLDeployment | None:
    try:
        return parse(resource(json.loads(spec), name))
    except InvalidSpecError:
        return None


@cache
def _leaves(spec: str) -> dict[str, Any]:
    """Each value in the children of a spec by its place, without the hashes that follow from the others."""
    children = {f"{child['kind']} {child['metadata']['name']}": child for child in wanted_children(spec)}
    return {place: value for place, value in _values(children, "") if "internvl.dev/" not in place}


def _values(value: Any, place: str) -> Iterator[tuple[str, Any]]:
    match value:
        case dict() if value:
            for key, each in value.items():
                yield from _values(each, f"{place}.{key}")
        case list() if value:
            for number, each in enumerate(value):
                yield from _values(each, f"{place}[{number}]")
        case _:
            yield place, value


def _changed(spec: Spec, change: str) -> Spec:
    path, what = change.split()
    return emptied(spec, path) if what == "emptied" else removed(spec, path)


def _overlap(one: str, other: str) -> bool:
    """Whether one of two places is in the other."""
    shorter, longer = sorted((one, other), key=len)
    return longer == shorter or longer.startswith((f"{shorter}.", f"{shorter}["))
