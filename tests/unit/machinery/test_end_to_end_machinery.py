"""What `make e2e` makes where no registry can be reached, as far as that needs no container engine."""

from __future__ import annotations

import hashlib
import json
import tarfile
from typing import TYPE_CHECKING

import pytest

from tests.cluster.programs.go_build import go_mod_for
from tests.cluster.programs.versions import COREDNS, END_TO_END_PROGRAMS, KUBERNETES, RELEASE_OF
from tests.e2e.cluster import images
from tests.e2e.cluster.images import previous_release
from tests.e2e.machine.archives import Image, write_archive
from tests.e2e.machine.images import BASES
from tests.e2e.machine.shell import ROOT, CommandError, Shell

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[tarfile.TarFile]:
    """Two images on the same root file system, one of them with a program."""
    base, program = tmp_path / "base.tar", tmp_path / "program"
    with tarfile.open(base, "w"):
        pass
    program.write_bytes(b"#!/bin/sh\n")
    named = [
        Image("registry.k8s.io/program:v1", [program], base, ["program"]),
        Image("docker.io/kindest/helper:v2", base=base),
    ]
    write_archive(named, tmp_path / "images.tar", "amd64")
    with tarfile.open(tmp_path / "images.tar") as archive:
        yield archive


def content(archive: tarfile.TarFile, name: str) -> bytes:
    file = archive.extractfile(name)
    assert file is not None
    return file.read()


def test_the_names_of_an_archive_come_first_as_kind_reads_no_others(archive: tarfile.TarFile) -> None:
    assert archive.getnames()[0] == "repositories"
    assert json.loads(content(archive, "repositories")).keys() == {
        "registry.k8s.io/program",
        "docker.io/kindest/helper",
    }


def test_a_layer_that_images_share_is_in_their_archive_once(archive: tarfile.TarFile) -> None:
    manifest = json.loads(content(archive, "manifest.json"))
    layers = [layer for image in manifest for layer in image["Layers"]]
    assert len(layers) == 3
    assert len(set(layers)) == 2
    assert sorted(name for name in archive.getnames() if name.endswith("layer.tar")) == sorted(set(layers))


def test_an_image_names_its_layers_by_their_content(archive: tarfile.TarFile) -> None:
    for image in json.loads(content(archive, "manifest.json")):
        config = content(archive, image["Config"])
        assert image["Config"] == f"{hashlib.sha256(config).hexdigest()}.json"
        digests = [hashlib.sha256(content(archive, layer)).hexdigest() for layer in image["Layers"]]
        assert json.loads(config)["rootfs"]["diff_ids"] == [f"sha256:{digest}" for digest in digests]


def test_a_program_of_an_image_can_be_executed_by_everyone(archive: tarfile.TarFile) -> None:
    (_, own) = json.loads(content(archive, "manifest.json"))[0]["Layers"]
    with tarfile.open(fileobj=archive.extractfile(own)) as layer:
        (member,) = layer.getmembers()
    assert (member.name, member.mode) == ("usr/local/bin/program", 0o755)


def test_a_build_takes_the_libraries_of_the_kubernetes_that_is_compiled_already() -> None:
    go_mod = go_mod_for(COREDNS, "module github.com/coredns/coredns\n\ngo 1.25.0\n")
    assert f"require github.com/coredns/coredns {COREDNS.version}" in go_mod
    assert f"require k8s.io/client-go {KUBERNETES.version.replace('v1.', 'v0.')}" in go_mod


def test_every_image_that_a_dockerfile_begins_with_can_be_pulled_or_stood_in_for() -> None:
    named = {
        image
        for name in ("operator", "stub")
        for image in BASES.findall((ROOT / "images" / name / "Dockerfile").read_text())
    }
    assert {image.rpartition("/")[2].partition(":")[0] for image in named} == {"python", "uv", "dockerfile"}


def test_the_programs_of_kind_alone_are_not_among_those_of_the_other_tests() -> None:
    assert {"kind", "kubeadm", "coredns"} <= set(END_TO_END_PROGRAMS) < RELEASE_OF.keys()
    assert not {"kubectl", "helm", "containerd"} & set(END_TO_END_PROGRAMS)


def test_a_clone_without_the_previous_release_says_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(images, "PREVIOUS_RELEASE", "0" * 40)
    with pytest.raises(CommandError, match="git fetch --unshallow"):
        previous_release(tmp_path)


def test_a_failing_program_shows_what_it_printed() -> None:
    with pytest.raises(CommandError, match=r"exit code 3\nout\nwrong"):
        Shell().run("sh", "-c", "echo out; echo wrong >&2; exit 3")


def test_a_program_that_hangs_is_ended() -> None:
    with pytest.raises(CommandError, match=r"no end within 0.2 s"):
        Shell().run("sleep", "60", seconds=0.2)
