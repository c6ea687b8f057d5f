"""`internvl plan` for a load: options, exit codes and documents."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.cluster.specs.table import resource

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import Internvl

    Plan = Callable[..., tuple[int, dict[str, Any]]]

GUIDE = Path(__file__).parents[3] / "docs" / "user" / "load.md"


@pytest.fixture
def plan(internvl: Internvl) -> Plan:
    """Runs `internvl plan ... -o json`; gives exit code and document."""

    def run(*arguments: str) -> tuple[int, dict[str, Any]]:
        code, output, _ = internvl("plan", *arguments, "-o", "json")
        return code, json.loads(output)

    return run


def test_without_options_the_plan_says_what_one_replica_does(plan: Plan) -> None:
    code, document = plan("8B", "--gpu", "H100")
    speed = document["speed"]
    assert code == 0
    assert [speed[name] for name in ("images", "tiles", "promptTokens", "outputTokens", "concurrency")] == [
        1,
        7,
        64,
        128,
        32,
    ]
    assert list(speed["utilization"]) == [
        "preprocessing",
        "vision",
        "prefill",
        "decode",
        "kvCache",
        "eventLoop",
    ]
    assert (speed["limit"], speed["replicas"], speed["calibrated"]) == ("prefill", 1, True)


def test_the_options_give_the_load(plan: Plan) -> None:
    shape = ("--images", "2", "--image-size", "448x448", "--prompt-tokens", "100", "--output-tokens", "10")
    _, document = plan("8B", "--gpu", "H100", "--requests-per-second", "60", "--ttft", "1", *shape)
    speed = document["speed"]
    assert [speed[name] for name in ("images", "tiles", "promptTokens", "outputTokens")] == [2, 1, 100, 10]
    assert speed["requestsPerSecond"] * speed["replicas"] == pytest.approx(60, rel=0.01)
    assert speed["ttftSeconds"] <= 1


def test_requests_in_flight_are_those_that_were_given(plan: Plan) -> None:
    _, few = plan("8B", "--gpu", "H100", "--concurrency", "4")
    _, many = plan("8B", "--gpu", "H100", "--concurrency", "64")
    assert (few["speed"]["concurrency"], many["speed"]["concurrency"]) == (4, 64)
    assert few["speed"]["requestsPerSecond"] < many["speed"]["requestsPerSecond"]


def test_a_load_that_nothing_carries_ends_with_3_the_limit_and_what_it_would_take(plan: Plan) -> None:
    code, document = plan("8B", "--gpu", "L4", "--requests-per-second", "1", "--ttft", "0.1")
    assert (code, document["outcome"]) == (3, "load_not_carried")
    assert "the limit is the prefill; use " in document["reason"]
    assert document["alternatives"]
    assert document["args"]


def test_a_gpu_of_which_only_the_memory_is_known_carries_no_load_and_has_no_speed(plan: Plan) -> None:
    code, document = plan("8B", "--gpu-memory", "80Gi", "--requests-per-second", "1")
    assert (code, document["outcome"]) == (3, "load_not_carried")
    assert "name a product of the catalogue" in document["reason"]
    assert "speed" not in document
    assert plan("8B", "--gpu-memory", "80Gi")[0] == 0


def test_the_text_says_why_no_speed_is_known(internvl: Internvl) -> None:
    _, output, _ = internvl("plan", "8B", "--gpu-memory", "80Gi")
    assert "  speed of one replica: not known, name the GPU by its product\n" in output
    _, output, _ = internvl("plan", "8B", "--gpu", "H100", "--images", "9")
    assert "  speed of one replica: not known, a request of the load is longer than a session\n" in output


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A resource with a load."""
    path = tmp_path / "resource.yaml"
    load = {"requestsPerSecond": 40, "images": 2, "tiles": 1}
    path.write_text(yaml.safe_dump(resource({"size": "8B", "replicas": 1, "load": load})))
    return path


def test_the_load_of_a_file_is_planned_for(file: Path, plan: Plan) -> None:
    code, document = plan("-f", str(file), "--gpu", "H100")
    assert code == 0
    assert (document["speed"]["images"], document["speed"]["tiles"]) == (2, 1)
    assert document["speed"]["replicas"] == 2
    assert document["warnings"][-1].endswith(f"spec.replicas is 1: write {document['speed']['replicas']}.")


def test_options_win_over_the_load_of_a_file(file: Path, plan: Plan) -> None:
    _, document = plan("-f", str(file), "--gpu", "H100", "--requests-per-second", "1", "--images", "1")
    assert (document["speed"]["images"], document["speed"]["tiles"]) == (1, 1)
    assert document["speed"]["replicas"] == 1
    _, document = plan("-f", str(file), "--gpu", "H100", "--concurrency", "5")
    assert document["speed"]["concurrency"] == 5


def test_an_answer_of_one_token_has_no_time_between_tokens(internvl: Internvl) -> None:
    _, output, _ = internvl("plan", "8B", "--gpu", "L40S", "--output-tokens", "1")
    assert re.search(r"^  latency +\S+ s to first token +\S+ s a request$", output, re.MULTILINE)


def test_a_long_time_between_tokens_is_no_power_of_ten(internvl: Internvl) -> None:
    _, output, _ = internvl("plan", "8B", "--gpu", "L4", "--concurrency", "128", "--output-tokens", "3")
    assert re.search(r" \d{4,} ms a token", output)


def test_requests_in_flight_are_not_carried_by_replicas(internvl: Internvl) -> None:
    _, output, _ = internvl("plan", "8B", "--gpu", "L40S", "--ttft", "3")
    assert "1 x NVIDIA-L40S: the first token within 3 s with 32 requests in flight, 1 GPU in all" in output


def test_other_gpus_than_a_slice_are_whole_ones(internvl: Internvl) -> None:
    _, output, _ = internvl("plan", "8B", "--gpu", "mig-3g.40gb", "--requests-per-second", "2")
    _, others = output.split("  Other GPUs that carry the load\n")
    assert re.findall(r"^  - (\d+) x (H200|L4),", others, re.MULTILINE) == [("1", "H200"), ("2", "L4")]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--requests-per-second", "1", "--concurrency", "1"), "not allowed with argument"),
        (("--tiles", "1", "--image-size", "448x448"), "not allowed with argument"),
        (("--image-size", "large"), "'large' is no size such as 1344x896"),
        (("--image-size", "0x448"), "'0x448' is no size such as 1344x896"),
        (("--requests-per-second", "0"), "0 is not above zero"),
        (("--requests-per-second", "nan"), "nan is not above zero"),
        (("--images", "-1"), "-1 is not above zero"),
        (("--tiles", "14"), "14 is not between 1 and 13"),
        (("--ttft", "soon"), "'soon' is not a number"),
    ],
)
def test_a_load_that_says_nothing_is_wrong_usage(
    arguments: tuple[str, ...], says: str, internvl: Internvl
) -> None:
    code, _, error = internvl("plan", "8B", "--gpu", "H100", *arguments)
    assert code == 2
    assert says in error


def test_the_page_shows_what_is_printed(internvl: Internvl) -> None:
    block = GUIDE.read_text().split("```console\n$ internvl ")[1].split("```")[0]
    command, *shown = block.splitlines()
    _, output, _ = internvl(*command.split())
    printed = output.splitlines()
    assert [line for line in shown if line != "..." and line not in printed] == []
