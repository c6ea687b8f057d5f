"""Revisions of the pod template: which one runs, and what a newer operator would change.

Why: docs/design/004-sticky-plan-and-record.md
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

from internvl_operator.api.lifecycle import Rollout
from internvl_operator.manifests.labels import PLACEMENT_ANNOTATION, REVISION_LABEL
from internvl_operator.manifests.record import Record, digest, template_digest
from internvl_operator.manifests.template import KubernetesObject

MOST_CHANGES = 40
"""Changes that are listed: the status stays short."""

_LONGEST_VALUE = 120
_CONTEXT = 20
"""Characters that are shown before the first difference of two long texts."""

_PLACEMENT_FIELDS = ("nodeSelector", "affinity", "tolerations", "schedulerName", "runtimeClassName")


@dataclass(frozen=True, slots=True)
class Update:
    """A new pod template that the operator applies only when a user accepts it.

    Args:
        revision: the hash of the new pod template.
        changes: how it differs from the pod template that runs, a line per field.
    """

    revision: str
    changes: tuple[str, ...]


def with_revision(deployment: KubernetesObject) -> KubernetesObject:
    """Return a Deployment whose pods carry their revision, and a hash of what they need of a node."""
    template = deployment["spec"]["template"]
    metadata = template["metadata"]
    annotations = {**metadata.get("annotations", {}), PLACEMENT_ANNOTATION: digest(_placement(template))}
    template = {**template, "metadata": {**metadata, "annotations": annotations}}
    labels = {**metadata["labels"], REVISION_LABEL: template_digest(template)}
    template = {**template, "metadata": {**template["metadata"], "labels": labels}}
    return {**deployment, "spec": {**deployment["spec"], "template": template}}


def revision_of(deployment: Mapping[str, Any]) -> str:
    """Return the revision of a Deployment's pod template."""
    return str(deployment["spec"]["template"]["metadata"]["labels"][REVISION_LABEL])


def pin(
    deployment: KubernetesObject,
    inputs: str,
    stored: Record | None,
    rollout: Rollout,
    *,
    is_suspended: bool = False,
) -> tuple[KubernetesObject, Update | None]:
    """Return the Deployment with the pod template that runs, unless the spec asks for another one.

    A newer operator may render another pod template for the same inputs. That alone must not restart a model: the
    new pod template is then an update, which ``rollout`` may accept.

    Args:
        deployment: as this operator renders it, with its revision.
        inputs: hash of the inputs of plan and pod template.
        stored: the record of the pods that run, if there are any.
        rollout: which updates the user accepts.
        is_suspended: whether the resource is suspended: it keeps its pod template until it is resumed.

    Returns:
        The Deployment to apply, and the update that waits to be accepted, if there is one.
    """
    template = deployment["spec"]["template"]
    keeps_running = stored is not None and (is_suspended or stored.is_up_to_date_with(inputs))
    if stored is None or not keeps_running or stored.pod_template == template:
        return deployment, None
    pinned = {**deployment, "spec": {**deployment["spec"], "template": stored.pod_template}}
    if stored.is_newer or is_suspended:
        return pinned, None
    revision = revision_of(deployment)
    if rollout.operator_updates == "Automatic" or rollout.accepted_revision == revision:
        return deployment, None
    return pinned, Update(revision, changes_between(stored.pod_template, template))


def changes_between(before: Any, after: Any) -> tuple[str, ...]:
    """Return what differs between two pod templates, a line per field, at most ``MOST_CHANGES``."""
    changes = [change for change in _changes("", before, after) if not _is_derived(change)]
    if len(changes) > MOST_CHANGES:
        return (*changes[: MOST_CHANGES - 1], f"and {len(changes) - MOST_CHANGES + 1} more")
    return tuple(changes)


def _is_derived(change: str) -> bool:
    """Return whether a change is of a hash, which changes with the fields that it is computed from."""
    return change.startswith(
        (f"metadata.labels[{REVISION_LABEL}]", f"metadata.annotations[{PLACEMENT_ANNOTATION}]")
    )


def _placement(template: Mapping[str, Any]) -> Any:
    spec = template["spec"]
    limits = [container["resources"].get("limits", {}) for container in spec["containers"]]
    return [limits, *(spec.get(field) for field in _PLACEMENT_FIELDS)]


def _changes(path: str, before: Any, after: Any) -> Iterator[str]:
    if before == after:
        return
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for key in sorted({*before, *after}):
            step = f".{key}" if key.isalnum() else f"[{key}]"
            yield from _changes((path + step).removeprefix("."), before.get(key), after.get(key))
    elif (named := _by_name(before)) is not None and (new := _by_name(after)) is not None:
        for name in sorted({*named, *new}):
            yield from _changes(f"{path}[{name}]", named.get(name), new.get(name))
    elif isinstance(before, list) and isinstance(after, list):
        yield from _changed_items(path, before, after)
    elif isinstance(before, str) and isinstance(after, str):
        start = _start_of_difference(before, after)
        yield f"{path}: {_shown(before, start)} -> {_shown(after, start)}"
    else:
        yield f"{path}: {_shown(before)} -> {_shown(after)}"


def _changed_items(path: str, before: list[Any], after: list[Any]) -> Iterator[str]:
    """Yield how two lists differ; equal items at the beginning and at the end are left out."""
    head = _same_items(before, after)
    tail = _same_items(before[head:][::-1], after[head:][::-1])
    old, new = before[head : len(before) - tail], after[head : len(after) - tail]
    if len(old) == len(new) == 1:
        previous = before[head - 1] if head else None
        is_value = isinstance(previous, str) and previous.startswith("--")
        yield from _changes(f"{path}[{previous if is_value else head}]", old[0], new[0])
    else:
        yield f"{path}: {_shown(old or None)} -> {_shown(new or None)}"


def _start_of_difference(before: str, after: str) -> int:
    """Return the index from which two texts are shown: for long texts a little before their first difference."""
    if max(len(before), len(after)) <= _LONGEST_VALUE:
        return 0
    return max(0, _same_items(before, after) - _CONTEXT)


def _same_items(before: Sequence[Any], after: Sequence[Any]) -> int:
    """Return how many items two sequences have in common at their beginning."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(before, after, strict=False)))


def _by_name(value: Any) -> dict[str, Any] | None:
    """Return the items of a list by name, or None when an item has no name."""
    if (
        isinstance(value, list)
        and value
        and all(isinstance(item, Mapping) and "name" in item for item in value)
    ):
        return {item["name"]: item for item in value}
    return None


def _shown(value: Any, start: int = 0) -> str:
    text = "nothing" if value is None else str(value)
    text = f"...{text[start:]}" if start else text
    return text if len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]}..."
