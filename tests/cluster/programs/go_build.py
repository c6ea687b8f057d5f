"""Build from Go modules: for machines that reach a Go module proxy but no download site."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from tests.cluster.programs.debian_packages import unpack
from tests.cluster.programs.versions import UnobtainableError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tests.cluster.programs.release import Release

# Kubernetes requires its staging modules (k8s.io/api, ...) as exactly v0.0.0 and replaces them by folders
# of its own repository. Outside of it they are published as v0.MINOR.PATCH.
STAGING_REQUIREMENT = re.compile(r"^\s*(\S+) v0\.0\.0(?:\s|$)", re.MULTILINE)
# Go heeds the replacements of the main module alone: those by a published version, which has a third word
# where a folder has none, are stated again.
PUBLISHED_REPLACEMENT = re.compile(r"^(?:replace)?\s+(\S+(?: v\S+)? => \S+ v\S+)", re.MULTILINE)
GO_DIRECTIVE = re.compile(r"^go \S+$", re.MULTILINE)
# Like the official ones: without cgo a program is static and needs no C compiler, and with it it is linked so.
PURE_GO = {"CGO_ENABLED": "0", "GOWORK": "off"}
STATIC_C = "-linkmode external -extldflags -static"
WITHOUT_DEBUGGING = "-gcflags=all=-dwarf=false"
"""Nobody debugs these programs: an eighth of the compiler's time (etcd: 72 s instead of 82 s)."""


def build(release: Release, name: str, directory: Path) -> Path:
    """Build one program into a directory; Go's own caches make a second build cheap.

    Raises:
        UnobtainableError: Go is missing, too old, has no module proxy, a C library is missing, or the build
            fails.
    """
    workspace = directory / "module"
    workspace.mkdir(exist_ok=True)
    module = _downloaded(release, workspace)
    go_mod = go_mod_for(release, Path(module["GoMod"]).read_text())
    if release.mended or release.left_out:
        go_mod += f"replace {release.module} => {mended_sources(release, Path(module['Dir']), directory)}\n"
    (workspace / "go.mod").write_text(go_mod)
    if release.main:
        (workspace / "main.go").write_text(release.main)
    program = directory / name
    environment, linker_flags = PURE_GO, release.linker_flags
    if release.c_libraries:
        environment = _with_c_libraries(release.c_libraries, directory / "c")
        linker_flags = f"{linker_flags} {STATIC_C}"
    flags = ["-mod=mod", "-buildvcs=false", "-trimpath", WITHOUT_DEBUGGING, f"-ldflags={linker_flags}"]
    tags = f"-tags={release.build_tags}"
    _go(["build", *flags, tags, "-o", str(program), release.packages[name]], workspace, environment)
    return program


def mended_sources(release: Release, sources: Path, directory: Path) -> Path:
    """Return a copy of a module's sources, less what a release leaves out, and with the faults mended that it lists."""
    copy = directory / "mended"
    shutil.copytree(sources, copy, copy_function=shutil.copyfile, dirs_exist_ok=True)
    for folder in (copy, *filter(Path.is_dir, copy.rglob("*"))):
        folder.chmod(0o755)
    for file in {found for pattern in release.left_out for found in copy.glob(pattern)}:
        if str(file.relative_to(copy)) not in release.mended:
            file.unlink()
    for name, changes in release.mended.items():
        text = (copy / name).read_text()
        for wrong, right in changes.items():
            if wrong not in text:
                raise UnobtainableError(f"{release.module} {release.version} has no {wrong!r} in {name}")
            text = text.replace(wrong, right, 1)
        (copy / name).write_text(text)
    return copy


def _with_c_libraries(libraries: Sequence[str], root: Path) -> dict[str, str]:
    """Environment in which cgo finds C libraries: the installed ones, else Debian's, unpacked into a directory."""
    for program in ("gcc", "pkg-config"):
        if shutil.which(program) is None:
            raise UnobtainableError(f"{program} is not installed")
    environment = {**PURE_GO, "CGO_ENABLED": "1"}
    if subprocess.run(["pkg-config", "--exists", *libraries], check=False).returncode == 0:
        return environment
    unpack([f"{library}-dev" for library in libraries], root)
    found = ":".join(sorted({str(file.parent) for file in root.glob("usr/lib/**/pkgconfig/*.pc")}))
    return {**environment, "PKG_CONFIG_LIBDIR": found, "PKG_CONFIG_SYSROOT_DIR": str(root)}


def module_directory(release: Release) -> Path:
    """Where Go keeps the files of a release's module: its sources, and the manifests beside them.

    Raises:
        UnobtainableError: Go is missing or has no module proxy.
    """
    with tempfile.TemporaryDirectory() as scratch:
        return Path(_downloaded(release, Path(scratch))["Dir"])


def go_mod_for(release: Release, upstream: str) -> str:
    """A go.mod that builds a release's commands from outside its repository.

    Args:
        release: What to build.
        upstream: The go.mod of the release's module.
    """
    directive = GO_DIRECTIVE.search(upstream)
    staging_version = re.sub(r"^v1\.", "v0.", release.version)
    return "\n".join(
        [
            "module localcluster",
            directive.group() if directive else "",
            f"require {release.module} {release.module_version or release.version}",
            *(f"require {module}" for module in release.newer_modules),
            *(f"replace {m} => {m} {staging_version}" for m in STAGING_REQUIREMENT.findall(upstream)),
            *(f"replace {replacement}" for replacement in PUBLISHED_REPLACEMENT.findall(upstream)),
            "",
        ]
    )


def _downloaded(release: Release, workspace: Path) -> dict[str, str]:
    wanted = f"{release.module}@{release.module_version or release.version}"
    module: dict[str, str] = json.loads(_go(["mod", "download", "-json", wanted], workspace))
    return module


def _go(arguments: list[str], directory: Path, environment: Mapping[str, str] = PURE_GO) -> str:
    """What a go command prints.

    Raises:
        UnobtainableError: Go is missing, or the command fails.
    """
    if shutil.which("go") is None:
        raise UnobtainableError("Go is not installed")
    done = subprocess.run(
        ["go", *arguments],
        cwd=directory,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        reason = " | ".join(done.stderr.strip().splitlines()[-3:])
        raise UnobtainableError(f"go {arguments[0]} failed: {reason}")
    return done.stdout
