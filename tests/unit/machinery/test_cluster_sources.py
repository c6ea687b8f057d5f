"""Downloads and builds of the local cluster's programs."""

from __future__ import annotations

import hashlib
import io
import json
import socket
import tarfile
import threading
import urllib.request
from typing import IO, TYPE_CHECKING
from urllib.error import HTTPError, URLError

import pytest

from tests.cluster.programs import go_build
from tests.cluster.programs.downloads import Downloads, open_url
from tests.cluster.programs.release import Release
from tests.cluster.programs.versions import ETCD, KUBERNETES, KWOK, UnobtainableError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

BUILD = b"a program"
SHA256 = hashlib.sha256(BUILD).hexdigest()
SCHEDULER_URL = f"https://dl.k8s.io/release/{KUBERNETES.version}/bin/linux/amd64/kube-scheduler"


class Web:
    """Answers by URL; everything else is refused."""

    def __init__(self, pages: Mapping[str, bytes | OSError]) -> None:
        self.pages = pages
        self.asked: list[str] = []

    def __call__(self, url: str) -> IO[bytes]:
        self.asked.append(url)
        answer = self.pages.get(url, URLError("Connection refused"))
        if isinstance(answer, OSError):
            raise answer
        return io.BytesIO(answer)


def downloads(web: Web) -> Downloads:
    return Downloads(web, system="Linux", machine="x86_64")


class TestDownloads:
    def test_kubernetes_comes_from_dl_k8s_io(self, tmp_path: Path) -> None:
        web = Web({SCHEDULER_URL: BUILD, f"{SCHEDULER_URL}.sha256": SHA256.encode()})
        assert downloads(web).fetch(KUBERNETES, "kube-scheduler", tmp_path).read_bytes() == BUILD

    def test_a_wrong_checksum_is_refused(self, tmp_path: Path) -> None:
        web = Web({SCHEDULER_URL: b"an altered program", f"{SCHEDULER_URL}.sha256": SHA256.encode()})
        with pytest.raises(UnobtainableError, match=f"published is {SHA256}"):
            downloads(web).fetch(KUBERNETES, "kube-scheduler", tmp_path)

    def test_a_github_release_is_checked_against_the_digest_that_github_lists(self, tmp_path: Path) -> None:
        web = Web(github_release(KWOK, "kwok-linux-amd64", BUILD))
        assert downloads(web).fetch(KWOK, "kwok", tmp_path).read_bytes() == BUILD

    def test_a_release_without_a_digest_is_refused(self, tmp_path: Path) -> None:
        web = Web(github_release(KWOK, "kwok-linux-amd64", BUILD, digest=None))
        with pytest.raises(UnobtainableError, match="no kwok-linux-amd64 with a SHA-256"):
            downloads(web).fetch(KWOK, "kwok", tmp_path)

    def test_the_program_is_taken_out_of_an_archive(self, tmp_path: Path) -> None:
        archive = io.BytesIO()
        with tarfile.open(fileobj=archive, mode="w:gz") as members:
            for name, content in {"etcdctl": b"another", "README-etcd": b"text", "etcd": BUILD}.items():
                member = tarfile.TarInfo(f"etcd-{ETCD.version}-linux-amd64/{name}")
                member.size = len(content)
                members.addfile(member, io.BytesIO(content))
        web = Web(github_release(ETCD, f"etcd-{ETCD.version}-linux-amd64.tar.gz", archive.getvalue()))
        assert downloads(web).fetch(ETCD, "etcd", tmp_path).read_bytes() == BUILD

    def test_a_host_that_cannot_be_reached_is_asked_once(self, tmp_path: Path) -> None:
        web = Web({})
        from_nowhere = downloads(web)
        for name in KUBERNETES.packages:
            with pytest.raises(UnobtainableError, match=r"dl\.k8s\.io cannot be reached"):
                from_nowhere.fetch(KUBERNETES, name, tmp_path)
        assert len(web.asked) == 1

    def test_a_file_that_is_not_there_says_nothing_about_the_next_one(self, tmp_path: Path) -> None:
        not_found = HTTPError(SCHEDULER_URL, 404, "Not Found", {}, None)  # type: ignore[arg-type]
        url = SCHEDULER_URL.replace("kube-scheduler", "kubectl")
        web = Web({f"{SCHEDULER_URL}.sha256": not_found, url: BUILD, f"{url}.sha256": SHA256.encode()})
        from_web = downloads(web)
        with pytest.raises(UnobtainableError, match="answered 404"):
            from_web.fetch(KUBERNETES, "kube-scheduler", tmp_path)
        assert from_web.fetch(KUBERNETES, "kubectl", tmp_path).read_bytes() == BUILD


class TestPatience:
    @pytest.fixture(autouse=True)
    def no_proxy(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(urllib.request, "getproxies", dict)

    def test_a_server_that_does_not_answer_is_given_up(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(TimeoutError):
            open_url(f"http://127.0.0.1:{silent.getsockname()[1]}/", patience=0.1)

    def test_a_name_that_does_not_resolve_in_time_is_given_up(self, monkeypatch: pytest.MonkeyPatch) -> None:
        test_is_over = threading.Event()
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_: test_is_over.wait())
        with pytest.raises(TimeoutError, match="did not resolve"):
            open_url("https://dl.k8s.io/", patience=0.1)
        test_is_over.set()


def github_release(
    release: Release, asset: str, content: bytes, digest: str | None = "sha256:"
) -> dict[str, bytes | OSError]:
    """The pages of a GitHub release with one file."""
    url = f"https://github.com/{release.github}/releases/download/{release.version}/{asset}"
    listed = {
        "name": asset,
        "browser_download_url": url,
        "digest": digest and digest + hashlib.sha256(content).hexdigest(),
    }
    other = {"name": "other", "browser_download_url": f"{url}-other", "digest": "sha256:0"}
    page = f"https://api.github.com/repos/{release.github}/releases/tags/{release.version}"
    return {page: json.dumps({"assets": [other, listed]}).encode(), url: content}


class TestGoBuild:
    UPSTREAM = """module k8s.io/kubernetes

go 1.26.0

require (
	k8s.io/api v0.0.0
	k8s.io/kubectl v0.0.0 // indirect
	k8s.io/utils v0.0.0-20260626114624-be93311217bd
	github.com/spf13/cobra v1.10.1
)

replace k8s.io/api => ./staging/src/k8s.io/api
"""

    def test_only_staging_modules_are_replaced_by_what_is_published_of_them(self) -> None:
        release = Release(version="v1.37.2", module="k8s.io/kubernetes", packages={})
        assert go_build.go_mod_for(release, self.UPSTREAM).splitlines() == [
            "module localcluster",
            "go 1.26.0",
            "require k8s.io/kubernetes v1.37.2",
            "replace k8s.io/api => k8s.io/api v0.37.2",
            "replace k8s.io/kubectl => k8s.io/kubectl v0.37.2",
        ]

    def test_replacements_by_published_modules_are_kept_and_those_by_folders_dropped(self) -> None:
        upstream = """go 1.25.5
replace github.com/one/alone => github.com/other/alone v1.2.3
replace (
	// a reason
	gopkg.in/yaml.v2 => gopkg.in/yaml.v2 v2.4.0 // another reason
	gopkg.in/yaml.v3 v3.0.0 => gopkg.in/yaml.v3 v3.0.1
	example.com/folder => ./folder
)
"""
        release = Release(version="v3.2.11", module="github.com/argoproj/argo-cd/v3", packages={})
        assert go_build.go_mod_for(release, upstream).splitlines()[3:] == [
            "replace github.com/one/alone => github.com/other/alone v1.2.3",
            "replace gopkg.in/yaml.v2 => gopkg.in/yaml.v2 v2.4.0",
            "replace gopkg.in/yaml.v3 v3.0.0 => gopkg.in/yaml.v3 v3.0.1",
        ]

    def test_without_go_it_says_so(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PATH", str(tmp_path))
        with pytest.raises(UnobtainableError, match="Go is not installed"):
            go_build.build(KWOK, "kwok", tmp_path)

    def test_a_failing_build_quotes_what_go_said(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        go = tmp_path / "go"
        go.write_text("#!/bin/sh\necho 'dial tcp: connection refused' >&2\nexit 1\n")
        go.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
        with pytest.raises(UnobtainableError, match="go mod failed: dial tcp: connection refused"):
            go_build.build(KWOK, "kwok", tmp_path)


def test_kubernetes_and_its_clients_are_stamped_with_the_version() -> None:
    major, minor, _ = KUBERNETES.version.removeprefix("v").split(".")
    for package in ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version"):
        assert f"-X {package}.gitVersion={KUBERNETES.version}" in KUBERNETES.linker_flags
        assert f"-X {package}.gitMajor={major}" in KUBERNETES.linker_flags
        assert f"-X {package}.gitMinor={minor}" in KUBERNETES.linker_flags
