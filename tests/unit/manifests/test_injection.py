"""Whatever a text of a spec holds, it changes no part of a manifest but its own value.

The texts are put in unchecked: the schema would refuse most of them, and the templates must not rely on it.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args, get_origin

import pytest
from pydantic import BaseModel

from internvl_operator.api.parsing import parse
from internvl_operator.api.v1alpha1 import InternVLDeployment, InternVLDeploymentSpec
from internvl_operator.manifests.labels import TEMPLATE_ANNOTATION
from internvl_operator.manifests.objects.deployment import deployment
from internvl_operator.manifests.objects.horizontalpodautoscaler import horizontal_pod_autoscaler
from internvl_operator.manifests.objects.networkpolicy import network_policy
from internvl_operator.manifests.objects.persistentvolumeclaim import owns_claim, persistent_volume_claim
from internvl_operator.manifests.objects.poddisruptionbudget import pod_disruption_budget
from internvl_operator.manifests.objects.podmonitor import pod_monitor
from internvl_operator.manifests.objects.service import service
from internvl_operator.manifests.record import with_record
from internvl_operator.text.quantity import parse_quantity
from tests.cluster.specs.right import RICH
from tests.cluster.specs.table import Spec, resource
from tests.hostile import HOSTILE_TEXTS
from tests.rendering import plan_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from internvl_operator.manifests.template import KubernetesObject
    from internvl_operator.planner.plan import Plan

Path = tuple[str | int, ...]

KEY = "key of "
"""Begins the last step of a path to the key of a map, where that of its value is the key alone."""

MARKER = "a marker that no manifest holds "
"""Begins a text that stands for one place: three digits follow."""

MARKED = re.compile(rf"{MARKER}\d{{3}}")
FEWEST = 200

SPECS: dict[str, Spec] = {
    # Without the cache, whose path in the claim has the revision with its slashes replaced.
    "hub": {**RICH, "model": {name: part for name, part in RICH["model"].items() if name != "cache"}},
    "cache": {"series": "InternVL3", **RICH},
    "shared cache": {**RICH, "model": {"cache": {"claimName": "models"}}},
    "claim": {
        **RICH,
        "model": {"source": {"persistentVolumeClaim": {"name": "models", "path": "internvl2/8b"}}},
    },
    "image": {
        **RICH,
        "model": {"source": {"image": {"reference": "example.com/m:v1", "pullPolicy": "Never"}}},
    },
}


@cache
def planned(name: str) -> tuple[InternVLDeployment, Plan]:
    return parse(resource(SPECS[name])), plan_of(SPECS[name])


def texts(value: object, path: Path = ()) -> Iterator[Path]:
    """Paths of all texts in a model, the keys of maps among them."""
    match value:
        case str():
            yield path
        case BaseModel():
            for name in (*type(value).model_fields, *(value.model_extra or {})):
                yield from texts(getattr(value, name), (*path, name))
        case dict():
            for key, item in value.items():
                yield (*path, f"{KEY}{key}")
                yield from texts(item, (*path, key))
        case list():
            for index, item in enumerate(value):
                yield from texts(item, (*path, index))


def with_text(value: Any, path: Path, text: str) -> Any:
    """A copy of a model with another text at a path, unchecked."""
    if not path:
        return text
    first, rest = path[0], path[1:]
    match value:
        case BaseModel():
            return value.model_copy(update={str(first): with_text(getattr(value, str(first)), rest, text)})
        case dict() if str(first).startswith(KEY):
            return {text if KEY + key == first else key: item for key, item in value.items()}
        case dict():
            return {**value, first: with_text(value[first], rest, text)}
        case _:
            assert isinstance(first, int)
            return [*value[:first], with_text(value[first], rest, text), *value[first + 1 :]]


def rendered(body: InternVLDeployment, plan: Plan) -> list[KubernetesObject]:
    """Every kind of child, whether or not the resource would have it."""
    return [
        deployment(body, plan),
        service(body),
        network_policy(body),
        pod_disruption_budget(body),
        horizontal_pod_autoscaler(body, plan),
        pod_monitor(body),
        *([persistent_volume_claim(body)] if owns_claim(body) else []),
    ]


def replaced(value: Any, texts: Mapping[str, str]) -> Any:
    """The value with each marker replaced by its text, wherever a text holds the marker."""
    match value:
        case str() if MARKER in value:
            return MARKED.sub(lambda marker: texts[marker[0]], value)
        case dict():
            return {replaced(key, texts): replaced(item, texts) for key, item in value.items()}
        case list():
            return [replaced(item, texts) for item in value]
        case _:
            return value


def strings(value: Any) -> Iterator[str]:
    match value:
        case str():
            yield value
        case dict():
            for key, item in value.items():
                yield from (key, *strings(item))
        case list():
            for item in value:
                yield from strings(item)


@cache
def places(spec: str) -> tuple[Path, ...]:
    """Paths of all texts of a resource that no resource before it has."""
    before = list(SPECS)[: list(SPECS).index(spec)]
    seen = {path for name in before for path in texts(planned(name)[0])}
    return tuple(path for path in texts(planned(spec)[0]) if path not in seen)


def with_texts(body: InternVLDeployment, texts: Mapping[Path, str]) -> InternVLDeployment:
    """A copy of a resource with other texts: those below a key before the key itself, which leads to them."""
    for path in sorted(texts, key=lambda path: (-len(path), str(path[-1]).startswith(KEY))):
        body = with_text(body, path, texts[path])
    return body


@cache
def marked(spec: str) -> tuple[dict[Path, str], set[str], list[KubernetesObject]]:
    """The marker of each place, the manifests with all of them, and every text in these.

    A key, a variable or a name that is there already would take the other's place.
    """
    body, plan = planned(spec)
    markers = {path: f"{MARKER}{number:03}" for number, path in enumerate(places(spec))}
    manifests = rendered(with_texts(body, markers), plan)
    return markers, set(strings(manifests)), manifests


def _is_quantity(text: str) -> bool:
    try:
        parse_quantity(text)
    except ValueError:
        return False
    return True


def decides(path: Path) -> bool:
    """Whether a quantity there decides something else than its own value.

    A limit bounds the request of the download, and a request of cpu decides how threads wait.
    """
    return "limits" in path or tuple(path[-2:]) == ("requests", "cpu")


def texts_of_round(spec: str, number: int) -> dict[Path, str]:
    """The text of each place in a round: each has another one, and after all rounds each has had them all."""
    markers, there, _ = marked(spec)
    chosen = (
        (path, HOSTILE_TEXTS[(place + number) % len(HOSTILE_TEXTS)]) for place, path in enumerate(markers)
    )
    return {
        path: text
        for path, text in chosen
        if text not in there and not (decides(path) and _is_quantity(text))
    }


@pytest.mark.parametrize("spec", SPECS)
@pytest.mark.parametrize("number", range(len(HOSTILE_TEXTS)))
def test_hostile_texts_change_nothing_but_themselves(spec: str, number: int) -> None:
    body, plan = planned(spec)
    markers, _, manifests = marked(spec)
    chosen = markers | texts_of_round(spec, number)
    expected = replaced(manifests, {marker: chosen[path] for path, marker in markers.items()})
    assert rendered(with_texts(body, chosen), plan) == expected


@pytest.mark.parametrize("spec", SPECS)
def test_each_place_is_tried_with_texts_enough(spec: str) -> None:
    assert len(places(spec)) <= len(HOSTILE_TEXTS)
    tried = Counter(path for number in range(len(HOSTILE_TEXTS)) for path in texts_of_round(spec, number))
    assert tried.keys() == set(places(spec))
    assert min(tried.values()) >= FEWEST


@pytest.mark.parametrize("text", HOSTILE_TEXTS[:: len(HOSTILE_TEXTS) // 40])
def test_the_record_of_a_hostile_text_is_read_back_as_it_is(text: str) -> None:
    body, plan = planned("hub")
    changed = deployment(with_text(body, ("spec", "pod_template", "scheduler_name"), text), plan)
    annotations = with_record(changed, plan, "inputs", None)["metadata"]["annotations"]
    assert json.loads(annotations[TEMPLATE_ANNOTATION]) == changed["spec"]["template"]


def test_every_text_of_the_api_is_tried() -> None:
    tried = {
        generic
        for name in SPECS
        for path in texts(planned(name)[0].spec)
        for generic in [generic_path(path, InternVLDeploymentSpec)]
    }
    assert set(text_fields(InternVLDeploymentSpec)) - tried == set()


def text_fields(annotation: Any, path: str = "") -> Iterator[str]:
    """Paths of all texts that a model can hold; ``[]`` stands for an item, ``*`` for a value, ``**`` for a key."""
    arguments, origin = get_args(annotation), get_origin(annotation)
    if annotation is str or (origin is Literal and isinstance(arguments[0], str)):
        yield path
    elif origin is list:
        yield from text_fields(arguments[0], f"{path}[]")
    elif origin is dict:
        yield f"{path}.**"
        yield from text_fields(arguments[1], f"{path}.*")
    elif isinstance(annotation, type) and issubclass(annotation, BaseModel):
        for name, field in annotation.model_fields.items():
            yield from text_fields(field.annotation, f"{path}.{name}")
    elif origin is not Literal:
        # A union, or a type with constraints, which are no types themselves.
        for choice in arguments:
            yield from text_fields(choice, path)


def generic_path(path: Path, annotation: Any) -> str:
    """The path of a text as `text_fields` writes it."""
    if not path:
        return ""
    first, rest = path[0], path[1:]
    for choice in (annotation, *get_args(annotation)):
        if get_origin(choice) is Annotated:
            choice = get_args(choice)[0]
        if get_origin(choice) is list and isinstance(first, int):
            return f"[]{generic_path(rest, get_args(choice)[0])}"
        if get_origin(choice) is dict:
            if str(first).startswith(KEY):
                return ".**"
            return f".*{generic_path(rest, get_args(choice)[1])}"
        if isinstance(choice, type) and issubclass(choice, BaseModel):
            field = choice.model_fields.get(str(first))
            return f".{first}{generic_path(rest, field.annotation if field else None)}"
    return f".{first}"
