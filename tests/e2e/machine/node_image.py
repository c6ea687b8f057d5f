"""The image of kind's nodes: pulled, or built by `kind build node-image` of Debian packages and Go modules."""

from __future__ import annotations

import os
import platform
import re
import shutil
import tarfile
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from tests.cluster.programs.binaries import locate
from tests.cluster.programs.downloads import ARCHITECTURES
from tests.cluster.programs.go_build import PURE_GO, module_directory
from tests.cluster.programs.versions import KIND, KUBERNETES
from tests.e2e.machine.archives import Image, write_archive
from tests.e2e.machine.debian import root_file_system
from tests.e2e.machine.images import FILES, build, has
from tests.e2e.machine.shell import CommandError, Shell, say

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

BUILT = f"internvl-e2e/node:{KUBERNETES.version}"
BASE = "internvl-e2e/node-base"
DEFAULT_IMAGE = re.compile(rb"kindest/node:v[0-9.]+@sha256:[0-9a-f]{64}")
PULL_SECONDS = 600.0
BUILD_SECONDS = 900.0
# As in kind's own Dockerfile, without network storage and what runs without root.
PACKAGES = (
    *("systemd", "systemd-sysv", "conntrack", "iptables", "nftables", "iproute2", "ethtool", "util-linux"),
    *("mount", "kmod", "libseccomp2", "pigz", "e2fsprogs", "bash", "ca-certificates", "curl", "jq", "procps"),
)
NODE = ("containerd", "containerd-shim-runc-v2", "ctr", "runc")
CNI = ("host-local", "loopback", "portmap", "ptp")
SERVER = ("kubeadm", "kubectl", "kubelet")
CONTROL_PLANE = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kube-proxy")
ADDONS = ("coredns", "kube-network-policies", "local-path-provisioner")
# Those that run on a Debian: they call iptables, or a shell.
ON_DEBIAN = ("kube-proxy", "kindnetd", "local-path-helper")


def node_image(shell: Shell, home: Path) -> str:
    """Return the name of a node image that the engine has.

    KUBERNETES_VERSION chooses one of kind's own; otherwise it is kind's default or, where no registry can be
    reached, one that is built here with the Kubernetes of the other tests.

    Raises:
        CommandError: That version cannot be pulled.
    """
    if wanted := os.environ.get("KUBERNETES_VERSION"):
        image = f"kindest/node:{wanted}"
        if not (has(shell, image) or _pulled(shell, image)):
            raise CommandError(f"{image} cannot be pulled")
        return image
    if has(shell, BUILT):
        return BUILT
    default = _default_image()
    if has(shell, default) or _pulled(shell, default):
        return default
    say(f"no registry has {default}: building a node of Kubernetes {KUBERNETES.version}")
    with tempfile.TemporaryDirectory(prefix="node-", dir=home) as scratch:
        _build(shell, home, Path(scratch))
    return BUILT


def _pulled(shell: Shell, image: str) -> bool:
    return shell.succeeds("docker", "pull", "--quiet", image, seconds=PULL_SECONDS)


def _default_image() -> str:
    """The image that kind itself would take, by its digest: only the program holds it."""
    found = DEFAULT_IMAGE.search(locate(["kind"])["kind"].read_bytes())
    if found is None:
        raise CommandError("this kind has no default image: name a version in KUBERNETES_VERSION")
    return found[0].decode()


def _build(shell: Shell, home: Path, scratch: Path) -> None:
    programs = locate([*NODE, *CNI, *SERVER, *CONTROL_PLANE, *ADDONS])
    programs |= {"pause": _pause(scratch), "kindnetd": FILES / "kindnetd"}
    kind_module = module_directory(KIND)
    root = root_file_system("bookworm", PACKAGES, home / "node.tar")
    context = scratch / "base"
    shutil.copytree(kind_module / "images" / "base" / "files", context / "files")
    os.link(root, context / "node.tar")
    for directory, names in {"bin": NODE, "cni": CNI}.items():
        (context / directory).mkdir()
        for name in names:
            shutil.copy(programs[name], context / directory / name)
    build(shell, FILES / "node.Dockerfile", context, BASE)
    archive = scratch / "kubernetes-server.tar.gz"
    _write_release(programs, _images(programs, root, kind_module), archive)
    kind = str(locate(["kind"])["kind"])
    command = ["nice", kind, "build", "node-image", "--type", "file", "--base-image", BASE, "--image", BUILT]
    shell.run(*command, archive, seconds=BUILD_SECONDS)


def _pause(scratch: Path) -> Path:
    program = scratch / "pause"
    go = Shell({**os.environ, **PURE_GO, "GO111MODULE": "off"})
    go.run(
        "go", "build", "-trimpath", "-ldflags=-s -w", "-o", program, FILES / "pause.go", seconds=BUILD_SECONDS
    )
    return program


def _images(programs: Mapping[str, Path], root: Path, kind_module: Path) -> list[Image]:
    """The images that kubeadm and kind ask for, under the names that they ask for."""
    kubeadm = Shell().run(
        programs["kubeadm"], "config", "images", "list", "--kubernetes-version", KUBERNETES.version
    )
    containerd = (kind_module / "images/base/files/etc/containerd/config.toml").read_text()
    sources = (kind_module / "pkg/build/nodeimage").glob("const_*.go")
    names = [name for name in kubeadm.split() if "/pause:" not in name]
    names += re.findall(r'sandbox_image = "(\S+)"', containerd)
    names += [name for file in sources for name in re.findall(r'Image = "(\S+)"', file.read_text())]
    return [_image(name, programs, root) for name in names]


def _image(name: str, programs: Mapping[str, Path], root: Path) -> Image:
    program = name.rpartition("/")[2].partition(":")[0]
    base = root if program in ON_DEBIAN else None
    match program:
        case "local-path-helper":
            return Image(name, base=base)
        case "kindnetd":
            beside = [programs[part] for part in ("kindnetd", "kubectl", "kube-network-policies")]
            return Image(name, beside, base, ["kindnetd"])
        case _:
            return Image(name, [programs[program]], base, [program])


def _write_release(programs: Mapping[str, Path], images: Iterable[Image], target: Path) -> None:
    """Write what `kind build node-image --type file` takes: a release of Kubernetes, as far as kind reads it.

    kind pulls every image that none of the four archives has, so they hold the others too.
    """
    place = "kubernetes/server/bin"
    groups: dict[str, list[Image]] = {name: [] for name in CONTROL_PLANE if name != "etcd"}
    for image in images:
        own = image.name.rpartition("/")[2].partition(":")[0]
        # Those on Debian together, so that its layer is there once.
        groups["kube-proxy" if own in ON_DEBIAN else own if own in groups else "kube-apiserver"].append(image)
    architecture = ARCHITECTURES[platform.machine()]
    scratch = target.parent
    (scratch / "version").write_text(KUBERNETES.version)
    # Read once, on this machine: compressing it would take longer.
    with tarfile.open(target, "w:gz", compresslevel=0) as release:
        release.add(scratch / "version", "kubernetes/version")
        for name in SERVER:
            release.add(programs[name].resolve(), f"{place}/{name}")
        for name, group in groups.items():
            write_archive(group, scratch / f"{name}.tar", architecture)
            release.add(scratch / f"{name}.tar", f"{place}/{name}.tar")
