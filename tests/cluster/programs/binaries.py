"""Finds the programs of the local cluster and of the tests: installed, cached, downloaded or built, in this order."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tests.cluster.programs import go_build
from tests.cluster.programs.downloads import Downloads
from tests.cluster.programs.versions import CLUSTER_PROGRAMS, RELEASE_OF, UnobtainableError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from tests.cluster.programs.release import Release

    Source = Callable[[Release, str, Path], Path]

VERSION_ARGUMENTS: Mapping[str, tuple[str, ...]] = {
    "kubectl": ("version", "--client"),
    "helm": ("version", "--short"),
    "kubeconform": ("-v",),
    "kube-score": ("version",),
}
SECONDS_TO_TELL_A_VERSION = 10.0


class MissingBinariesError(RuntimeError):
    """A program is neither here nor to be had; the message says what to install."""


def locate(
    names: Iterable[str] = CLUSTER_PROGRAMS,
    environ: Mapping[str, str] = os.environ,
    sources: Mapping[str, Source] | None = None,
) -> dict[str, Path]:
    """Paths of programs at exactly the versions of `versions.py`, by name.

    Args:
        names: Some of the programs of `versions.RELEASE_OF`.
        environ: KUBEBUILDER_ASSETS and PATH are searched; XDG_CACHE_HOME holds the cache.
        sources: What gives a missing program, in order of preference, by what to call it.

    Raises:
        MissingBinariesError: No source gave one of them.
    """
    cache = cache_directory(environ)
    if sources is None:
        sources = {"downloading": Downloads().fetch, "building from Go modules": go_build.build}
    found = {name: installed(name, environ) or cached(name, cache) for name in names}
    missing = [name for name, path in found.items() if path is None]
    if missing:
        progress = _progress_on_stderr()
        with _locked(cache):
            for name in missing:
                # Another process may have put it there while this one waited for the lock.
                found[name] = cached(name, cache) or _obtain(name, cache, sources, progress)
    return {name: path for name, path in found.items() if path is not None}


def cache_directory(environ: Mapping[str, str]) -> Path:
    """Where programs are kept, by version, for every clone of this project."""
    base = environ.get("XDG_CACHE_HOME") or Path(environ.get("HOME") or Path.home()) / ".cache"
    return Path(base) / "internvl-operator" / "bin"


def installed(name: str, environ: Mapping[str, str]) -> Path | None:
    """A program in KUBEBUILDER_ASSETS or on PATH, if it says that it has the right version."""
    for search_path in (environ.get("KUBEBUILDER_ASSETS", ""), environ.get("PATH", "")):
        path = shutil.which(name, path=search_path) if search_path else None
        if path and _is_right_version(name, path):
            return Path(path).absolute()
    return None


def cached(name: str, cache: Path) -> Path | None:
    """A program that an earlier run has left in the cache."""
    path = _cache_path(name, cache)
    return path if path.exists() else None


def _cache_path(name: str, cache: Path) -> Path:
    return cache / f"{name}-{RELEASE_OF[name].version}" / name


def _is_right_version(name: str, path: str) -> bool:
    command = [path, *VERSION_ARGUMENTS.get(name, ("--version",))]
    try:
        told = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=SECONDS_TO_TELL_A_VERSION
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    number = re.escape(RELEASE_OF[name].number)
    return re.search(rf"(?<![\w.])v?{number}(?![\w.+-])", told.stdout) is not None


def _obtain(name: str, cache: Path, sources: Mapping[str, Source], progress: Callable[[str], None]) -> Path:
    release = RELEASE_OF[name]
    refusals = []
    for doing, source in sources.items():
        progress(f"{name} {release.version}: {doing}")
        with tempfile.TemporaryDirectory(prefix=".incomplete-", dir=cache) as scratch:
            try:
                program = source(release, name, Path(scratch))
            except UnobtainableError as error:
                refusals.append(f"{doing}: {error}")
                progress(f"{name} {release.version}: {error}")
                continue
            program.chmod(0o755)
            target = _cache_path(name, cache)
            target.parent.mkdir(exist_ok=True)
            program.replace(target)
        progress(f"{name} {release.version}: ready in {target.parent}")
        return target
    raise MissingBinariesError(
        f"{name} {release.version} is needed and could not be had.\n  "
        + "\n  ".join(refusals)
        + "\nGive network access to dl.k8s.io, get.helm.sh and github.com, or install Go >= 1.26 with access to a Go"
        " module proxy, or set KUBEBUILDER_ASSETS to a directory that holds it at this version."
    )


@contextmanager
def _locked(cache: Path) -> Iterator[None]:
    """Let one process at a time fill the cache; the kernel frees the lock of one that died."""
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _progress_on_stderr() -> Callable[[str], None]:
    started = time.monotonic()

    def report(step: str) -> None:
        print(f"[{time.monotonic() - started:6.1f} s] {step}", file=sys.stderr, flush=True)

    return report
