"""A model is whole when every file is there and as long as it says; the script needs only huggingface_hub."""

from __future__ import annotations

import json
import struct
from importlib.resources import files
from pathlib import Path

import pytest

from internvl_operator.init_container.fetch_model import broken_files, is_whole, main
from tests.cluster.specs.table import at
from tests.rendering import children_of

FIRST, SECOND = "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"


def safetensors(tensors: dict[str, int]) -> bytes:
    """The content of a file of tensors of so many bytes each, as the format's specification describes it."""
    header: dict[str, object] = {"__metadata__": {"format": "pt"}}
    offset = 0
    for name, size in tensors.items():
        header[name] = {"dtype": "U8", "shape": [size], "data_offsets": [offset, offset + size]}
        offset += size
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + bytes(offset)


def _safetensors(path: Path, tensors: dict[str, int], missing_bytes: int = 0) -> None:
    content = safetensors(tensors)
    path.write_bytes(content[: len(content) - missing_bytes])


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A whole model in two shards."""
    directory = tmp_path / "InternVL2-8B"
    directory.mkdir()
    (directory / "config.json").write_text("{}")
    weight_map = {"a.weight": FIRST, "b.weight": FIRST, "c.weight": SECOND}
    (directory / "model.safetensors.index.json").write_text(json.dumps({"weight_map": weight_map}))
    _safetensors(directory / FIRST, {"a.weight": 40, "b.weight": 24})
    _safetensors(directory / SECOND, {"c.weight": 8})
    return directory


def test_a_whole_model_has_no_broken_file(model: Path) -> None:
    assert broken_files(model) == []


def test_a_missing_shard_is_named(model: Path) -> None:
    (model / SECOND).unlink()
    assert broken_files(model) == [f"{SECOND} is missing"]


@pytest.mark.parametrize("missing_bytes", [1, 8, 64])
def test_a_shard_whose_weights_are_cut_short_is_named(model: Path, missing_bytes: int) -> None:
    _safetensors(model / FIRST, {"a.weight": 40, "b.weight": 24}, missing_bytes)
    assert broken_files(model) == [f"{FIRST} is cut short"]


@pytest.mark.parametrize("length", [0, 1, 7, 8, 9, 60])
def test_a_shard_whose_header_is_cut_short_is_named(model: Path, length: int) -> None:
    (model / FIRST).write_bytes((model / FIRST).read_bytes()[:length])
    assert broken_files(model) == [f"{FIRST} is cut short"]


def test_a_shard_that_is_longer_than_it_says_is_not_whole(model: Path) -> None:
    (model / FIRST).write_bytes((model / FIRST).read_bytes() + b"\0")
    assert not is_whole(model / FIRST)


@pytest.mark.parametrize(
    "content",
    [
        b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n",
        struct.pack("<Q", 20) + b"<html>not found</html>",
        struct.pack("<Q", 4) + b"\xff\xfe\xfd\xfc",
    ],
    ids=["a pointer of git-lfs", "a page", "bytes"],
)
def test_a_file_that_is_no_safetensors_file_is_not_whole(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(content)
    assert not is_whole(path)


def test_a_file_without_tensors_is_whole(tmp_path: Path) -> None:
    _safetensors(tmp_path / "empty.safetensors", {})
    assert is_whole(tmp_path / "empty.safetensors")


def test_every_problem_is_told_at_once(model: Path) -> None:
    (model / FIRST).unlink()
    _safetensors(model / SECOND, {"c.weight": 8}, missing_bytes=1)
    assert broken_files(model) == [f"{FIRST} is missing", f"{SECOND} is cut short"]


def test_a_directory_without_a_configuration_is_no_model(model: Path) -> None:
    (model / "config.json").unlink()
    assert broken_files(model) == ["config.json is missing"]


def test_a_model_without_weights_is_broken(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    assert broken_files(tmp_path) == ["there are no weights"]


def test_a_model_in_one_file_without_an_index_is_whole(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    _safetensors(tmp_path / "model.safetensors", {"a.weight": 4})
    assert broken_files(tmp_path) == []


def test_weights_in_pytorchs_own_format_are_taken_as_they_are(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "pytorch_model.bin").write_bytes(b"\0")
    assert broken_files(tmp_path) == []


SCRIPT = (files("internvl_operator.init_container") / "fetch_model.py").read_text(encoding="utf-8")


def test_the_init_container_runs_the_script() -> None:
    children = children_of(at("model.revision", "v1"))
    deployment = next(child for child in children if child["kind"] == "Deployment")
    (container,) = deployment["spec"]["template"]["spec"]["initContainers"]
    directory = "/models/InternVL2-8B"
    assert container["command"] == ["python3", "-c", SCRIPT, "OpenGVLab/InternVL2-8B", "v1", directory]


def test_the_function_that_is_tested_is_the_one_that_the_script_runs() -> None:
    assert main.__module__ == "internvl_operator.init_container.fetch_model"
    assert "sys.exit(main(*sys.argv[1:]))" in SCRIPT
