"""The plan as a JSON document: one form for ``internvl plan -o json``, ``status.plan`` and the stored plan.

The document is made from the fields of ``Plan``, in their order and under their names in camelCase. Stored plans
are compared by their bytes: what stands elsewhere or is written in another way is listed below.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields
from enum import StrEnum
from typing import Any

from internvl_operator.catalog.engine_options import EngineOptions
from internvl_operator.catalog.models import Backend
from internvl_operator.planner.explain import Alternative
from internvl_operator.planner.memory.estimate import MemoryEstimate
from internvl_operator.planner.outcome import Outcome
from internvl_operator.planner.plan import Plan
from internvl_operator.spelling import to_kubernetes

Document = dict[str, Any]

_FLAGS = {"awq": ("quantization", ("None", "AWQ")), "float16": ("dtype", ("auto", "float16"))}
"""Fields that are true or false, with their keys and the words for both."""

_DERIVED: Mapping[str, tuple[str, Callable[[Plan], Any]]] = {
    "tp": ("gpus", lambda plan: plan.gpus),
    "sessionLen": ("effectiveSessionLen", lambda plan: plan.memory.effective_session_len),
}
"""Entries that follow another entry, by its key."""

_SHARED = ("outcome", "cache_max_entry_count")
"""Fields of the memory that the plan has too."""

_BESIDE_MEMORY = ("kv_tokens", "kv_bytes_per_token")
"""Fields of the memory that follow it in the document."""

_PARTS = tuple(
    name
    for name in (field.name for field in fields(MemoryEstimate))
    if name not in (*_SHARED, *_BESIDE_MEMORY, "effective_session_len")
)
"""Fields of the memory that stand in it in the document."""

_READERS: Mapping[str, Callable[[Any], Any]] = {
    "outcome": Outcome,
    "backend": Backend,
    "warnings": tuple,
    "notes": tuple,
    "alternatives": lambda items: tuple(map(_alternative, items)),
}
"""How a value of the document becomes a field's, where it is not that already."""


def plan_document(plan: Plan) -> Document:
    """Return a plan as JSON, in camelCase, memory in MiB per GPU."""
    document: Document = {}
    for key, value in _entries(plan):
        document[key] = value
        if key in _DERIVED:
            derived, value_of = _DERIVED[key]
            document[derived] = value_of(plan)
    return document


def plan_from_document(document: Document) -> Plan:
    """Return the plan that a document was made from.

    An option of the engine that the document lacks was not known to the operator that wrote it, so the engine
    runs with that option's default.

    Raises:
        KeyError: the document lacks a field.
        ValueError: a field is not what it should be.
    """
    values: dict[str, Any] = {"memory": _memory(document), "options": _options(document)}
    for field in fields(Plan):
        if field.name in _FLAGS:
            key, words = _FLAGS[field.name]
            values[field.name] = document[key] == words[True]
        elif field.name not in values:
            values[field.name] = _read(field.name, document)
    return Plan(**values)


def _entries(plan: Plan) -> Iterator[tuple[str, Any]]:
    for field in fields(plan):
        value = getattr(plan, field.name)
        if field.name in _FLAGS:
            key, words = _FLAGS[field.name]
            yield key, words[value]
        elif field.name == "options":
            yield from _object(value).items()
        elif field.name == "memory":
            yield "memory", {_KEYS[name]: getattr(value, name) for name in _PARTS}
            yield from ((_KEYS[name], getattr(value, name)) for name in _BESIDE_MEMORY)
        else:
            yield _KEYS[field.name], _plain(value)


def _plain(value: Any) -> Any:
    """Return a field's value as JSON."""
    match value:
        case StrEnum():
            return value.value
        case Alternative():
            return _object(value)
        case tuple():
            return [_plain(item) for item in value]
        case Mapping():
            return dict(value)
        case _:
            return value


def _object(value: EngineOptions | Alternative) -> Document:
    return {_KEYS[field.name]: _plain(getattr(value, field.name)) for field in fields(value)}


def _read(name: str, document: Document) -> Any:
    value = document[_KEYS[name]]
    return _READERS[name](value) if name in _READERS else value


def _alternative(document: Document) -> Alternative:
    return Alternative(**{field.name: _read(field.name, document) for field in fields(Alternative)})


def _options(document: Document) -> EngineOptions:
    return EngineOptions(
        **{field.name: document.get(_KEYS[field.name], field.default) for field in fields(EngineOptions)}
    )


def _memory(document: Document) -> MemoryEstimate:
    parts = {name: document["memory"][_KEYS[name]] for name in _PARTS}
    others = {field.name for field in fields(MemoryEstimate)} - parts.keys()
    return MemoryEstimate(**parts, **{name: _read(name, document) for name in others})


_KEYS = {
    field.name: to_kubernetes(field.name)
    for owner in (Plan, EngineOptions, MemoryEstimate, Alternative)
    for field in fields(owner)
}
"""The keys of all fields by name."""
