"""Renders the YAML templates so that no value can leave its place.

A value never becomes text. The template is rendered with a numbered slot for each ``{{ expression }}``, the YAML is
parsed, and the values replace the slots in the parsed document. The rendered text depends only on the branches that
the template took, so that each combination of branches is parsed once.

Why: docs/design/003-slots-in-templates.md
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from math import isfinite
from typing import Any

import yaml
from jinja2 import Environment, PackageLoader, StrictUndefined, Template, Undefined, pass_context
from jinja2.runtime import Context

KubernetesObject = dict[str, Any]

_VALUES = "values of the slots"
_LAYOUTS = 256
"""Parsed documents that are kept: one for each combination of branches that is in use."""
_IMMUTABLE = frozenset({str, bool, int, type(None)})


@dataclass(frozen=True, slots=True)
class _Slot:
    """The place of a value in a parsed document."""

    number: int


def render(template: str, values: Mapping[str, Any]) -> KubernetesObject:
    """Return the object that a template of this package describes; it shares no list or dict with the values.

    Example:
        >>> from internvl_operator.manifests.labels import child_labels, selector
        >>> names = {"name": "captions", "namespace": "vision"}
        >>> labels = {"labels": child_labels("captions"), "selector": selector("captions")}
        >>> render("poddisruptionbudget", names | labels)["kind"]
        'PodDisruptionBudget'

    Args:
        template: the name of a file in ``templates/``, without ``.yaml.j2``.
        values: the variables of the template.

    Raises:
        jinja2.UndefinedError: the template uses a value that is not given.
        TypeError: a value is not made of JSON's types.
        ValueError: a float is not finite.
    """
    return render_from(_template(template), values)


def render_from(template: Template, values: Mapping[str, Any]) -> KubernetesObject:
    """Return the object that a template of ``environment`` describes, as ``render`` does."""
    slots: list[Any] = []
    text = template.render({**values, _VALUES: slots})
    manifest: KubernetesObject = _fill(_parsed(text), slots)
    return manifest


def environment(**options: Any) -> Environment:
    """Return the environment in which every expression of a template becomes a slot."""
    return Environment(
        undefined=StrictUndefined,
        finalize=_slot,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=False,
        **options,
    )


@pass_context
def _slot(context: Context, value: Any) -> str:
    if isinstance(value, Undefined):
        return str(value)  # raises UndefinedError, which names what is missing
    slots = context[_VALUES]
    slots.append(value)
    return f"!slot {len(slots) - 1}"


def _fill(node: Any, slots: list[Any]) -> Any:
    kind = type(node)
    if kind in _IMMUTABLE:
        return node
    if kind is _Slot:
        return _copied(slots[node.number])
    if kind is dict:
        return {_fill(key, slots): _fill(item, slots) for key, item in node.items()}
    if kind is list:
        return [_fill(item, slots) for item in node]
    return node


def _copied(value: Any) -> Any:
    """Return a JSON value of plain dicts and lists."""
    # The types themselves come first: nearly every value has one of them, and this is asked more than anything else.
    kind = type(value)
    if kind in _IMMUTABLE:
        return value
    if kind is dict:
        return {_key(key): _copied(item) for key, item in value.items()}
    match value:
        case str():
            return str(value)  # plain, also when it is a member of an enum
        case bool() | int() | None:
            return value
        case float() if isfinite(value):
            return value
        case float():
            raise ValueError(f"{value} is not JSON compliant")
        case Mapping():
            return {_key(key): _copied(item) for key, item in value.items()}
        case list() | tuple():
            return [_copied(item) for item in value]
        case _:
            raise TypeError(f"a {type(value).__name__} has no place in JSON")


def _key(key: Any) -> str:
    if not isinstance(key, str):
        raise TypeError(f"a {type(key).__name__} is no key in JSON")
    return key


_FastLoader: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Loader(_FastLoader):  # type: ignore[misc, valid-type]
    """Loads YAML with the additional tag ``!slot``."""


def _construct_slot(_: yaml.SafeLoader, node: yaml.ScalarNode) -> _Slot:
    return _Slot(int(node.value))


_Loader.add_constructor("!slot", _construct_slot)


@lru_cache(_LAYOUTS)
def _parsed(text: str) -> Any:
    document = yaml.load(text, Loader=_Loader)
    if sum(1 for _ in _slots(document)) != text.count("!slot "):
        raise ValueError("an expression of a template is a part of a longer text, and not a whole value")
    return document


def _slots(node: Any) -> Iterator[_Slot]:
    match node:
        case _Slot():
            yield node
        case dict():
            for pair in node.items():
                yield from _slots([*pair])
        case list():
            for item in node:
                yield from _slots(item)


@cache
def _template(name: str) -> Template:
    return environment(loader=PackageLoader("internvl_operator.manifests")).get_template(f"{name}.yaml.j2")
