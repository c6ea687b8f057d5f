"""Container images as files: an OCI image layout in one archive, which containerd imports without a registry."""

from __future__ import annotations

import hashlib
import io
import json
import platform
import tarfile
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.cluster.programs.downloads import ARCHITECTURES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

MEDIA_TYPE = "application/vnd.oci.image.{}.v1"
# What containerd calls an image when it imports the archive.
NAME_ANNOTATION = "io.containerd.image.name"


@dataclass(frozen=True, slots=True)
class Image:
    """What an image is made of.

    Attributes:
        name: With its tag.
        layers: Tar files of the root file system, the lowest first.
        entrypoint: Command of a container that has none of its own.
        environment: Variables of every container.
    """

    name: str
    layers: Sequence[Path]
    entrypoint: Sequence[str] = ()
    environment: Mapping[str, str] = field(default_factory=dict)


def layer(root: Path, target: Path) -> None:
    """Write a directory as a layer: the same bytes for the same files, whoever owns them and whenever they came."""
    with tarfile.open(target, "w", format=tarfile.PAX_FORMAT) as tar:
        for path in sorted(root.rglob("*")):
            tar.add(path, path.relative_to(root).as_posix(), recursive=False, filter=_without_circumstances)


def _without_circumstances(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = member.mtime = 0
    member.uname = member.gname = ""
    executable = member.isdir() or bool(member.mode & 0o100)
    # Pods run as a user who owns none of the files.
    member.mode = 0o1777 if member.name == "tmp" else 0o755 if executable else 0o644
    return member


def write_archive(images: Sequence[Image], target: Path) -> None:
    """Write an archive with these images; a layer that several have is in it once."""
    archive = _Archive()
    manifests = [archive.add_image(image) for image in images]
    with tarfile.open(target, "w") as tar:
        _add(tar, "oci-layout", json.dumps({"imageLayoutVersion": "1.0.0"}).encode())
        index = {
            "schemaVersion": 2,
            "mediaType": MEDIA_TYPE.format("index") + "+json",
            "manifests": manifests,
        }
        _add(tar, "index.json", json.dumps(index).encode())
        for digest, content in archive.blobs.items():
            _add(tar, f"blobs/sha256/{digest}", content)


class _Archive:
    """The blobs of an archive, by their SHA-256."""

    def __init__(self) -> None:
        self.blobs: dict[str, bytes] = {}

    def add_image(self, image: Image) -> dict[str, Any]:
        """Add an image and return the index's entry for it."""
        layers = [self._add(path.read_bytes(), "layer", suffix=".tar") for path in image.layers]
        config = {
            "architecture": ARCHITECTURES.get(platform.machine(), platform.machine()),
            "os": platform.system().lower(),
            "config": {
                "Entrypoint": list(image.entrypoint),
                "Env": [f"{name}={value}" for name, value in image.environment.items()],
            },
            "rootfs": {"type": "layers", "diff_ids": [layer["digest"] for layer in layers]},
        }
        manifest = {
            "schemaVersion": 2,
            "mediaType": MEDIA_TYPE.format("manifest") + "+json",
            "config": self._add(json.dumps(config).encode(), "config"),
            "layers": layers,
        }
        entry = self._add(json.dumps(manifest).encode(), "manifest")
        return {**entry, "annotations": {NAME_ANNOTATION: image.name}}

    def _add(self, content: bytes, kind: str, suffix: str = "+json") -> dict[str, Any]:
        digest = hashlib.sha256(content).hexdigest()
        self.blobs[digest] = content
        return {
            "mediaType": MEDIA_TYPE.format(kind) + suffix,
            "digest": f"sha256:{digest}",
            "size": len(content),
        }


def _add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(content)
    tar.addfile(member, io.BytesIO(content))
