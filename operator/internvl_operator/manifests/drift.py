"""Tells whether a live object still is what was applied.

Why: docs/design/009-apply-and-ownership.md
"""

from collections.abc import Mapping, Sequence
from decimal import ROUND_UP, Decimal
from typing import Any

from internvl_operator.manifests.labels import MANIFEST_ANNOTATION
from internvl_operator.quantity import parse_quantity

_QUANTITY_FIELDS = frozenset({"requests", "limits", "sizeLimit", "divisor", "averageValue"})
_THOUSANDTH = Decimal("0.001")
_STRUCTURES = frozenset({"emptyDir", "podSelector"})
"""Empty structures that say something by being there, and that the API server therefore keeps."""

_ATOMIC_FIELDS = frozenset({"selector", "podSelector", "nodeSelector"})
"""Maps that server-side apply owns as a whole: a key more selects other pods or nodes."""


def is_applied(desired: Mapping[str, Any], live: Mapping[str, Any]) -> bool:
    """Return whether a live object carries the hash of a manifest and every field of it.

    The hash shows that a field is no longer wanted; the fields show an edit by someone else. Fields that the
    manifest does not name are not ours: defaults of the API server, other managers' additions.
    """
    wanted = desired["metadata"]["annotations"][MANIFEST_ANNOTATION]
    carried = (live.get("metadata", {}).get("annotations") or {}).get(MANIFEST_ANNOTATION)
    return bool(wanted == carried) and all(
        _same(desired.get(section), live.get(section)) for section in ("metadata", "spec")
    )


def _same(desired: Any, live: Any, quantities: bool = False) -> bool:
    if desired is None:
        # An apply without a value is none of the field: what is there is the API server's default, or another's.
        return True
    if live is None:
        return _is_zero(desired)
    if isinstance(desired, Mapping):
        return isinstance(live, Mapping) and all(
            _same(value, live.get(key), quantities or key in _QUANTITY_FIELDS)
            and (key not in _STRUCTURES or key in live or value is None)
            and (key not in _ATOMIC_FIELDS or _adds_nothing(value, live.get(key)))
            for key, value in desired.items()
        )
    if isinstance(desired, Sequence) and not isinstance(desired, str):
        return isinstance(live, Sequence) and _same_list(desired, live)
    return bool(desired == live) or (quantities and _same_quantity(desired, live))


def _same_quantity(desired: Any, live: Any) -> bool:
    """Compare as the API server stores amounts: in its own spelling, rounded up to thousandths."""
    try:
        wanted, stored = (
            parse_quantity(str(amount)).quantize(_THOUSANDTH, ROUND_UP) for amount in (desired, live)
        )
    except ValueError:
        return False
    return wanted == stored


def _same_list(desired: Sequence[Any], live: Sequence[Any]) -> bool:
    """Compare by name where the API server merges by name, else one by one: such lists have one owner."""
    names = [_name(item) for item in desired]
    if names and None not in names:
        by_name = {_name(item): item for item in live}
        return all(_same(item, by_name.get(_name(item))) for item in desired)
    return len(desired) == len(live) and all(
        _same(wanted, item) and _adds_nothing(wanted, item)
        for wanted, item in zip(desired, live, strict=True)
    )


def _adds_nothing(desired: Any, live: Any) -> bool:
    """Tell whether a live item has no field beside the wanted ones: another peer or selector lets more in."""
    if isinstance(live, Mapping) and isinstance(desired, Mapping):
        return all(key in desired and _adds_nothing(desired[key], value) for key, value in live.items())
    return True


def _name(item: Any) -> str | None:
    return item.get("name") if isinstance(item, Mapping) else None


def _is_zero(value: Any) -> bool:
    """The API server leaves out what is empty."""
    return value in (None, "", 0, False, [], {})
