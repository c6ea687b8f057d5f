"""Compares a live object with the manifest that was applied.

Why: docs/design/009-apply-and-ownership.md
"""

from collections.abc import Mapping, Sequence
from decimal import ROUND_UP, Decimal
from typing import Any

from internvl_operator.manifests.labels import MANIFEST_ANNOTATION
from internvl_operator.text.quantity import parse_quantity

_SCALARS = frozenset({str, bool, int})
_MAPPINGS = (dict, Mapping)
"""The type itself comes first: nearly every map is a dict, and asking an abstract class takes ten times as long."""
_QUANTITY_FIELDS = frozenset({"requests", "limits", "sizeLimit", "divisor", "averageValue"})
_THOUSANDTH = Decimal("0.001")
_KEPT_FIELDS = frozenset(
    {
        "emptyDir",
        "podSelector",
        "allowPrivilegeEscalation",
        "automountServiceAccountToken",
        "blockOwnerDeletion",
        "enableServiceLinks",
        "hostUsers",
        "privileged",
        "readOnlyRootFilesystem",
        "runAsNonRoot",
        "shareProcessNamespace",
    }
)
"""Fields in which an empty object or ``false`` differs from no value, and which the API server keeps: without
``automountServiceAccountToken: false`` a pod has a token.
"""

_MERGED_BY_NAME = frozenset(
    {
        "containers",
        "initContainers",
        "env",
        "ports",
        "volumes",
        "volumeMounts",
        "imagePullSecrets",
        "ownerReferences",
    }
)
"""Lists to which others may add items of other names, as injectors of sidecars do. Other lists are one value."""

_ATOMIC_FIELDS = frozenset({"selector", "podSelector", "nodeSelector"})
"""Maps that must be equal as a whole: an additional key selects other pods or nodes."""


def is_applied(desired: Mapping[str, Any], live: Mapping[str, Any]) -> bool:
    """Return whether a live object carries the hash of a manifest and every field of it.

    The hash differs when the manifest has dropped a field; a field differs when someone else has edited it. Fields
    that the manifest does not name belong to others: defaults of the API server, additions of other managers.
    """
    wanted = desired["metadata"]["annotations"][MANIFEST_ANNOTATION]
    carried = (live.get("metadata", {}).get("annotations") or {}).get(MANIFEST_ANNOTATION)
    return bool(wanted == carried) and all(
        _same(desired.get(section), live.get(section)) for section in ("metadata", "spec")
    )


def _same(desired: Any, live: Any, quantities: bool = False, is_merged: bool = False) -> bool:
    if desired is None:
        # The operator does not own this field: the live value is the API server's default, or someone else's.
        return True
    if type(desired) in _SCALARS and desired == live:
        return True
    if live is None:
        return _is_zero(desired)
    if isinstance(desired, _MAPPINGS):
        return isinstance(live, _MAPPINGS) and _same_map(desired, live, quantities)
    if isinstance(desired, Sequence) and not isinstance(desired, str):
        return isinstance(live, Sequence) and _same_list(desired, live, is_merged)
    return bool(desired == live) or (quantities and _same_quantity(desired, live))


def _same_map(desired: Mapping[str, Any], live: Mapping[str, Any], quantities: bool) -> bool:
    for key, value in desired.items():
        found = live.get(key)
        if value is None or (type(value) in _SCALARS and value == found):
            continue  # nearly every value is one of these
        if (
            not _same(value, found, quantities or key in _QUANTITY_FIELDS, key in _MERGED_BY_NAME)
            or (key in _KEPT_FIELDS and key not in live)
            or (key in _ATOMIC_FIELDS and not _adds_nothing(value, found))
        ):
            return False
    return True


def _same_quantity(desired: Any, live: Any) -> bool:
    """Return whether two amounts are equal for the API server, which rounds them up to thousandths."""
    try:
        wanted, stored = (
            parse_quantity(str(amount)).quantize(_THOUSANDTH, ROUND_UP) for amount in (desired, live)
        )
    except ValueError:
        return False
    return wanted == stored


def _same_list(desired: Sequence[Any], live: Sequence[Any], is_merged: bool) -> bool:
    """Compare the items by name where the API server merges the list by name and each has its own; else by position.

    An item that has no name, such as a peer of a NetworkPolicy, may have no further fields either.
    """
    names = [_name(item) for item in desired]
    if is_merged and None not in names and len(set(names)) == len(names):
        by_name = {_name(item): item for item in live}
        return all(_same(item, by_name.get(_name(item))) for item in desired)
    return len(desired) == len(live) and all(
        _same(wanted, item) and (_name(wanted) is not None or _adds_nothing(wanted, item))
        for wanted, item in zip(desired, live, strict=True)
    )


def _adds_nothing(desired: Any, live: Any) -> bool:
    """Return whether a live item has only the wanted fields: an additional one may let more peers in."""
    if isinstance(live, _MAPPINGS) and isinstance(desired, _MAPPINGS):
        return all(key in desired and _adds_nothing(desired[key], value) for key, value in live.items())
    return True


def _name(item: Any) -> str | None:
    return item.get("name") if isinstance(item, Mapping) else None


def _is_zero(value: Any) -> bool:
    """Return whether a value is empty, so that the API server may leave it out."""
    return value in (None, "", 0, False, [], {})
