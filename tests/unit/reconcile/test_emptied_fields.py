"""Whatever of a spec is emptied or removed, what is desired is what a resource that never had it gets.

The edits follow from the CRD's schema: a new field is among them by itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from internvl_operator.api.parsing import InvalidSpecError, parse
from internvl_operator.desired import Desired, desired_state
from internvl_operator.observed import Observed
from internvl_operator.status import status_of
from tests.cluster.specs.emptying import CONTAINERS, FIELDS, emptied, filled, removed
from tests.cluster.specs.table import Spec, resource
from tests.rendering import inventory

if TYPE_CHECKING:
    from internvl_operator.kube.port import KubernetesObject

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Edit:
    """A change of a spec at a path, and the spec before it and after it."""

    path: str
    before: Spec
    after: Spec

    @property
    def is_taken(self) -> bool:
        """Whether the rules allow a spec without it."""
        try:
            parse(resource(self.after))
        except InvalidSpecError:
            return False
        return True


EDITS = [
    Edit(f"{path} {change.__name__}", filled(path, change), change(filled(path, change), path))
    for paths, change in ((CONTAINERS, emptied), (FIELDS, removed))
    for path in paths
]
TAKEN = [edit for edit in EDITS if edit.is_taken]


class Ends:
    """What is desired of a resource, and the status that says so."""

    def __init__(self, desired: Desired, observed: Observed) -> None:
        self.manifests = desired.children.manifests if desired.children else ()
        self.status = status_of(desired, Observed(body=observed.body), desired.problem, {}, "")

    @property
    def deployment(self) -> KubernetesObject | None:
        return next((each for each in self.manifests if each["kind"] == "Deployment"), None)


async def ends(spec: Spec, before: Ends | None = None) -> Ends:
    """The ends of a resource that is fresh, or that the operator has brought to other ends before."""
    body: dict[str, Any] = resource(spec)
    body["metadata"] |= {"uid": "1", "generation": 1}
    if before is not None:
        body["status"] = before.status
    observed = Observed(body=body, deployment=before.deployment if before else None)
    return Ends(await desired_state(observed, inventory, NOW), observed)


def test_every_field_and_every_section_of_the_schema_is_edited() -> None:
    assert len(EDITS) == len(CONTAINERS) + len(FIELDS)
    # The others are required, by the schema or by a rule.
    assert len(TAKEN) > 300


@pytest.mark.parametrize("edit", TAKEN, ids=lambda edit: edit.path)
async def test_what_is_gone_leaves_no_trace_and_comes_back(edit: Edit) -> None:
    before = await ends(edit.before)
    assert before.deployment is not None, before.status["conditions"][0]
    after, never = await ends(edit.after, before), await ends(edit.after)
    assert after.manifests == never.manifests
    assert after.status == never.status

    again = await ends(edit.before, after)
    assert again.manifests == before.manifests
    assert again.status == before.status
