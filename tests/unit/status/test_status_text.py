"""What `internvl status` says of resources and GPUs."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from internvl_operator.cli.status.capacity import Capacity
from internvl_operator.cli.status.status_row import Row
from internvl_operator.cli.status.status_text import status_text
from internvl_operator.planner.document import plan_document
from internvl_operator.planner.nodes.inventory import GpuPool, Inventory
from internvl_operator.planner.plan import Plan, make_plan
from internvl_operator.planner.request import PlanRequest

NOW = datetime(2026, 1, 1, 0, 3, 20, tzinfo=UTC)
A100 = GpuPool("NVIDIA-A100-SXM4-80GB", 81920, 8)
H200 = GpuPool("NVIDIA-H200", 143771, 8)
T4 = GpuPool("Tesla-T4", 15360, 1)


def planned(size: str, *pools: GpuPool) -> Plan:
    return make_plan(PlanRequest(size=size), Inventory(pools))


def condition(type_: str, status: str, reason: str, message: str) -> dict[str, str]:
    since = "2026-01-01T00:00:00Z"
    return {
        "type": type_,
        "status": status,
        "reason": reason,
        "message": message,
        "lastTransitionTime": since,
    }


DEPLOYING = condition("Ready", "False", "Deploying", "0 of 1 replicas answer")


def row(
    *conditions: dict[str, str], plan: Plan | None = None, fresh: Plan | None = None, **status: Any
) -> Row:
    body = {
        "metadata": {"namespace": "vision", "name": "captions", "generation": 2},
        "spec": {"size": "40B"},
        "status": {
            "observedGeneration": 2,
            "conditions": list(conditions or [DEPLOYING]),
            "ready": "0/1",
            **status,
        }
        | ({"plan": plan_document(plan)} if plan else {}),
    }
    return Row(body, fresh, NOW)


def text(shown: Row, *capacity: Capacity, details: bool = False) -> str:
    return status_text([shown], capacity, namespaces=False, details=details)


def test_a_resource_that_nobody_has_seen_is_said_to_be_so() -> None:
    unseen = row()
    body = dict(unseen.body) | {"status": {}}
    assert text(Row(body, None, NOW)).splitlines()[1:] == [
        "captions  40B   -      Unseen  -    -         -",
        "  no operator has seen it yet",
    ]


def test_a_spec_that_is_applied_is_not_said_to_be_unseen() -> None:
    late = row(observedGeneration=1)
    assert "has not seen the present spec yet" in text(late)
    applied = text(replace(late, is_applied=True))
    assert "has not seen" not in applied
    assert "act: the present spec is applied" in applied


def test_what_it_waits_for_and_for_how_long_is_said() -> None:
    shown = text(row(plan=planned("40B", A100)))
    assert "captions  40B   0/1    Deploying  3m20s  33        2 x NVIDIA-A100-SXM4-80GB, full" in shown
    assert "  0 of 1 replicas answer (a start takes about 3m50s, without downloads)" in shown


def test_a_moment_in_the_message_is_told_with_the_time_since() -> None:
    message = "it has been loading the weights since 2026-01-01T00:00:00Z; expected: about 230 s"
    loading = row(condition("Ready", "False", "LoadingWeights", message), plan=planned("40B", A100))
    assert text(loading).splitlines()[2:] == [
        "  it has been loading the weights since 2026-01-01T00:00:00Z (3m20s ago); expected: about 230 s"
    ]


def test_what_a_person_must_do_is_said() -> None:
    stalled = row(
        condition("Ready", "False", "DoesNotFit", "out of memory; use AWQ"),
        condition("Stalled", "True", "DoesNotFit", "out of memory; use AWQ"),
    )
    assert text(stalled).splitlines()[2:] == ["  act: out of memory; use AWQ"]


def test_an_older_generation_is_said_to_be_one() -> None:
    assert "the operator has not seen the present spec yet" in text(row(observedGeneration=1))


def test_a_ready_resource_has_a_line_of_its_own_only() -> None:
    plan = planned("40B", A100)
    ready = row(condition("Ready", "True", "Ready", "1 of 1"), plan=plan, fresh=plan, ready="1/1")
    assert len(text(ready).splitlines()) == 2


def test_a_fresh_plan_that_differs_is_shown() -> None:
    shown = text(row(plan=planned("40B", A100), fresh=planned("40B", A100, H200)))
    assert "fresh plan: 1 x NVIDIA-H200, full precision; what runs stays until the spec changes" in shown


def test_that_nothing_would_fit_now_is_shown() -> None:
    assert "fresh plan: none, out of memory" in text(row(plan=planned("40B", A100), fresh=planned("40B", T4)))


def test_an_update_that_waits_for_consent_is_shown() -> None:
    update = condition("UpdateAvailable", "True", "NewRevision", "revision 12ab waits for consent")
    assert "  revision 12ab waits for consent" in text(row(DEPLOYING, update))


def test_details_tell_endpoint_memory_and_warnings() -> None:
    endpoint = "http://captions.vision.svc:23333/v1"
    shown = text(row(plan=planned("40B", A100), endpoint=endpoint, modelName="InternVL2-40B"), details=True)
    assert f"endpoint   {endpoint}  model InternVL2-40B" in shown
    assert "memory     74191 of 81920 MiB per GPU, KV cache 272960 tokens, sessions of 8192 tokens" in shown
    assert "warning    Image URLs that resolve to a private address" in shown


def test_the_gpus_of_the_cluster_are_told() -> None:
    shown = text(row(), Capacity("NVIDIA-L4", 2, 16, 5, 8))
    assert shown.splitlines()[-2:] == [
        "GPU        NODES  GPUS  REQUESTED  FREE  FREE ON ONE NODE",
        "NVIDIA-L4  2      16    5          11    8",
    ]


def test_namespaces_are_told_when_there_are_several() -> None:
    shown = status_text([row()], (), namespaces=True, details=False)
    assert shown.splitlines()[0].startswith("NAMESPACE  NAME")
    assert shown.splitlines()[1].startswith("vision     captions")
