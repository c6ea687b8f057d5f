"""Images as `docker save` writes them, made of tar archives and programs without a container engine."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True, slots=True)
class Image:
    """What an image is made of.

    Attributes:
        name: With its host and its tag: kind compares the names of an archive in full.
        programs: Files for /usr/local/bin.
        base: Root file system below them, a tar archive; None: the image holds the programs alone.
        entrypoint: Of a container whose manifest names no command.
    """

    name: str
    programs: Sequence[Path] = ()
    base: Path | None = None
    entrypoint: Sequence[str] = ()


def write_archive(images: Sequence[Image], target: Path, architecture: str) -> None:
    """Write images into one archive; a layer that several have is in it once.

    Args:
        images: Whose names have a host.
        target: To write.
        architecture: As images name it: amd64.
    """
    with tarfile.open(target, "w") as archive:
        # First: kind reads all names of an archive only from here.
        names = [image.name.rsplit(":", 1) for image in images]
        _add(archive, "repositories", json.dumps({name: {tag: ""} for name, tag in names}).encode())
        written: set[str] = set()
        manifest = [_add_image(archive, image, architecture, written) for image in images]
        _add(archive, "manifest.json", json.dumps(manifest).encode())


def _add_image(
    archive: tarfile.TarFile, image: Image, architecture: str, written: set[str]
) -> dict[str, object]:
    layers = [image.base.read_bytes()] if image.base else []
    if image.programs:
        layers.append(_layer(image.programs))
    digests = [hashlib.sha256(layer).hexdigest() for layer in layers]
    for digest, layer in zip(digests, layers, strict=True):
        if digest not in written:
            _add(archive, f"{digest}/layer.tar", layer)
            written.add(digest)
    config = {
        "architecture": architecture,
        "os": "linux",
        "config": {"Entrypoint": list(image.entrypoint), "Env": [f"PATH={PATH}"]},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}" for digest in digests]},
    }
    content = json.dumps(config).encode()
    name = f"{hashlib.sha256(content).hexdigest()}.json"
    _add(archive, name, content)
    return {"Config": name, "RepoTags": [image.name], "Layers": [f"{digest}/layer.tar" for digest in digests]}


def _layer(programs: Iterable[Path]) -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as layer:
        for program in programs:
            _add(layer, f"usr/local/bin/{program.name}", program.read_bytes(), mode=0o755)
    return content.getvalue()


def _add(archive: tarfile.TarFile, name: str, content: bytes, mode: int = 0o644) -> None:
    member = tarfile.TarInfo(name)
    member.size, member.mode = len(content), mode
    archive.addfile(member, io.BytesIO(content))
