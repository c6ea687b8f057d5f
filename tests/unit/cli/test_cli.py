"""The command `internvl`: exit codes and documents."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from internvl_operator.catalog.models import INTERNVL2, find_model, sizes_of
from tests.cluster.specs.right import RICH
from tests.cluster.specs.table import resource
from tests.rendering import children_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import Internvl

    Plan = Callable[..., tuple[int, dict[str, Any]]]

EXAMPLES = Path(__file__).parents[3] / "examples"
A100 = ("--gpu", "A100-80GB")


@pytest.fixture
def plan(internvl: Internvl) -> Plan:
    """Runs `internvl plan ... -o json`; gives exit code and document."""

    def run(*arguments: str) -> tuple[int, dict[str, Any]]:
        code, output, _ = internvl("plan", *arguments, "-o", "json")
        return code, json.loads(output)

    return run


@pytest.mark.parametrize(
    ("size", "gpus", "quantization"),
    [(size, 1, "None") for size in ("1B", "2B", "4B", "8B", "26B")]
    + [("40B", 2, "None"), ("76B", 4, "None")],
)
def test_each_size_is_planned_in_full_precision_on_80_gb(
    size: str, gpus: int, quantization: str, plan: Plan
) -> None:
    code, document = plan(size, *A100)
    assert code == 0
    assert (document["outcome"], document["gpus"], document["tp"]) == ("ok", gpus, gpus)
    assert document["quantization"] == quantization


def test_autoscaling_by_a_metric_that_the_release_lacks_is_warned_of(tmp_path: Path, plan: Plan) -> None:
    file = tmp_path / "resource.yaml"
    spec = {"size": "8B", "autoscaling": {"maxReplicas": 4}, "engine": {"version": "0.9.2"}}
    file.write_text(yaml.safe_dump(resource(spec)))
    warning = (
        "LMDeploy 0.9.2 does not count waiting requests on the turbomind backend: spec.autoscaling never scales; "
        "use engine 0.10.2 or later."
    )
    assert plan("-f", str(file), *A100)[1]["warnings"][-1] == warning
    assert warning not in plan("-f", str(file), *A100, "--engine", "0.10.2")[1]["warnings"]
    assert warning not in plan("-f", str(file), *A100, "--backend", "PyTorch")[1]["warnings"]


@pytest.mark.parametrize("size", ["40B", "76B"])
def test_the_largest_sizes_are_planned_on_one_gpu_in_awq(size: str, plan: Plan) -> None:
    code, document = plan(size, *A100, "--quantization", "AWQ")
    assert (code, document["gpus"]) == (0, 1)
    assert document["repository"] == find_model(INTERNVL2, size).awq_repository


def test_the_document_has_what_the_contract_names(plan: Plan) -> None:
    _, document = plan("8B", *A100)
    assert document.keys() >= {
        "outcome",
        "reason",
        "size",
        "quantization",
        "repository",
        "backend",
        "engine",
        "tp",
        "gpus",
        "gpuMemoryMiB",
        "args",
        "memory",
        "kvTokens",
        "concurrentSessions",
        "alternatives",
    }
    assert document["memory"].keys() >= {
        "weightsMiB",
        "overheadMiB",
        "kvCacheMiB",
        "workingMiB",
        "usedMiB",
        "freeMiB",
        "freeAfterWeightsMiB",
        "reserveMiB",
    }
    assert document["args"][:3] == ["lmdeploy", "serve", "api_server"]


@pytest.mark.parametrize("size", [*sizes_of(INTERNVL2), "InternVL3.5-8B", "InternVL3.5-30B-A3B"])
@pytest.mark.parametrize("memory", ["16Gi", "24Gi", "80Gi"])
def test_the_parts_of_the_memory_add_up(size: str, memory: str, plan: Plan) -> None:
    _, document = plan(size, "--gpu-memory", memory)
    parts = document["memory"]
    used = parts["weightsMiB"] + parts["overheadMiB"] + parts["kvCacheMiB"] + parts["workingMiB"]
    assert parts["usedMiB"] == used
    assert parts["usedMiB"] + parts["freeMiB"] == document["gpuMemoryMiB"]
    assert min(parts.values()) >= 0


@pytest.mark.parametrize(
    ("arguments", "outcome"),
    [
        (("40B", "--gpu-memory", "24Gi", "--max-gpus", "1"), "oom"),
        (("8B", *A100, "--tp", "1", "--cache-max-entry-count", "0.005"), "no_kv_for_session"),
        (("26B", *A100, "--max-gpus", "1", "--session-len", "1048576"), "session_exceeds_kv"),
        (("8B", *A100, "--tp", "3"), "rejected"),
        (("1B", *A100, "--quantization", "AWQ"), "rejected"),
        (("4B", *A100, "--backend", "TurboMind"), "rejected"),
    ],
)
def test_every_outcome_but_ok_ends_with_3_and_the_same_document(
    arguments: tuple[str, ...], outcome: str, plan: Plan
) -> None:
    code, document = plan(*arguments)
    assert (code, document["outcome"]) == (3, outcome)
    assert document["reason"]
    assert document["args"]
    assert len(document["alternatives"]) <= 3


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("plan",), "give either a size or -f FILE"),
        (("plan", "8B", "-f", "x.yaml"), "give either a size or -f FILE"),
        (("plan", "8B"), "no GPU is known to plan for: give --gpu or --gpu-memory"),
        (("plan", "9B", *A100), "size of InternVL2 (the series where none is written) is 1B, 2B"),
        (("plan", "8B", "--series", "InternVL4", *A100), "invalid choice: 'InternVL4'"),
        (("plan", "InternVL3-4B", *A100), "size of InternVL3 is 1B, 2B, 8B, 9B"),
        (("plan", "InternVL3-8B", "--series", "InternVL2", *A100), "is not of the series InternVL2"),
        (("plan", "InternVL3.5-20B-A4B", *A100), "are refused until they were run"),
        (("plan", "-f", "-", "--series", "InternVL3", *A100), "--series goes with a size"),
        (("plan", "8B", "--gpu", "A100-81GB"), "the GPU 'A100-81GB' is not known; the nearest are"),
        (("plan", "8B", "--gpu-memory", "80GB"), "'80GB' is not a Kubernetes quantity"),
        (("plan", "8B", "--gpu-memory", "80"), "is less than 1 MiB: write for example 80Gi"),
        (("plan", "8B", *A100, "--max-gpus", "0"), "0 is not above zero"),
        (("plan", "8B", *A100, "--cache-max-entry-count", "1"), "1 is not between 0 and 1"),
        (("plan", "8B", *A100, "--engine", "0.11.0"), "invalid choice: '0.11.0'"),
        (("plan", "8B", *A100, "--cache-max-entry-count", "half"), "'half' is not a number"),
        (("plan", "8B", *A100, "--tp", "two"), "'two' is not a whole number"),
        (("table", *A100, "--ratios", "0.2,high"), "'high' is not a number"),
        (("plan", "-f", "missing.yaml", *A100), "No such file or directory: 'missing.yaml'"),
        (("render", *A100), "the following arguments are required: -f/--file"),
        (("render", "-f", "missing.yaml", *A100), "No such file or directory"),
        (("paln",), "invalid choice: 'paln'"),
        ((), "the following arguments are required: VERB"),
    ],
)
def test_wrong_usage_ends_with_2_and_says_what_to_give(
    arguments: tuple[str, ...], says: str, internvl: Internvl
) -> None:
    code, output, errors = internvl(*arguments)
    assert (code, output) == (2, "")
    assert says in errors


@pytest.mark.parametrize("verb", ["plan", "render"])
@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("a: [", "is not YAML"),
        ("kind: Service", "holds no InternVLDeployment"),
        ("", "holds no InternVLDeployment"),
        ("kind: InternVLDeployment\nmetadata: {name: a}\nspec: {size: 9B}", "is 1B, 2B, 4B"),
        ("kind: InternVLDeployment\nspec: {size: 8B}", "metadata: Field required"),
    ],
)
def test_a_file_that_is_wrong_ends_with_2_and_says_why(
    verb: str, content: str, says: str, tmp_path: Path, internvl: Internvl
) -> None:
    file = tmp_path / "resource.yaml"
    file.write_text(content)
    code, output, errors = internvl(verb, "-f", str(file), *A100)
    assert (code, output) == (2, "")
    assert says in errors


def test_a_file_is_planned_like_the_options_that_say_the_same(
    plan: Plan,
) -> None:
    assert plan("-f", str(EXAMPLES / "8b.yaml"), *A100) == plan("8B", *A100)


def test_the_plans_of_several_resources_are_one_json_list(tmp_path: Path, internvl: Internvl) -> None:
    file = tmp_path / "resources.yaml"
    file.write_text("---\n".join((EXAMPLES / name).read_text() for name in ("1b.yaml", "8b.yaml")))
    code, output, _ = internvl("plan", "-f", str(file), *A100, "-o", "json")
    assert code == 0
    assert [document["size"] for document in json.loads(output)] == ["1B", "8B"]


@pytest.mark.parametrize(
    ("option", "value", "key", "planned"),
    [
        ("--engine", "0.15.0", "engine", "0.15.0"),
        ("--backend", "PyTorch", "backend", "pytorch"),
        ("--session-len", "4096", "sessionLen", 4096),
        ("--max-batch-size", "16", "maxBatchSize", 16),
        ("--quant-policy", "8", "quantPolicy", 8),
        ("--tp", "2", "gpus", 2),
    ],
)
def test_options_win_over_the_file(option: str, value: str, key: str, planned: str | int, plan: Plan) -> None:
    _, document = plan("-f", str(EXAMPLES / "8b.yaml"), *A100, option, value)
    assert document[key] == planned


def test_json_and_yaml_hold_the_same(internvl: Internvl) -> None:
    _, as_json, _ = internvl("plan", "8B", *A100, "-o", "json")
    _, as_yaml, _ = internvl("plan", "8B", *A100, "-o", "yaml")
    assert yaml.safe_load(as_yaml) == json.loads(as_json)


def test_the_table_shows_the_verdict_the_memory_and_the_command(
    internvl: Internvl,
) -> None:
    code, output, _ = internvl("plan", "40B", "--gpu", "NVIDIA-A100-SXM4-80GB")
    assert code == 0
    assert output.startswith("InternVL2-40B on 2 x NVIDIA-A100-SXM4-80GB (81920 MiB): ok\n")
    for expected in ("weights", "kv cache", "lmdeploy serve api_server", "--tp 2", "Alternatives"):
        assert expected in output


def test_a_session_that_is_too_short_for_an_image_is_said(internvl: Internvl) -> None:
    _, output, _ = internvl("plan", "8B", "--gpu", "L40S", "--session-len", "2048")
    assert re.search(
        r"at once   \d+ sessions of 2048 tokens +too short for one image of 13 tiles and 512", output
    )


def test_a_plan_that_fails_says_so_once_and_gives_no_time_of_a_start(internvl: Internvl) -> None:
    code, shown, _ = internvl("plan", "8B", "--gpu", "L4", "--tp", "4", "--max-gpus", "1")
    assert code == 3
    assert "\n  rejected: tp 4 is more than the 1 GPU" in shown
    assert "rejected: rejected" not in shown.lower()
    assert "to the open port" not in shown


def test_what_concerns_this_plan_alone_is_warned_of_before_what_concerns_every_model(plan: Plan) -> None:
    _, document = plan("8B", "--gpu", "L4", "--sessions", "500")
    first, *_, last = document["warnings"]
    assert "engine.sessions asks for 500" in first
    assert "Image URLs that resolve to a private address" in last


def test_an_image_of_the_users_own_is_said_to_be_that(tmp_path: Path, internvl: Internvl) -> None:
    file = tmp_path / "resource.json"
    file.write_text(json.dumps(resource({"size": "8B", "engine": {"image": "my/lmdeploy:1"}})))
    _, output, _ = internvl("plan", "-f", str(file), "--gpu", "L40S")
    (line,) = [line for line in output.splitlines() if line.startswith("  image ")]
    assert re.fullmatch(r"  image +your own +which driver it needs is not known", line)


@pytest.mark.parametrize("example", sorted(EXAMPLES.glob("*.yaml")), ids=lambda path: path.stem)
def test_an_example_is_rendered_as_the_controller_would(example: Path, internvl: Internvl) -> None:
    code, output, errors = internvl("render", "-f", str(example), "--pod-monitor", *A100)
    assert (code, errors) == (0, "")
    body = yaml.safe_load(example.read_text())
    assert list(yaml.safe_load_all(output)) == list(children_of(body["spec"], body["metadata"]["name"]))


def test_a_resource_that_names_its_gpu_needs_no_option(tmp_path: Path, internvl: Internvl) -> None:
    file = tmp_path / "resource.json"
    file.write_text(json.dumps(resource(RICH)))
    assert internvl("render", "-f", str(file))[0] == 0
    assert internvl("plan", "-f", str(file))[0] == 0


def test_nothing_is_rendered_when_there_is_no_plan(internvl: Internvl) -> None:
    code, output, errors = internvl(
        "render", "-f", str(EXAMPLES / "76b.yaml"), "--gpu-memory", "16Gi", "--max-gpus", "1"
    )
    assert (code, output) == (3, "")
    assert "internvl2-76b: " in errors
