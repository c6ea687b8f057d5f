"""Whatever the statuses, records and pods of others hold, the command line shows the rest, and never a traceback."""

from __future__ import annotations

import json
from random import Random
from typing import TYPE_CHECKING, Any

import pytest

from internvl_operator.api.crd import custom_resource_definition
from internvl_operator.kube.kinds import DEPLOYMENT, HORIZONTAL_POD_AUTOSCALER, NODE, POD, RESOURCE
from internvl_operator.manifests.labels import INPUTS_ANNOTATION, child_labels
from tests.cluster.specs.schema import resource_schema
from tests.fuzz.nodes import random_nodes
from tests.fuzz.specs import random_spec, random_value
from tests.hostile import HOSTILE_TEXTS

if TYPE_CHECKING:
    from internvl_operator.kube.port import Kind
    from tests.conftest import Internvl
    from tests.fake_api import FakeApi

NUMBER = 100
FEW = 10
STATUS = resource_schema(custom_resource_definition())["properties"]["status"]
TYPES = ("Ready", "Reconciling", "Stalled", "Planned", "Available", "UpdateAvailable")
TIMES = (
    "2026-01-01T00:00:00Z",
    "0001-01-01T00:00:00Z",
    "9999-12-31T23:59:59Z",
    "2026-01-01T00:00:00.5+23:59",
)
MESSAGES = ("since 2026-99-99T99:99:99Z", "since 0001-01-01T00:00:00Z", "x" * 32_768) * 20


def resource(number: int) -> dict[str, Any]:
    """A resource as whoever may write its status could have made it: the API server takes it."""
    random = Random(number)
    status = random_value(STATUS, random)
    status["conditions"] = [
        {
            "type": type_,
            "status": random.choice(("True", "False", "Unknown")),
            "reason": random.choice(("Ready", "LoadingWeights", "", *HOSTILE_TEXTS[:50])),
            "message": random.choice((*HOSTILE_TEXTS, *MESSAGES)),
            "lastTransitionTime": random.choice(TIMES),
            "observedGeneration": random.choice((0, 1, 2**63 - 1)),
        }
        for type_ in TYPES
        if random.random() < 0.8
    ]
    if random.random() < 0.5:
        status["conditions"].append(
            {
                "type": "Available",
                "status": "True",
                "reason": "",
                "message": "",
                "lastTransitionTime": TIMES[0],
            }
        )
    metadata = {
        "name": f"r{number:03}",
        "namespace": "vision",
        "uid": f"uid-{number}",
        "generation": random.choice((1, 2)),
        "resourceVersion": str(number + 1),
    }
    return {"metadata": metadata, "spec": random_spec(random), "status": status}


def deployment(number: int) -> dict[str, Any]:
    random = Random(number)
    metadata = {
        "name": f"r{number:03}",
        "namespace": "vision",
        "labels": child_labels(f"r{number:03}"),
        "annotations": {INPUTS_ANNOTATION: random.choice(HOSTILE_TEXTS)},
        "resourceVersion": "1",
    }
    return {"metadata": metadata, "spec": {"template": {"spec": {"containers": []}}}}


@pytest.fixture
def names(fake_api: FakeApi) -> list[str]:
    """The names of resources that an API server has."""
    bodies = [resource(number) for number in range(NUMBER)]

    def put(kind: Kind, items: list[dict[str, Any]]) -> None:
        text = json.dumps({"metadata": {"resourceVersion": "9"}, "items": items})
        fake_api.objects[f"{kind.root}/{kind.plural}"] = text
        fake_api.objects[f"{kind.root}/namespaces/vision/{kind.plural}"] = text

    put(RESOURCE, bodies)
    put(DEPLOYMENT, [deployment(number) for number in range(NUMBER)])
    put(NODE, random_nodes(Random(1)))
    put(POD, [])
    put(HORIZONTAL_POD_AUTOSCALER, [])
    for body in bodies:
        path = f"{RESOURCE.root}/namespaces/vision/{RESOURCE.plural}/{body['metadata']['name']}"
        fake_api.objects[path] = body
    return [body["metadata"]["name"] for body in bodies]


def test_all_are_shown_in_one_table(names: list[str], internvl: Internvl) -> None:
    code, output, errors = internvl("status", "-A")
    assert (code, "Traceback" in errors) == (1, False)
    assert all(f" {name} " in output for name in names)
    code, output, _ = internvl("status", "-A", "-o", "json")
    assert [row["name"] for row in json.loads(output)["resources"]] == names


@pytest.mark.parametrize(
    "words",
    [
        ("status",),
        ("diff",),
        ("memory",),
        ("chat", "hello"),
        ("smoke",),
        ("bench",),
        ("bench", "--in-cluster"),
    ],
    ids=" ".join,
)
def test_each_is_shown_or_told_in_a_line(
    names: list[str], internvl: Internvl, words: tuple[str, ...]
) -> None:
    verb, *rest = words
    for name in names[:FEW]:
        code, output, errors = internvl(verb, name, *rest)
        assert code in (0, 1, 2)
        assert output + errors
        assert not {"\x1b", "\x9b", "\r", "\u202e"} & set(output + errors)
