"""The stub of LMDeploy as a container image, of the files that its Dockerfile names."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.cluster.programs.binaries import cache_directory
from tests.node.cluster import oci, root_files

REPOSITORY = Path(__file__).parents[3]
STUB = REPOSITORY / "images/stub"
PACKAGE = REPOSITORY / "operator/internvl_operator"
INSTALLED = "opt/stub"

# A registry that does not exist: the node has the images already.
STUB_IMAGE = "internvl.test/lmdeploy-stub:1"
PAUSE_IMAGE = "internvl.test/pause:1"
MODEL_IMAGE = "internvl.test/internvl2-1b:1"

# What the stub reads of a model.
CONFIG = json.dumps({"architectures": ["InternVLChatModel"], "model_type": "internvl_chat"})


def write_images(target: Path) -> None:
    """Write the archive with the images of the stub, of a model's files, and of what holds a pod's namespaces."""
    base = base_layer()
    with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
        own = Path(scratch) / "own.tar"
        _write_own_layer(Path(scratch), own)
        model = Path(scratch) / "model.tar"
        _write_model_layer(Path(scratch), model)
        layers = (base, own)
        environment = {"PATH": "/usr/local/bin:/usr/bin:/bin", "PYTHONPATH": f"/{INSTALLED}"}
        serve = ("lmdeploy", "serve", "api_server")
        pause = ("python3", "-I", "-S", "/pause.py")
        images = [
            oci.Image(STUB_IMAGE, layers, serve, environment),
            oci.Image(PAUSE_IMAGE, layers, pause, environment),
            oci.Image(MODEL_IMAGE, (model,)),
        ]
        oci.write_archive(images, target)


def base_layer() -> Path:
    """The layer with Python and the locked packages, kept from run to run as long as it would become the same."""
    target = cache_directory(os.environ).parent / "images" / f"base-{_digest_of_base()}.tar"
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".incomplete-", dir=target.parent) as scratch:
            root, unfinished = Path(scratch) / "root", Path(scratch) / "layer.tar"
            root.mkdir()
            root_files.add_python(root)
            _install_packages(root / INSTALLED)
            root_files.add_shared_libraries(root)
            root_files.compile_modules(root)
            oci.layer(root, unfinished)
            unfinished.replace(target)
    return target


def _digest_of_base() -> str:
    digest = hashlib.sha256(sys.version.encode())
    for file in (STUB / "requirements.lock", Path(root_files.__file__), Path(oci.__file__), Path(__file__)):
        digest.update(file.read_bytes())
    return digest.hexdigest()[:16]


def _install_packages(directory: Path) -> None:
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    command += ["--no-compile", "--no-deps", "--require-hashes", "--root-user-action", "ignore"]
    lock = STUB / "requirements.lock"
    subprocess.run([*command, "--target", str(directory), "--requirement", str(lock)], check=True)


def _write_own_layer(scratch: Path, target: Path) -> None:
    """Write the layer with this project's own files, which change more often than all the others."""
    root = scratch / "own"
    for source, place in (
        (STUB / "lmdeploy_stub", f"{INSTALLED}/lmdeploy_stub"),
        (PACKAGE, f"{INSTALLED}/internvl_operator"),
    ):
        shutil.copytree(source, root / place, ignore=shutil.ignore_patterns("__pycache__"))
    (root / "usr/local/bin").mkdir(parents=True)
    shutil.copy(STUB / "lmdeploy", root / "usr/local/bin/lmdeploy")
    shutil.copy(Path(__file__).with_name("pause.py"), root / "pause.py")
    root_files.compile_modules(root)
    oci.layer(root, target)


def _write_model_layer(scratch: Path, target: Path) -> None:
    root = scratch / "model"
    root.mkdir()
    (root / "config.json").write_text(CONFIG)
    oci.layer(root, target)
