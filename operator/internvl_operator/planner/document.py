"""The plan as a JSON document: one form for ``internvl plan -o json``, ``status.plan`` and the stored plan.

The document has the fields of ``Plan``, in their order, with their names in camelCase. The tables below list the
exceptions. Stored plans are compared by their bytes, so neither the order nor the form of an entry may change.

Example:
    >>> from internvl_operator import plan
    >>> document = plan_document(plan("8B", gpu="L40S"))
    >>> document["quantization"], document["tp"], document["memory"]["weightsMiB"]
    ('None', 1, 15403)
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields
from operator import attrgetter
from typing import Any, NamedTuple

from internvl_operator.catalog.engine_options import EngineOptions
from internvl_operator.catalog.models import INTERNVL2, Backend
from internvl_operator.planner.explain import Alternative
from internvl_operator.planner.memory.estimate import MemoryEstimate
from internvl_operator.planner.outcome import Outcome
from internvl_operator.planner.plan import Plan
from internvl_operator.planner.speed.speed_estimate import Speed, Utilization
from internvl_operator.text.spelling import to_kubernetes

Document = dict[str, Any]

_BOOLEANS = {"awq": ("quantization", ("None", "AWQ")), "float16": ("dtype", ("auto", "float16"))}
"""Boolean fields: the key of each in the document, and what is written for False and for True."""

_SPEED_FIELD = "speed"
"""The field that a document has for people alone: it is not stored, and not read back."""

_COMPUTED: Mapping[str, tuple[str, Callable[[Plan], Any]]] = {
    "tp": ("gpus", lambda plan: plan.gpus),
    "sessionLen": ("effectiveSessionLen", lambda plan: plan.memory.effective_session_len),
}
"""Entries that are no fields but computed from the plan, by the key of the entry after which they stand."""

_IMPLIED: Mapping[str, Any] = {"series": INTERNVL2}
"""Entries that are not stored if they have this value, as older operators did not know them."""

_WRITERS: Mapping[str, Callable[[Any], Any]] = {
    "outcome": lambda outcome: outcome.value,
    "backend": lambda backend: backend.value,
    "node_selector": dict,
    "warnings": list,
    "notes": list,
    "alternatives": lambda items: list(map(_alternative_document, items)),
    "limit": lambda limit: limit.value,
    "utilization": lambda utilization: _to_document(utilization, _UTILIZATION_KEYS),
    "node_terms": lambda terms: [list(map(dict, term)) for term in terms],
    "tolerations": lambda items: list(map(dict, items)),
}
"""Converts the value of a field to JSON, for fields whose value is not JSON already."""

_OMITTED_WHEN_EMPTY = ("image_variant", "node_terms", "tolerations", "cpu_millis")
"""Fields that older operators did not know: left out where empty, so that the bytes of older plans stay the same."""

_READERS: Mapping[str, Callable[[Any], Any]] = {
    "outcome": Outcome,
    "backend": Backend,
    "warnings": tuple,
    "notes": tuple,
    "alternatives": lambda items: tuple(map(_alternative, items)),
    "node_terms": lambda terms: tuple(map(tuple, terms)),
    "tolerations": tuple,
}
"""Converts JSON back to the value of a field, for fields whose value is not JSON already."""


def _keys(
    owner: type[Plan | EngineOptions | MemoryEstimate | Alternative | Speed | Utilization],
) -> dict[str, str]:
    """Return the document's keys for the fields of a dataclass, such as ``kvTokens`` for ``kv_tokens``."""
    return {field.name: to_kubernetes(field.name) for field in fields(owner) if field.name != _SPEED_FIELD}


def _split(keys: Mapping[str, str], *names: str) -> tuple[dict[str, str], dict[str, str]]:
    """Return the keys of the named fields, and the keys of the other fields."""
    return {name: keys[name] for name in names}, {name: keys[name] for name in keys if name not in names}


_PLAN_KEYS = _keys(Plan)
_OPTIONS_KEYS = _keys(EngineOptions)
_DEFAULTS = {field.name: field.default for field in fields(EngineOptions)}
_ALTERNATIVE_KEYS: Mapping[str, str] = _keys(Alternative)
_SPEED_KEYS: Mapping[str, str] = _keys(Speed)
_UTILIZATION_KEYS: Mapping[str, str] = _keys(Utilization)
# A MemoryEstimate is not written in one piece. Some of its fields are fields of Plan too and are written as those; some
# stand at the top of the document; the others are the document's entry "memory".
_IN_PLAN_TOO, _MEMORY_KEYS = _split(
    _keys(MemoryEstimate), "outcome", "cache_max_entry_count", "effective_session_len"
)
_AT_THE_TOP, _IN_MEMORY = _split(_MEMORY_KEYS, "kv_tokens", "kv_bytes_per_token")


def plan_document(plan: Plan) -> Document:
    """Return a plan as JSON: camelCase, memory in MiB per GPU, and the speed if the plan has one."""
    document: Document = {}
    for key, value_of, is_omitted_when_empty in _ENTRIES:
        value = value_of(plan)
        if not is_omitted_when_empty or value not in ("", [], None):
            document[key] = value
    if plan.speed is not None:
        document[_SPEED_FIELD] = _to_document(plan.speed, _SPEED_KEYS)
    return document


def stored_document(plan: Plan) -> Document:
    """Return a plan as the record stores it: the same bytes that older operators wrote for the same plan.

    The speed is left out: it is computed anew each time, so that a better speed model restarts no pods.
    """
    return {
        key: value
        for key, value in plan_document(plan).items()
        if key != _SPEED_FIELD and (key not in _IMPLIED or value != _IMPLIED[key])
    }


def plan_from_document(document: Document) -> Plan:
    """Return the plan of a document that ``plan_document`` or ``stored_document`` made, without its speed.

    An engine option that the document lacks was unknown to the operator that wrote it: the engine runs with that
    option's default.

    Raises:
        KeyError: the document lacks a field.
        ValueError: an entry has a value that is not allowed.
    """
    document = {**_IMPLIED, **document}
    memory = _from_document(document["memory"], _IN_MEMORY) | _from_document(
        document, _AT_THE_TOP | _IN_PLAN_TOO
    )
    options = {name: document.get(key, _DEFAULTS[name]) for name, key in _OPTIONS_KEYS.items()}
    values: dict[str, Any] = {"memory": MemoryEstimate(**memory), "options": EngineOptions(**options)}
    values |= {name: document[key] == words[True] for name, (key, words) in _BOOLEANS.items()}
    keys = {
        name: key
        for name, key in _PLAN_KEYS.items()
        if name not in values and (name not in _OMITTED_WHEN_EMPTY or key in document)
    }
    return Plan(**values, **_from_document(document, keys))


class _Entry(NamedTuple):
    """One entry of the document: its key, and how its value, which is JSON, follows from a plan."""

    key: str
    value_of: Callable[[Plan], Any]
    is_omitted_when_empty: bool = False


def _entries() -> Iterator[_Entry]:
    """Yield the entries of a document, in their order."""
    for entry in _fields_of_plan():
        yield entry
        if entry.key in _COMPUTED:
            yield _Entry(*_COMPUTED[entry.key])


def _fields_of_plan() -> Iterator[_Entry]:
    """Yield the entries that are fields of the plan, of its options or of its memory."""
    for name, key in _PLAN_KEYS.items():
        if name in _BOOLEANS:
            flag, words = _BOOLEANS[name]
            yield _Entry(flag, _converted(name, words.__getitem__))
        elif name == "options":
            yield from (_Entry(key, attrgetter(f"options.{name}")) for name, key in _OPTIONS_KEYS.items())
        elif name == "memory":
            yield _Entry(key, _converted(name, lambda memory: _to_document(memory, _IN_MEMORY)))
            yield from (_Entry(key, attrgetter(f"memory.{name}")) for name, key in _AT_THE_TOP.items())
        else:
            yield _Entry(key, _converted(name, _WRITERS.get(name)), name in _OMITTED_WHEN_EMPTY)


def _converted(name: str, writer: Callable[[Any], Any] | None) -> Callable[[Plan], Any]:
    """Return what reads a field of a plan, and converts its value to JSON."""
    read = attrgetter(name)
    return read if writer is None else lambda plan: writer(read(plan))


def _alternative_document(alternative: Alternative) -> Document:
    return _to_document(alternative, _ALTERNATIVE_KEYS)


def _alternative(document: Document) -> Alternative:
    return Alternative(**_from_document(document, _ALTERNATIVE_KEYS))


def _to_document(value: object, keys: Mapping[str, str]) -> Document:
    """Return the fields of an object that ``keys`` names, as JSON under their keys."""
    return {
        key: _WRITERS[name](getattr(value, name)) if name in _WRITERS else getattr(value, name)
        for name, key in keys.items()
    }


def _from_document(document: Document, keys: Mapping[str, str]) -> dict[str, Any]:
    """Return the values of the fields that ``keys`` names, by their names."""
    return {
        name: _READERS[name](document[key]) if name in _READERS else document[key]
        for name, key in keys.items()
    }


_ENTRIES = tuple(_entries())
