"""`internvl memory` of a resource that runs: nvidia-smi in its pod."""

from __future__ import annotations

from typing import TYPE_CHECKING

from internvl_operator.measurement.gpu_memory import NVIDIA_SMI
from internvl_operator.planner.document import plan_document
from tests.chat.conftest import CORE, NAMESPACE, captions, listing
from tests.fake_api import Command
from tests.rendering import plan_of

if TYPE_CHECKING:
    from tests.conftest import Internvl
    from tests.fake_api import FakeApi


def test_what_the_pod_uses_is_beside_what_the_plan_says(api: FakeApi, internvl: Internvl) -> None:
    body = captions()
    body["status"]["plan"] = plan_document(plan_of({"size": "40B"}))
    api.objects[f"{NAMESPACE}/captions"] = body
    api.commands[NVIDIA_SMI] = Command(output=b"74000\n74100\n")
    assert internvl("memory", "captions") == (
        0,
        "| size | GPUs | AWQ | ratio | measured MiB | predicted MiB | error | ready after |\n"
        "|---|---|---|---|---|---|---|---|\n"
        "| 40B | 2 | no | 0.8 | 74100 | 74191 | +0.1 % | - |\n",
        "",
    )


def test_a_pod_without_nvidia_smi_is_told(api: FakeApi, internvl: Internvl) -> None:
    body = captions()
    body["status"]["plan"] = plan_document(plan_of({"size": "40B"}))
    api.objects[f"{NAMESPACE}/captions"] = body
    assert internvl("memory", "captions") == (1, "", "internvl memory: no such file or directory\n")


def test_a_resource_without_a_ready_pod_is_told(api: FakeApi, internvl: Internvl) -> None:
    body = captions()
    body["status"]["plan"] = plan_document(plan_of({"size": "40B"}))
    api.objects |= {f"{NAMESPACE}/captions": body, f"{CORE}/pods": listing()}
    assert internvl("memory", "captions") == (1, "", "internvl memory: no pod is ready\n")


def test_a_resource_without_a_plan_is_told(api: FakeApi, internvl: Internvl) -> None:
    assert api.url
    assert internvl("memory", "captions")[2] == "internvl memory: vision/captions has no plan yet\n"


def test_either_a_name_or_sizes_are_needed(internvl: Internvl) -> None:
    assert internvl("memory")[0] == 2
    assert internvl("memory", "captions", "--sizes", "1B")[0] == 2
