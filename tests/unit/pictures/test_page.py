"""The planner page's inputs and answers: those of ``internvl plan``, without any installed package."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

import internvl_operator
from internvl_operator import parse, plan_document, plan_resource
from internvl_operator.api.v1alpha1 import API_VERSION, KIND
from internvl_operator.catalog.models import SERIES
from internvl_operator.cli.plan.plan_command import plan_parser
from internvl_operator.page.answers import answer, description, map_row
from internvl_operator.page.inputs import INPUTS, described_inputs, plan_arguments
from tests.page.questions import QUESTIONS, REFUSALS

if TYPE_CHECKING:
    from tests.conftest import Internvl

EVERY_INPUT = {
    "series": "InternVL2",
    "size": "8B",
    "gpu": "L4",
    "gpu-memory": "22Gi",
    "quantization": "AWQ",
    "session-len": "16384",
    "sessions": "2",
    "requests-per-second": "2.5",
    "images": "2",
    "image-size": "896x896",
    "prompt-tokens": "32",
    "output-tokens": "256",
    "ttft": "1.5",
    "max-gpus": "4",
    "tp": "2",
    "backend": "TurboMind",
    "engine": "0.17.0",
    "quant-policy": "8",
    "max-batch-size": "64",
    "cache-max-entry-count": "0.5",
}


def answered(values: dict[str, str]) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(answer(json.dumps(values)))
    return document


@pytest.mark.parametrize("values", QUESTIONS, ids=lambda values: "-".join(values.values()))
def test_an_answer_is_what_the_command_prints(values: dict[str, str], internvl: Internvl) -> None:
    given = answered(values)
    arguments = given["command"].split()[2:]
    code, text, _ = internvl("plan", *arguments)
    _, document, _ = internvl("plan", *arguments, "-o", "json")
    assert (given["code"], given["text"] + "\n", given["json"] + "\n") == (code, text, document)


@pytest.mark.parametrize("values", REFUSALS, ids=lambda values: "-".join(values.values()))
def test_a_refusal_is_what_the_command_says(values: dict[str, str], internvl: Internvl) -> None:
    given = answered(values)
    code, _, errors = internvl("plan", *given["command"].split()[2:])
    assert given["code"] == code == 2
    assert errors.endswith(given["refusal"] + "\n")
    assert given["refusal"].startswith("internvl plan: ")
    assert "usage" not in given["refusal"]


def test_the_test_gives_every_input() -> None:
    assert list(EVERY_INPUT) == [each.name for each in INPUTS]


def test_every_input_is_an_option_of_the_command() -> None:
    options = vars(plan_parser().parse_args(plan_arguments(EVERY_INPUT)))
    assert all(options[name.replace("-", "_")] is not None for name in EVERY_INPUT)


@pytest.mark.parametrize("values", [*QUESTIONS, EVERY_INPUT], ids=lambda values: "-".join(values.values()))
def test_the_resource_has_the_plan_that_the_page_shows(values: dict[str, str]) -> None:
    given = answered(values)
    shown = {key: value for key, value in json.loads(given["json"]).items() if key not in ("args", "host")}
    # The resource names the product itself.
    shown["notes"] = [note for note in shown["notes"] if " is taken for " not in note]
    if given["code"]:
        assert given["yaml"] == "", "nobody should apply what does not run"
    else:
        resource = parse(yaml.safe_load(given["yaml"]))
        assert plan_document(plan_resource(resource)) == shown


def test_the_resource_is_of_the_kind_that_the_operator_serves() -> None:
    resource = yaml.safe_load(answered({"size": "26B", "gpu": "H100"})["yaml"])
    assert (resource["apiVersion"], resource["kind"]) == (API_VERSION, KIND)
    assert resource["metadata"] == {"name": "internvl2-26b"}


@pytest.mark.parametrize(
    "values", [{"series": "InternVL3.5", "size": "8B"}, {"size": "InternVL3.5-8B"}], ids=str
)
def test_the_resource_has_series_and_size_apart(values: dict[str, str]) -> None:
    resource = yaml.safe_load(answered({**values, "gpu": "L4"})["yaml"])
    assert resource["metadata"] == {"name": "internvl3-5-8b"}
    assert resource["spec"] == {
        "series": "InternVL3.5",
        "size": "8B",
        "gpu": {"product": "NVIDIA-L4"},
    }


def test_the_page_offers_the_sizes_of_each_series() -> None:
    sizes = json.loads(description())["sizes"]
    assert list(sizes) == ["", *SERIES]
    assert sizes[""] == sizes["InternVL2"]
    for series, offered in sizes.items():
        for size in offered:
            assert answered({"series": series, "size": size, "gpu": "H200"})["code"] == 0


def test_the_resource_has_every_input_in_its_field() -> None:
    spec: Any = yaml.safe_load(answered(EVERY_INPUT)["yaml"])["spec"]
    found = {}
    for each in INPUTS:
        value = spec
        for name in each.field.split("."):
            value = value[name]
        found[each.name] = value
    assert found == {
        **EVERY_INPUT,
        "gpu": "NVIDIA-L4",
        "session-len": 16384,
        "sessions": 2,
        "requests-per-second": 2.5,
        "images": 2,
        "prompt-tokens": 32,
        "output-tokens": 256,
        "ttft": 1.5,
        "max-gpus": 4,
        "tp": 2,
        "quant-policy": 8,
        "max-batch-size": 64,
        "cache-max-entry-count": 0.5,
    }


def test_the_resource_has_as_many_replicas_as_carry_the_load(internvl: Internvl, tmp_path: Path) -> None:
    given = answered({"size": "8B", "gpu": "H100-80GB", "requests-per-second": "50"})
    file = tmp_path / "resource.yaml"
    file.write_text(given["yaml"])
    code, document, errors = internvl("plan", "-f", str(file), "-o", "json")
    assert (code, errors) == (0, "")
    assert json.loads(document) == json.loads(given["json"]), "with fewer replicas the command would warn"
    assert yaml.safe_load(given["yaml"])["spec"]["replicas"] == json.loads(document)["speed"]["replicas"] > 1


def test_a_load_without_a_rate_is_a_question_and_no_field() -> None:
    given = answered({"size": "8B", "gpu": "H100", "images": "3"})
    assert json.loads(given["json"])["speed"]["images"] == 3
    assert yaml.safe_load(given["yaml"])["spec"] == {
        "size": "8B",
        "gpu": {"product": "NVIDIA-H100-80GB-HBM3"},
    }


def test_a_cell_of_the_map_says_how_many_replicas_carry_the_load() -> None:
    values = json.dumps({"size": "8B", "requests-per-second": "50"})
    cells = {cell["gpu"]: cell for cell in json.loads(map_row(values, "8B"))}
    assert cells["H200"]["replicas"] > 1
    assert cells["H200"]["summary"].startswith(f"{cells['H200']['replicas']} x 1 GPU, ")
    assert cells["H200"]["summary"].endswith(" requests/s each")


def test_choices_and_words_are_those_of_the_command() -> None:
    inputs = {each["name"]: each for each in described_inputs()}
    assert inputs["quantization"]["choices"] == ["Auto", "None", "AWQ"]
    assert inputs["sessions"]["help"] == "full-length sessions to hold at once (4)"
    assert inputs["sessions"]["mode"] == "numeric"
    assert inputs["size"]["required"]
    assert inputs["series"]["choices"] == list(SERIES)
    assert not inputs["gpu"]["required"]


def test_the_parts_of_the_memory_are_the_gpu() -> None:
    given = answered({"size": "8B", "gpu": "L4"})
    assert sum(part["mib"] for part in given["memory"]) == given["total"]


def test_the_speed_with_requests_in_flight_is_that_of_the_command(internvl: Internvl) -> None:
    values = {"size": "8B", "gpu": "H100", "images": "2", "output-tokens": "64"}
    curve = answered(values)["speed"]
    arguments = plan_arguments(values)
    for point in curve["points"]:
        _, document, _ = internvl(
            "plan", *arguments, "--concurrency", str(point["concurrency"]), "-o", "json"
        )
        speed = json.loads(document)["speed"]
        assert point == {name: speed[name] for name in ("concurrency", "requestsPerSecond", "ttftSeconds")}
        assert (curve["most"], curve["calibrated"]) == (speed["maxRequestsPerSecond"], speed["calibrated"])


@pytest.mark.parametrize("values", [{"gpu": "T4", "tp": "1"}, {"gpu-memory": "80Gi"}], ids=["oom", "unnamed"])
def test_a_plan_without_a_speed_has_no_curve(values: dict[str, str]) -> None:
    assert answered({"size": "26B", **values})["speed"] is None


def test_a_text_is_never_another_option() -> None:
    assert answered({"size": "--help"})["refusal"] == "Size: '--help' begins with a dash"


@pytest.mark.parametrize("text", ["", "  "])
def test_a_blank_input_is_not_given(text: str) -> None:
    assert plan_arguments({"size": " 8B ", "gpu": text}) == ["8B"]


def test_a_cell_of_the_map_is_the_plan_for_its_size_and_gpu() -> None:
    values = {"size": "8B", "gpu-memory": "10Gi", "sessions": "9"}
    cells = {cell["gpu"]: cell for cell in json.loads(map_row(json.dumps(values), "26B"))}
    assert list(cells) == json.loads(description())["gpus"]
    assert (
        cells["L4"]["gpus"]
        == json.loads(answered({"size": "26B", "gpu": "L4", "sessions": "9"})["json"])["gpus"]
    )


def test_a_cell_of_the_map_says_why_there_is_no_plan() -> None:
    values = json.dumps({"size": "8B", "gpu": "L4", "tp": "3000", "sessions": "x"})
    assert all("'x' is not a whole number" in cell["summary"] for cell in json.loads(map_row(values, "1B")))


def test_the_page_needs_no_installed_package() -> None:
    program = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "import internvl_operator.library\n"
        "from internvl_operator.page.answers import answer, description, map_row\n"
        "description(); map_row('{\"size\": \"8B\"}', '8B'); print(answer(sys.argv[2]))\n"
    )
    package = Path(internvl_operator.__file__).parents[1]
    values = json.dumps(EVERY_INPUT)
    command = [sys.executable, "-I", "-S", "-c", program, str(package), values]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    assert json.loads(run.stdout) == answered(EVERY_INPUT)
