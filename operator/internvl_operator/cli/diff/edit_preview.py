"""What an edit of a resource would do to its pods: the controller's own answer, before anything is applied."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from internvl_operator.api.platform_defaults import PlatformDefaults
from internvl_operator.desired import Desired, InventorySource, desired_state
from internvl_operator.kube.port import KubernetesObject
from internvl_operator.manifests.children import Children
from internvl_operator.manifests.record import record_of
from internvl_operator.manifests.revision import changes_between
from internvl_operator.observed import Observed


@dataclass(frozen=True, slots=True)
class EditPreview:
    """What an edit would do.

    Args:
        restarts: whether pods are replaced, or the edit gets none at all.
        lines: for people.
    """

    restarts: bool
    lines: tuple[str, ...]


async def preview(
    observed: Observed,
    spec: Mapping[str, Any],
    inventory: InventorySource,
    now: datetime,
    platform: PlatformDefaults,
) -> EditPreview:
    """Return what it would do to give a resource another spec.

    Args:
        observed: the resource as it is, and what it has.
        spec: the spec that it would have; replicas that it leaves out stay as they are.
        inventory: reads the GPUs.
        now: the time, with its zone.
        platform: the installation's defaults.
    """
    name = observed.body["metadata"]["name"]
    kept = {key: value for key, value in observed.body["spec"].items() if key == "replicas"}
    body = {**observed.body, "spec": {**kept, **spec}}
    edited = Observed(body=body, deployment=observed.deployment, claim=observed.claim)
    after = await desired_state(edited, inventory, now, platform)
    if after.children is None:
        return EditPreview(True, (f"{name}: {_refused(after)}",))
    if observed.deployment is None:
        return EditPreview(False, (f"{name}: no pod runs yet; {_planned(after)}",))
    before = await desired_state(observed, inventory, now, platform)
    others = tuple(_other_changes(before.children, after.children))
    running = record_of(observed.deployment)
    # The Deployment itself has the API server's defaults too.
    template = running.pod_template if running else observed.deployment["spec"]["template"]
    changes = changes_between(template, _deployment(after.children)["spec"]["template"])
    if not changes:
        return EditPreview(False, (f"{name}: no pod is restarted", *others))
    how = {
        "Surge": "each new pod beside an old one",
        "TerminateFirst": "an old pod stops before a new one starts",
        "Recreate": "all old pods stop before new ones start",
    }[after.children.strategy.value]
    head = f"{name}: the pods are restarted, {how}; {_planned(after)}"
    return EditPreview(True, (head, *(f"  {change}" for change in changes), *others))


def _refused(desired: Desired) -> str:
    assert desired.problem is not None
    return f"nothing of it is applied, {desired.problem.reason}: {desired.problem.message}"


def _planned(desired: Desired) -> str:
    assert desired.plan is not None
    return f"planned: {desired.plan.reason}"


def _other_changes(before: Children | None, after: Children) -> Iterator[str]:
    """Yield a line for each child but the Deployment that is made, changed or deleted."""
    old = {child["kind"]: child for child in before.manifests} if before else {}
    new = {child["kind"]: child for child in after.manifests}
    for kind in sorted({*old, *new} - {"Deployment"}):
        if kind not in old:
            yield f"  {kind}: is made"
        elif kind not in new:
            yield f"  {kind}: is deleted"
        elif changes := changes_between(old[kind].get("spec"), new[kind].get("spec")):
            yield from (f"  {kind}: {change}" for change in changes)
    replicas = [_deployment(each)["spec"].get("replicas") for each in (before, after) if each]
    if len(set(replicas)) > 1:
        yield f"  replicas: {replicas[0]} -> {replicas[1]}"


def _deployment(children: Children) -> KubernetesObject:
    return next(child for child in children.manifests if child["kind"] == "Deployment")
