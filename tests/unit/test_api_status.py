"""The status that the controller writes is the one that the CRD describes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from internvl_operator.api.resource_status import InternVLDeploymentStatus
from tests.statuses import STATUSES

if TYPE_CHECKING:
    from internvl_operator.status import Status


@pytest.mark.parametrize("status", STATUSES.values(), ids=STATUSES)
def test_a_status_is_what_the_models_describe_no_field_more_and_none_changed(status: Status) -> None:
    assert InternVLDeploymentStatus.model_validate(status).to_object() == _without_nothing(status)


def test_together_the_statuses_use_every_field() -> None:
    used = set().union(*STATUSES.values())
    names = {field.alias for field in InternVLDeploymentStatus.model_fields.values()}
    assert used == names


@pytest.mark.parametrize("status", STATUSES.values(), ids=STATUSES)
def test_ready_is_there_from_the_first_status_and_only_one_of_reconciling_and_stalled_is_true(
    status: Status,
) -> None:
    conditions = {item["type"]: item["status"] for item in status["conditions"]}
    assert conditions.keys() == {"Ready", "Reconciling", "Stalled", "Planned", "Available", "UpdateAvailable"}
    abnormal = [type_ for type_ in ("Reconciling", "Stalled") if conditions[type_] == "True"]
    assert len(abnormal) == (0 if conditions["Ready"] == "True" else 1)


def _without_nothing(status: Status) -> Status:
    return {key: value for key, value in status.items() if value is not None}
