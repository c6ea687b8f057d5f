"""The plan as a JSON document: one form for ``internvl plan -o json``, ``status.plan`` and the stored plan.

The document is made from the fields of ``Plan``, in their order and under their names in camelCase. Stored plans
are compared by their bytes: what stands elsewhere or is written in another way is listed below.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields
from typing import Any

from internvl_operator.catalog.engine_options import EngineOptions
from internvl_operator.catalog.models import INTERNVL2, Backend
from internvl_operator.planner.explain import Alternative
from internvl_operator.planner.memory.estimate import MemoryEstimate
from internvl_operator.planner.outcome import Outcome
from internvl_operator.planner.plan import Plan
from internvl_operator.planner.speed.speed_estimate import Speed, Utilization
from internvl_operator.text.spelling import to_kubernetes

Document = dict[str, Any]

_FLAGS = {"awq": ("quantization", ("None", "AWQ")), "float16": ("dtype", ("auto", "float16"))}
"""Fields that are true or false, with their keys and the words for both."""

_NOT_STORED = "speed"
"""The field that a document has only where it is for people: a plan is stored and read again without it."""

_DERIVED: Mapping[str, tuple[str, Callable[[Plan], Any]]] = {
    "tp": ("gpus", lambda plan: plan.gpus),
    "sessionLen": ("effectiveSessionLen", lambda plan: plan.memory.effective_session_len),
}
"""Entries that follow another entry, by its key."""

_UNSAID: Mapping[str, Any] = {"series": INTERNVL2}
"""Entries that operators have not always written, with what their absence means."""

_WRITERS: Mapping[str, Callable[[Any], Any]] = {
    "outcome": lambda outcome: outcome.value,
    "backend": lambda backend: backend.value,
    "node_selector": dict,
    "warnings": list,
    "notes": list,
    "alternatives": lambda items: list(map(_alternative_document, items)),
    "limit": lambda limit: limit.value,
    "utilization": lambda utilization: _written(utilization, _UTILIZATION),
    "node_terms": lambda terms: [list(map(dict, term)) for term in terms],
    "tolerations": lambda items: list(map(dict, items)),
}
"""How a field's value is written, where it is not JSON already."""

_LATER = ("image_variant", "node_terms", "tolerations", "cpu_millis")
"""Fields that plans had not from the beginning: their defaults are left out, so that older plans read back the same."""

_READERS: Mapping[str, Callable[[Any], Any]] = {
    "outcome": Outcome,
    "backend": Backend,
    "warnings": tuple,
    "notes": tuple,
    "alternatives": lambda items: tuple(map(_alternative, items)),
    "node_terms": lambda terms: tuple(map(tuple, terms)),
    "tolerations": tuple,
}
"""How it is read again."""


def _keys(
    owner: type[Plan | EngineOptions | MemoryEstimate | Alternative | Speed | Utilization],
) -> dict[str, str]:
    """Return the keys of a dataclass's fields by their names."""
    return {field.name: to_kubernetes(field.name) for field in fields(owner) if field.name != _NOT_STORED}


def _split(keys: Mapping[str, str], *names: str) -> tuple[dict[str, str], dict[str, str]]:
    """Return the keys of these fields, and those of the others."""
    return {name: keys[name] for name in names}, {name: keys[name] for name in keys if name not in names}


_PLAN = _keys(Plan)
_OPTIONS = _keys(EngineOptions)
_DEFAULTS = {field.name: field.default for field in fields(EngineOptions)}
_ALTERNATIVE: Mapping[str, str] = _keys(Alternative)
_SPEED: Mapping[str, str] = _keys(Speed)
_UTILIZATION: Mapping[str, str] = _keys(Utilization)
# Some fields of the memory stand beside it in the document, or in the plan too.
_OF_PLAN, _MEMORY = _split(_keys(MemoryEstimate), "outcome", "cache_max_entry_count", "effective_session_len")
_BESIDE_MEMORY, _IN_MEMORY = _split(_MEMORY, "kv_tokens", "kv_bytes_per_token")


def plan_document(plan: Plan) -> Document:
    """Return a plan as JSON, in camelCase, memory in MiB per GPU, with its speed where it has one."""
    document: Document = {}
    for key, value in _entries(plan):
        document[key] = value
        if key in _DERIVED:
            derived, value_of = _DERIVED[key]
            document[derived] = value_of(plan)
    if plan.speed is not None:
        document[_NOT_STORED] = _written(plan.speed, _SPEED)
    return document


def stored_document(plan: Plan) -> Document:
    """Return a plan as it is stored beside what runs: the bytes that older operators wrote for the same plan.

    A plan's speed is worked out fresh each time, so that better constants restart nothing.
    """
    return {
        key: value
        for key, value in plan_document(plan).items()
        if key != _NOT_STORED and (key not in _UNSAID or value != _UNSAID[key])
    }


def plan_from_document(document: Document) -> Plan:
    """Return the plan that a document was made from, whole or as it was stored, without its speed.

    An option of the engine that the document lacks was not known to the operator that wrote it, so the engine
    runs with that option's default.

    Raises:
        KeyError: the document lacks a field.
        ValueError: a field is not what it should be.
    """
    document = {**_UNSAID, **document}
    memory = _read(document["memory"], _IN_MEMORY) | _read(document, _BESIDE_MEMORY | _OF_PLAN)
    options = {name: document.get(key, _DEFAULTS[name]) for name, key in _OPTIONS.items()}
    values: dict[str, Any] = {"memory": MemoryEstimate(**memory), "options": EngineOptions(**options)}
    values |= {name: document[key] == words[True] for name, (key, words) in _FLAGS.items()}
    keys = {
        name: key
        for name, key in _PLAN.items()
        if name not in values and (name not in _LATER or key in document)
    }
    return Plan(**values, **_read(document, keys))


def _entries(plan: Plan) -> Iterator[tuple[str, Any]]:
    for name, key in _PLAN.items():
        value = getattr(plan, name)
        if name in _LATER and value in ("", (), None):
            continue
        if name in _FLAGS:
            flag, words = _FLAGS[name]
            yield flag, words[value]
        elif name == "options":
            yield from _written(value, _OPTIONS).items()
        elif name == "memory":
            yield key, _written(value, _IN_MEMORY)
            yield from _written(value, _BESIDE_MEMORY).items()
        else:
            yield key, _WRITERS[name](value) if name in _WRITERS else value


def _alternative_document(alternative: Alternative) -> Document:
    return _written(alternative, _ALTERNATIVE)


def _alternative(document: Document) -> Alternative:
    return Alternative(**_read(document, _ALTERNATIVE))


def _written(value: object, keys: Mapping[str, str]) -> Document:
    """Return some fields of an object as JSON."""
    return {
        key: _WRITERS[name](getattr(value, name)) if name in _WRITERS else getattr(value, name)
        for name, key in keys.items()
    }


def _read(document: Document, keys: Mapping[str, str]) -> dict[str, Any]:
    """Return some fields by their names."""
    return {
        name: _READERS[name](document[key]) if name in _READERS else document[key]
        for name, key in keys.items()
    }
