"""What the command line reads: several files, folders, the nodes of a cluster, and the names of GPUs."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from internvl_operator.catalog.models import MODELS
from tests.cluster.nodes.platforms import PLATFORMS, platform_node
from tests.cluster.simulated_nodes import gpu_node
from tests.cluster.specs.table import resource

if TYPE_CHECKING:
    from tests.conftest import Internvl

EXAMPLES = Path(__file__).parents[3] / "examples"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two resources in files of their own, beside another kind and a text."""
    for name in ("a", "b"):
        (tmp_path / f"{name}.yaml").write_text(yaml.safe_dump(resource({"size": "2B"}, name)))
    (tmp_path / "service.yml").write_text(yaml.safe_dump({"kind": "Service", "metadata": {"name": "s"}}))
    (tmp_path / "README.md").write_text("no: [yaml")
    return tmp_path


def names(output: str) -> list[str]:
    return [each["metadata"]["name"] for each in yaml.safe_load_all(output) if each["kind"] == "Deployment"]


def test_each_file_that_is_given_counts(folder: Path, internvl: Internvl) -> None:
    files = ("-f", str(folder / "b.yaml"), "-f", str(folder / "a.yaml"))
    _, output, _ = internvl("render", *files, "--gpu", "L4")
    assert names(output) == ["b", "a"]
    code, output, _ = internvl("plan", *files, "--gpu", "L4")
    assert code == 0
    assert [line for line in output.splitlines() if line in ("a", "b")] == ["b", "a"]


def test_a_folder_stands_for_its_files(folder: Path, internvl: Internvl) -> None:
    code, output, _ = internvl("render", "-f", str(folder), "--gpu", "L4")
    assert (code, names(output)) == (0, ["a", "b"])


def test_a_folder_without_a_resource_is_named(tmp_path: Path, internvl: Internvl) -> None:
    code, _, errors = internvl("plan", "-f", str(tmp_path), "--gpu", "L4")
    assert (code, errors) == (2, f"internvl plan: {tmp_path} holds no InternVLDeployment\n")


def test_the_examples_are_planned_in_one_go(internvl: Internvl) -> None:
    code, output, _ = internvl("plan", "-f", str(EXAMPLES), "--gpu", "H200", "-o", "json")
    assert code == 0
    assert len(json.loads(output)) == len(list(EXAMPLES.glob("*.yaml")))


@pytest.mark.parametrize(
    ("text", "key"), [("size: 8B\n  size: 1B", "size"), ("gpu: {maxCount: 1, maxCount: 2}", "maxCount")]
)
def test_a_key_that_stands_twice_is_named(text: str, key: str, tmp_path: Path, internvl: Internvl) -> None:
    file = tmp_path / "twice.yaml"
    file.write_text(f"kind: InternVLDeployment\nmetadata: {{name: a}}\nspec:\n  {text}\n")
    code, _, errors = internvl("plan", "-f", str(file), "--gpu", "L4")
    assert code == 2
    assert f"the key '{key}' stands twice in one map" in errors


def test_a_merged_key_may_be_given_again(tmp_path: Path, internvl: Internvl) -> None:
    file = tmp_path / "merged.yaml"
    file.write_text(
        "kind: InternVLDeployment\nmetadata: {name: a}\n"
        "spec:\n  size: 2B\n  gpu: &all {maxCount: 1}\n  load: {<<: {images: 2}, images: 1, requestsPerSecond: 1}\n"
    )
    code, output, _ = internvl("plan", "-f", str(file), "--gpu", "L4", "-o", "json")
    assert (code, json.loads(output)["speed"]["images"]) == (0, 1)


@pytest.mark.parametrize("form", ["json", "yaml", "a NodeList"])
def test_a_plan_is_made_for_the_nodes_of_a_cluster(form: str, tmp_path: Path, internvl: Internvl) -> None:
    nodes = [platform_node(name, platform) for name, platform in PLATFORMS.items()]
    body: dict[str, Any] = {"kind": "List", "items": nodes}
    if form == "a NodeList":
        kindless = [{key: value for key, value in node.items() if key != "kind"} for node in nodes]
        body = {"kind": "NodeList", "items": kindless}
    file = tmp_path / "nodes"
    file.write_text(yaml.safe_dump(body) if form == "yaml" else json.dumps(body))
    code, output, _ = internvl("plan", "26B", "--nodes", str(file), "-o", "json")
    document = json.loads(output)
    assert (code, document["product"]) == (0, "NVIDIA-A100-SXM4-80GB")
    assert any("taint sku=gpu:NoSchedule is not tolerated" in note for note in document["notes"])
    _, output, _ = internvl("plan", "2B", "--nodes", str(file), "--gpu", "L40S", "-o", "json")
    assert json.loads(output)["product"] == "NVIDIA-L40S"


def test_the_nodes_may_come_from_a_pipe(monkeypatch: pytest.MonkeyPatch, internvl: Internvl) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(json.dumps({"kind": "List", "items": [gpu_node("a")]})))
    code, output, _ = internvl("plan", "8B", "--nodes", "-", "-o", "json")
    assert (code, json.loads(output)["product"]) == (0, "NVIDIA-A100-SXM4-80GB")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{}", "holds no Node: write there what kubectl get nodes --output json prints"),
        ("a: [", "is not YAML"),
        ('{"kind": "List", "items": [{"kind": "Pod"}]}', "holds no Node"),
        ('{"kind": "Node"}', "a Node lacks metadata.name"),
    ],
)
def test_what_is_no_list_of_nodes_is_said(text: str, says: str, tmp_path: Path, internvl: Internvl) -> None:
    file = tmp_path / "nodes.json"
    file.write_text(text)
    code, _, errors = internvl("plan", "8B", "--nodes", str(file))
    assert code == 2
    assert says in errors


@pytest.mark.parametrize(
    ("name", "resource_name", "product", "memory"),
    [
        ("mig-3g.40gb", "nvidia.com/mig-3g.40gb", "mig-3g.40gb", 40192),
        ("nvidia.com/mig-1g.10gb", "nvidia.com/mig-1g.10gb", "mig-1g.10gb", 9728),
        ("MIG-1G.20GB.me", "nvidia.com/mig-1g.20gb.me", "mig-1g.20gb", 19968),
        (
            "NVIDIA-A100-SXM4-80GB-MIG-3g.40gb",
            "nvidia.com/gpu",
            "NVIDIA-A100-SXM4-80GB-MIG-3g.40gb",
            40192,
        ),
    ],
)
def test_slices_are_named_as_resource_profile_or_product(
    name: str, resource_name: str, product: str, memory: int, internvl: Internvl
) -> None:
    code, output, _ = internvl("plan", "1B", "--gpu", name, "-o", "json")
    document = json.loads(output)
    assert code == 0
    assert (document["resource"], document["product"]) == (resource_name, product)
    assert (document["gpuMemoryMiB"], document["tp"]) == (memory, 1)


def test_a_name_with_several_sizes_of_memory_says_which_is_meant(internvl: Internvl) -> None:
    _, output, _ = internvl("plan", "1B", "--gpu", "A100", "-o", "json")
    (note,) = json.loads(output)["notes"]
    assert note.startswith(
        "A100 is taken for NVIDIA-A100-SXM4-40GB with 40960 MiB; there are also NVIDIA-A100-SXM4-80GB"
    )
    _, output, _ = internvl("plan", "1B", "--gpu", "A100-80GB", "-o", "json")
    assert json.loads(output)["notes"] == []


def test_the_defaults_of_an_installation_are_for_resources(internvl: Internvl) -> None:
    code, _, errors = internvl("plan", "8B", "--gpu", "L4", "--platform-defaults", "no-such-file")
    assert code == 2
    assert "--platform-defaults goes with -f" in errors


@pytest.mark.parametrize("name", ["InternVL3.5-8B", "InternVL3_5-8B", "OpenGVLab/InternVL3_5-8B"])
def test_a_model_may_be_named_by_its_repository(name: str, internvl: Internvl) -> None:
    code, output, _ = internvl("plan", name, "--gpu", "L4", "-o", "json")
    document = json.loads(output)
    assert (code, document["series"], document["size"]) == (0, "InternVL3.5", "8B")


def test_a_repository_that_is_not_served_is_refused_as_that(internvl: Internvl) -> None:
    code, _, errors = internvl("plan", "OpenGVLab/InternVL3_5-241B-A28B", "--gpu", "H200")
    assert code == 2
    assert "are refused until they were run on GPUs" in errors


def test_the_sizes_that_an_error_names_are_served(tmp_path: Path, internvl: Internvl) -> None:
    file = tmp_path / "resource.json"
    file.write_text(json.dumps(resource({"size": "8b"})))
    _, _, errors = internvl("plan", "-f", str(file), "--gpu", "L4")
    (_, names) = errors.strip().split("write one of ")
    assert set(names.split(", ")) == {size for _, size in MODELS}


def test_an_unknown_gpu_is_refused_with_what_to_give(internvl: Internvl) -> None:
    code, _, errors = internvl("plan", "8B", "--gpu", "RTX4090")
    assert code == 2
    assert "the nearest are RTX-4090" in errors
    assert "internvl gpus lists those that are known, and --gpu-memory describes any other" in errors


@pytest.mark.parametrize("verb", ["plan", "render"])
@pytest.mark.parametrize(
    "gpu", [{"product": "L4"}, {"resource": "nvidia.com/mig-3g.40gb"}, {"memory": "24Gi"}]
)
def test_a_gpu_that_stands_in_for_the_files_is_said(
    verb: str, gpu: dict[str, str], tmp_path: Path, internvl: Internvl
) -> None:
    file = tmp_path / "resource.yaml"
    file.write_text(yaml.safe_dump(resource({"size": "2B", "gpu": gpu})))
    code, output, errors = internvl(verb, "-f", str(file), "--gpu", "H100-80GB")
    assert code == 0
    assert "--gpu and --gpu-memory stand in place of what the file says in spec.gpu" in output + errors
    assert "NVIDIA-H100-80GB-HBM3" in output
    assert "mig-3g.40gb" not in output


def test_what_a_replica_needs_of_its_node_is_planned_too(tmp_path: Path, internvl: Internvl) -> None:
    _, output, _ = internvl("plan", "8B", "--gpu", "L4", "-o", "json")
    assert json.loads(output)["host"] == {"cpuMillis": 3000, "memoryMiB": 8192, "diskMiB": 16173}
    file = tmp_path / "resource.yaml"
    requests = {"cpu": "1", "memory": "32Gi"}
    spec = {
        "size": "8B",
        "podTemplate": {"resources": {"requests": requests}},
        "model": {"cache": {"size": "100Gi"}},
    }
    file.write_text(yaml.safe_dump(resource(spec)))
    _, output, _ = internvl("plan", "-f", str(file), "--gpu", "L4", "-o", "json")
    assert json.loads(output)["host"] == {}
    _, output, _ = internvl("plan", "-f", str(file), "--gpu", "L4")
    assert "cpu as given, memory as given" in output
