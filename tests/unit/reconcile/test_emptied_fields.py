"""Whatever of a spec is emptied or removed, what is desired is what a resource that never had it gets.

The edits follow from the CRD's schema: a new field is among them by itself.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest

from internvl_operator.api.parsing import InvalidSpecError, parse
from internvl_operator.desired import Desired, desired_state
from internvl_operator.observed import Observed
from internvl_operator.status import status_of
from tests.cluster.specs.emptying import CONTAINERS, FIELDS, emptied, filled, removed
from tests.cluster.specs.kubernetes import steps_of
from tests.cluster.specs.table import Spec, resource
from tests.rendering import inventory

if TYPE_CHECKING:
    from internvl_operator.kube.port import KubernetesObject
    from tests.cluster.specs.emptying import Change

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Edit:
    """A change of a spec at a path, the spec before it and after it, and why it is refused if it is."""

    before: Spec
    after: Spec
    refusal: str | None


EDITS = [(emptied, path) for path in CONTAINERS] + [(removed, path) for path in FIELDS]


@cache  # made where the tests run, and not in each process that collects them
def edit_of(change: Change, path: str) -> Edit:
    before = filled(path, change)
    after = change(before, path)
    try:
        parse(resource(after))
    except InvalidSpecError as error:
        return Edit(before, after, str(error))
    return Edit(before, after, None)


class Ends:
    """What is desired of a resource, and the status that says so."""

    def __init__(self, desired: Desired, observed: Observed) -> None:
        self.manifests = desired.children.manifests if desired.children else ()
        self.status = status_of(desired, Observed(body=observed.body), desired.problem, {}, "")

    @property
    def deployment(self) -> KubernetesObject | None:
        return next((each for each in self.manifests if each["kind"] == "Deployment"), None)


FRESH: dict[str, Ends] = {}
"""The ends of fresh resources by their spec: hundreds of edits begin with the same few."""


async def ends(spec: Spec, before: Ends | None = None) -> Ends:
    """The ends of a resource that is fresh, or that the operator has brought to other ends before."""
    key = json.dumps(spec)
    if before is None and key in FRESH:
        return FRESH[key]
    body: dict[str, Any] = resource(spec)
    body["metadata"] |= {"uid": "1", "generation": 1}
    if before is not None:
        body["status"] = before.status
    observed = Observed(body=body, deployment=before.deployment if before else None)
    found = Ends(await desired_state(observed, inventory, NOW), observed)
    if before is None:
        FRESH[key] = found
    return found


def test_all_but_what_is_required_may_be_gone() -> None:
    assert len(EDITS) == len(CONTAINERS) + len(FIELDS)
    # The others are required, by the schema or by a rule.
    assert len([edit for edit in EDITS if edit_of(*edit).refusal is None]) > 300


@pytest.mark.parametrize(("change", "path"), EDITS, ids=lambda value: getattr(value, "__name__", value))
async def test_what_is_gone_is_missed_by_name_or_leaves_no_trace_and_comes_back(
    change: Change, path: str
) -> None:
    edit = edit_of(change, path)
    before = await ends(edit.before)
    assert before.deployment is not None, before.status["conditions"][0]
    if edit.refusal is not None:
        field = [step for step in steps_of(path) if step not in ("[]", "{}")][-1]
        assert field in edit.refusal
        return

    after, never = await ends(edit.after, before), await ends(edit.after)
    assert after.manifests == never.manifests
    assert after.status == never.status

    again = await ends(edit.before, after)
    assert again.manifests == before.manifests
    assert again.status == before.status
