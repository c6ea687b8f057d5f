"""What a user writes costs time in proportion to its length, and at most 100 ms of the event loop.

Every text and every list of the schema is tried at three sizes, the largest far beyond the schema's bound: within the
bound as it would be reconciled, and beyond it both refused and, put in unchecked, rendered.
"""

from __future__ import annotations

from functools import partial
from time import thread_time
from typing import TYPE_CHECKING, Any

import pytest

from internvl_operator.api.crd import custom_resource_definition
from internvl_operator.api.parsing import InvalidSpecError, parse
from internvl_operator.manifests.children import render_children
from internvl_operator.manifests.record import inputs_of
from internvl_operator.planner.nodes.inventory import NoGpuKnownError, inventory_for
from internvl_operator.planner.plan import make_plan
from internvl_operator.planner.request import request_of
from tests.cluster.simulated_nodes import gpu_node
from tests.cluster.specs.kubernetes import KUBERNETES_PATHS, least, placed, steps_of
from tests.cluster.specs.right import RICH
from tests.cluster.specs.schema import nodes, spec_schema
from tests.cluster.specs.table import at, resource

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.cluster.specs.schema import Schema

SCHEMA = spec_schema(custom_resource_definition())
SCHEMAS = dict(nodes(SCHEMA, "spec"))
SIZES = (2_000, 4_000, 8_000)
FILLS = ("$(", "a", "1", "[", "-", "9.", "a/", "..", "{}", " ")
MOST_SECONDS = 0.1
SLACK_SECONDS = 0.02
"""Below it a ratio says nothing."""

NODES = [gpu_node("a100-1"), gpu_node("a100-2")]


def seconds(work: Callable[[], object], enough: float = 0.0) -> float:
    """CPU time of this thread alone, so that other work of the machine does not count; the best of two.

    Args:
        work: what is measured.
        enough: a time that is short enough: the second run cannot change what follows from it.
    """
    best = float("inf")
    for _ in range(2):
        begun = thread_time()
        work()
        best = min(best, thread_time() - begun)
        if best < enough:
            break
    return best


def reconciled(body: dict[str, Any]) -> None:
    """All that happens to a spec on the event loop, short of writing."""
    try:
        given = parse(body)
        plan = make_plan(request_of(given.spec), inventory_for(request_of(given.spec).gpu, NODES))
    except (InvalidSpecError, NoGpuKnownError):
        return
    if plan.is_ok:
        render_children(given, plan, inputs_of(given.spec))


def check(name: str, works: Mapping[int, Callable[[], None]]) -> list[str]:
    """What is wrong with how the time grows over the sizes."""
    smallest, middle, largest = sorted(works)
    times = {largest: seconds(works[largest], SLACK_SECONDS)}
    if times[largest] <= SLACK_SECONDS:
        return []
    times |= {size: seconds(works[size]) for size in (smallest, middle)}
    grown, before = times[largest] - times[middle], times[middle] - times[smallest]
    if times[largest] > MOST_SECONDS:
        return [f"{name}: {times[largest]:.3f} s"]
    # Linear work doubles; what is quadratic is four times as much.
    return [f"{name}: {times}"] if grown > 3 * before + SLACK_SECONDS else []


def _spec(path: str, value: Any) -> dict[str, Any]:
    """A spec with a value at a path."""
    root = next((each for each in KUBERNETES_PATHS if path.startswith(each)), None)
    if root is None:
        return at(path.removeprefix("spec."), value)
    inside = placed(SCHEMAS[root], steps_of(path.removeprefix(root)), value)
    return at(root.removeprefix("spec.").removesuffix("[]"), [inside] if root.endswith("[]") else inside)


TEXTS = [path for path, schema in SCHEMAS.items() if schema.get("type") == "string"]
LISTS = [path for path, schema in SCHEMAS.items() if schema.get("type") == "array"]
MAPS = [path for path, schema in SCHEMAS.items() if "additionalProperties" in schema]


@pytest.mark.parametrize("path", TEXTS)
def test_a_long_text_costs_time_in_proportion(path: str) -> None:
    faults = []
    for fill in FILLS:
        works = {size: partial(reconciled, resource(_spec(path, (fill * size)[:size]))) for size in SIZES}
        faults += check(fill, works)
    assert faults == []


@pytest.mark.parametrize("path", LISTS)
def test_a_long_list_costs_time_in_proportion(path: str) -> None:
    item = SCHEMAS[path]["items"]

    def items(size: int) -> list[Any]:
        return [_numbered(item, number) for number in range(size)]

    bound = SCHEMAS[path]["maxItems"]
    for sizes in ((bound // 4, bound // 2, bound), SIZES):
        bodies = {size: resource(_spec(path, items(size))) for size in sizes}
        assert check(path, {size: partial(reconciled, body) for size, body in bodies.items()}) == []


def _numbered(schema: Schema, number: int) -> Any:
    if schema["type"] == "string":
        return f"--flag-{number}"
    value = least(schema)
    if not isinstance(value, dict):
        return value
    return {name: f"key-{number}" if each == "1" else each for name, each in value.items()}


@pytest.mark.parametrize("path", MAPS)
def test_a_large_map_costs_time_in_proportion(path: str) -> None:
    bodies = {size: resource(_spec(path, {f"k{n}": "1" for n in range(size)})) for size in SIZES}
    assert check(path, {size: partial(reconciled, body) for size, body in bodies.items()}) == []


def _all_at_once() -> dict[str, Any]:
    """A spec that is everywhere as large as the schema lets it be."""
    term = {
        "matchExpressions": [
            {"key": f"k{number}", "operator": "NotIn", "values": [f"v{value}" for value in range(128)]}
            for number in range(15)
        ]
        + [{"key": "missing", "operator": "Exists"}]
    }
    return {
        **RICH,
        "gpu": {"maxCount": 4},
        "engine": {
            "env": [{"name": f"NAME_{number}", "value": "$(" * 8192} for number in range(63)]
            + [{"name": "HTTP_PROXY", "value": "$(" * 8192}],
            "extraArgs": [f"--{'a' * 1000}{number}" for number in range(64)],
        },
        "podTemplate": {
            "annotations": {f"key-{number}": "v" * 4096 for number in range(64)},
            "tolerations": [{"key": f"key-{number}", "operator": "Exists"} for number in range(32)],
            "affinity": {
                "nodeAffinity": {
                    "requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [term] * 16}
                }
            },
        },
    }


def test_the_largest_spec_takes_at_most_100_ms() -> None:
    body = resource(_all_at_once())
    without_flags = resource({**body["spec"], "engine": {**body["spec"]["engine"], "extraArgs": []}})
    assert parse(body)
    assert seconds(lambda: reconciled(body), MOST_SECONDS) < MOST_SECONDS
    assert seconds(lambda: reconciled(without_flags), MOST_SECONDS) < MOST_SECONDS


@pytest.mark.parametrize(
    "arguments",
    [
        ["--hf-overrides", "[" * 1020],
        ["--hf-overrides", '{"a":' * 204],
        ["--log-level", "-" + "1" * 1022 + "x"],
        ["-" + "1" * 1022 + "x"] * 64,
        ["--" + "sesion-length"] * 64,
        ["--cache-max-entry-count-" + "e" * 900] * 64,
    ],
)
def test_hostile_arguments_are_refused_in_time(arguments: list[str]) -> None:
    body = resource(at("engine.extraArgs", arguments))
    assert seconds(lambda: reconciled(body), MOST_SECONDS) < MOST_SECONDS
