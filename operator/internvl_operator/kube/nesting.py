"""Reads JSON that is nested too deeply for a parser: the deepest part is left out, and the rest is read.

Anyone who may write an object can nest it 10,000 levels deep, in a field without a schema or in ``managedFields``.
orjson reads 1,024 levels and writes 254; Python's own recursion ends before 1,000.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from internvl_operator.kube.port import KubernetesObject

MOST_LEVELS = 100
"""Levels that are kept of an object that is nested too deeply: more than any kind of Kubernetes has."""

LEFT_OUT = "(left out: nested too deep)"
"""Stands where something was left out."""

_LEFT_OUT = orjson.dumps(LEFT_OUT)
_TOKEN = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|[\[\]{}]', re.DOTALL)
_MOST_STEPS = 3


def decoded(content: bytes) -> Any:
    """Return a JSON document, without what is nested too deep to be read.

    Raises:
        ValueError: it is no JSON.
    """
    try:
        return orjson.loads(content)
    except ValueError:
        return orjson.loads(b"".join(_shallow(content)))


def encoded(body: KubernetesObject) -> bytes:
    """Return an object as JSON, without what is nested too deep to be written.

    Raises:
        TypeError: it is not made of JSON's types.
    """
    try:
        return orjson.dumps(body)
    except TypeError:
        return orjson.dumps(pruned(body, MOST_LEVELS))


def pruned(value: Any, levels: int) -> Any:
    """Return a JSON value of at most so many levels."""
    if not isinstance(value, dict | list):
        return value
    if levels == 0:
        return LEFT_OUT
    if isinstance(value, dict):
        return {key: pruned(item, levels - 1) for key, item in value.items()}
    return [pruned(item, levels - 1) for item in value]


def too_deep(value: Mapping[str, Any], most: int) -> str | None:
    """Return the first steps of the path to something that is nested deeper than so many levels, if there is any.

    Example:
        >>> too_deep({"podTemplate": {"affinity": {"a": {"a": {}}}}}, 3)
        'podTemplate.affinity.a'
    """
    pending: list[tuple[Any, int, tuple[str, ...]]] = [(value, 1, ())]
    while pending:
        current, level, path = pending.pop()
        if not isinstance(current, Mapping | list):
            continue
        if level > most:
            return ".".join(path)
        items = current.items() if isinstance(current, Mapping) else enumerate(current)
        for key, item in items:
            pending.append((item, level + 1, (*path, str(key)[:63]) if level <= _MOST_STEPS else path))
    return None


def _shallow(content: bytes) -> Iterator[bytes]:
    """Yield the parts of a JSON text, with a text in place of each value that is too deep."""
    level, begin = 0, 0
    for token in _TOKEN.finditer(content):
        match content[token.start()]:
            case 0x5B | 0x7B:  # [ {
                level += 1
                if level == MOST_LEVELS + 1:
                    yield content[begin : token.start()]
                    yield _LEFT_OUT
            case 0x5D | 0x7D:  # ] }
                if level == MOST_LEVELS + 1:
                    begin = token.end()
                level -= 1
    yield content[begin:]
