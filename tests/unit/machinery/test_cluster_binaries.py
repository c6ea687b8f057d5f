"""Where the programs of the local cluster come from."""

from __future__ import annotations

import fcntl
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.cluster.programs.binaries import MissingBinariesError, cache_directory, locate
from tests.cluster.programs.release import Release
from tests.cluster.programs.versions import KUBERNETES, KWOK, RELEASE_OF, UnobtainableError

if TYPE_CHECKING:
    from collections.abc import Mapping

VERSION = KUBERNETES.version
BUILD = b"a program"


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """An environment in which nothing is installed and nothing is cached."""
    return {"PATH": str(tmp_path / "path"), "XDG_CACHE_HOME": str(tmp_path / "cache")}


def install(directory: Path, name: str, prints: str, when_asked: str = "--version") -> Path:
    """Put a program there which prints a version when it is asked in the right way."""
    directory.mkdir(parents=True, exist_ok=True)
    program = directory / name
    program.write_text(f'#!/bin/sh\n[ "$*" = "{when_asked}" ] && echo "{prints}"\n')
    program.chmod(0o755)
    return program


def put_in_cache(name: str, environ: Mapping[str, str]) -> Path:
    program = cache_directory(environ) / f"{name}-{RELEASE_OF[name].version}" / name
    program.parent.mkdir(parents=True)
    program.write_bytes(BUILD)
    return program


class Source:
    """Gives every program, or none."""

    def __init__(self, refusal: str = "") -> None:
        self.refusal = refusal
        self.asked: list[str] = []

    def __call__(self, release: Release, name: str, directory: Path) -> Path:
        self.asked.append(f"{name} {release.version}")
        program = directory / "fresh"
        program.write_bytes(BUILD)
        if self.refusal:
            raise UnobtainableError(self.refusal)
        return program


class TestOrder:
    def test_kubebuilder_assets_come_before_path(self, tmp_path: Path, environ: dict[str, str]) -> None:
        install(Path(environ["PATH"]), "kube-scheduler", f"Kubernetes {VERSION}")
        asset = install(tmp_path / "assets", "kube-scheduler", f"Kubernetes {VERSION}")
        environ["KUBEBUILDER_ASSETS"] = str(tmp_path / "assets")
        assert locate(["kube-scheduler"], environ, sources={}) == {"kube-scheduler": asset}

    def test_installed_programs_come_before_the_cache(self, environ: dict[str, str]) -> None:
        put_in_cache("kube-scheduler", environ)
        program = install(Path(environ["PATH"]), "kube-scheduler", f"Kubernetes {VERSION}")
        assert locate(["kube-scheduler"], environ, sources={}) == {"kube-scheduler": program}

    @pytest.mark.parametrize(
        "told",
        ["v1.30.0", f"{VERSION}0", f"{VERSION}-rc.1", f"{VERSION}+k3s1", f"1{VERSION.removeprefix('v')}", ""],
    )
    def test_an_installed_program_of_another_version_is_passed_over(
        self, told: str, environ: dict[str, str]
    ) -> None:
        install(Path(environ["PATH"]), "kube-scheduler", f"Kubernetes {told}")
        cached = put_in_cache("kube-scheduler", environ)
        assert locate(["kube-scheduler"], environ, sources={}) == {"kube-scheduler": cached}

    def test_kubectl_is_asked_for_its_version_in_its_own_way(self, environ: dict[str, str]) -> None:
        prints = f"Client Version: {VERSION}"
        program = install(Path(environ["PATH"]), "kubectl", prints, when_asked="version --client")
        assert locate(["kubectl"], environ, sources={}) == {"kubectl": program}

    def test_the_cache_comes_before_every_source(self, environ: dict[str, str]) -> None:
        cached = put_in_cache("kwok", environ)
        assert locate(["kwok"], environ, sources={}) == {"kwok": cached}

    def test_the_first_source_that_has_it_is_the_last_one_asked(self, environ: dict[str, str]) -> None:
        first, second, third = Source(refusal="sold out"), Source(), Source()
        located = locate(["kwok"], environ, {"first": first, "second": second, "third": third})
        assert located["kwok"].read_bytes() == BUILD
        assert first.asked == second.asked == [f"kwok {KWOK.version}"]
        assert third.asked == []


class TestCache:
    def test_a_program_is_kept_by_name_and_version_executable_and_alone(
        self, environ: dict[str, str]
    ) -> None:
        located = locate(["kwok"], environ, {"buying": Source()})["kwok"]
        assert located == cache_directory(environ) / f"kwok-{KWOK.version}" / "kwok"
        assert located.stat().st_mode & 0o111 == 0o111
        assert {path.name for path in cache_directory(environ).iterdir()} == {located.parent.name, ".lock"}

    def test_what_a_source_leaves_half_done_is_cleared_away(self, environ: dict[str, str]) -> None:
        with pytest.raises(MissingBinariesError):
            locate(["kwok"], environ, {"buying": Source(refusal="broken in transit")})
        assert {path.name for path in cache_directory(environ).iterdir()} == {".lock"}

    def test_without_xdg_cache_home_it_is_in_the_home_directory(self, tmp_path: Path) -> None:
        assert cache_directory({"HOME": str(tmp_path)}) == tmp_path / ".cache/internvl-operator/bin"

    def test_a_process_that_waited_uses_what_the_other_one_obtained(self, environ: dict[str, str]) -> None:
        cache = cache_directory(environ)
        cache.mkdir(parents=True)
        located: dict[str, Path] = {}
        waiting = threading.Thread(target=lambda: located.update(locate(["kwok"], environ, sources={})))
        with (cache / ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            waiting.start()
            waiting.join(0.2)
            assert waiting.is_alive()
            obtained = put_in_cache("kwok", environ)
        waiting.join(40)
        assert located == {"kwok": obtained}


def test_a_program_that_nobody_has_is_an_error_that_says_why_and_what_to_install(
    environ: dict[str, str],
) -> None:
    with pytest.raises(MissingBinariesError) as raised:
        locate(["kwok"], environ, {"buying": Source("sold out"), "making": Source("no tools")})
    message = str(raised.value)
    assert message.startswith(f"kwok {KWOK.version} is needed")
    assert "buying: sold out" in message
    assert "making: no tools" in message
    assert "install Go >= 1.26" in message
    assert "KUBEBUILDER_ASSETS" in message
