"""The status that the controller writes is the one that the CRD describes."""

from __future__ import annotations

from dataclasses import Field, fields, replace
from typing import TYPE_CHECKING, Any

import pytest

from internvl_operator.api.parsing import parse
from internvl_operator.api.spec import Engine
from internvl_operator.api.status.plan_status import (
    AlternativeStatus,
    Memory,
    PlanStatus,
    SpeedStatus,
    UtilizationStatus,
)
from internvl_operator.api.status.resource_status import InternVLDeploymentStatus
from internvl_operator.catalog.engine_options import EngineOptions
from internvl_operator.planner.document import plan_document
from internvl_operator.planner.load.speed_of_plan import with_speed
from internvl_operator.planner.request import request_of
from tests.cluster.specs.table import resource
from tests.rendering import plan_of
from tests.statuses import STATUSES

if TYPE_CHECKING:
    from internvl_operator.api.base import ApiModel
    from internvl_operator.status import Status


@pytest.mark.parametrize("status", STATUSES.values(), ids=STATUSES)
def test_a_status_is_what_the_models_describe_no_field_more_and_none_changed(status: Status) -> None:
    assert InternVLDeploymentStatus.model_validate(status).to_object() == _without_nothing(status)


def test_together_the_statuses_use_every_field() -> None:
    used = set().union(*STATUSES.values())
    names = {field.alias for field in InternVLDeploymentStatus.model_fields.values()}
    assert used == names - {"performance"}, "internvl bench writes that one: tests/load_test"


def test_the_plan_of_a_status_has_the_fields_of_a_plans_document_in_the_same_order() -> None:
    spec = {"size": "8B"}
    plan = replace(plan_of(spec), image_variant="cu13.0", cpu_millis=1500)
    document = plan_document(with_speed(plan, request_of(parse(resource(spec)).spec)))
    assert _aliases(SpeedStatus) == list(document["speed"])
    assert _aliases(UtilizationStatus) == list(document["speed"]["utilization"])
    assert _aliases(PlanStatus) == list(document)
    assert _aliases(Memory) == list(document["memory"])
    assert _aliases(AlternativeStatus) == list(document["alternatives"][0])


@pytest.mark.parametrize("option", [option for option in fields(EngineOptions) if option.default is not None])
def test_an_option_of_the_engine_has_the_same_default_in_the_spec_and_in_the_words_that_describe_it(
    option: Field[Any],
) -> None:
    field = Engine.model_fields[option.name]
    assert field.default == option.default
    assert str(field.description).endswith(f"Default: {option.default}.")


def _aliases(model: type[ApiModel]) -> list[str | None]:
    return [field.alias for field in model.model_fields.values()]


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
