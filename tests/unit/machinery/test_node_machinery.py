"""The machinery of the real node that needs neither root nor a network."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import tarfile
from ipaddress import IPv4Network, ip_address
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.cluster.programs.debian_packages import unpack
from tests.cluster.programs.versions import UnobtainableError
from tests.cluster.waiting import eventually
from tests.node.cluster import pause
from tests.node.cluster.network import BLOCKS, NETWORKS, Addresses
from tests.node.cluster.oci import Image, layer, write_archive

if TYPE_CHECKING:
    from collections.abc import Iterator

# Its index can be fetched; no package is in it.
WITHOUT_PACKAGES = """#!/bin/sh
case "$*" in *update) exit 0 ;; esac
echo 'E: Unable to locate package' >&2
exit 100
"""


class TestAddresses:
    @pytest.mark.parametrize("number", [0, 1, NETWORKS - 1])
    def test_nobody_has_the_address_of_another(self, number: int) -> None:
        addresses = Addresses(number)
        pods = [IPv4Network(addresses.pods(index)) for index in (0, 1)]
        single = {addresses.host, addresses.node(0), addresses.node(1)}
        services = IPv4Network(addresses.services)
        assert len(single) == 3
        assert not pods[0].overlaps(pods[1])
        assert all(subnet.subnet_of(IPv4Network(addresses.all_pods)) for subnet in pods)
        assert not services.overlaps(IPv4Network(addresses.all_pods))
        assert not any(ip_address(one) in subnet for one in single for subnet in (*pods, services))

    def test_networks_share_no_address_and_stay_among_those_for_benchmarks(self) -> None:
        taken = [
            IPv4Network(subnet)
            for number in range(NETWORKS)
            for subnet in (Addresses(number).all_pods, Addresses(number).services)
        ]
        assert all(subnet.subnet_of(IPv4Network("198.18.0.0/15")) for subnet in taken)
        assert sum(subnet.num_addresses for subnet in taken) <= NETWORKS * BLOCKS * 256
        ordered = sorted(taken)
        assert not any(one.overlaps(following) for one, following in pairwise(ordered))


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A program, a file and a link, with whatever owner and time they have."""
    root = tmp_path / "root"
    (root / "bin").mkdir(parents=True)
    (root / "bin/program").write_text("#!/bin/sh\n")
    (root / "bin/program").chmod(0o700)
    (root / "text").write_text("a text")
    (root / "link").symlink_to("/bin/program")
    return root


class TestImages:
    def test_the_same_files_give_the_same_layer_at_any_time(self, files: Path, tmp_path: Path) -> None:
        layer(files, tmp_path / "first.tar")
        for path in files.rglob("*"):
            os.utime(path, (1, 1), follow_symlinks=False)
        layer(files, tmp_path / "second.tar")
        assert (tmp_path / "first.tar").read_bytes() == (tmp_path / "second.tar").read_bytes()

    def test_a_user_who_owns_nothing_can_read_and_run_what_is_in_it(
        self, files: Path, tmp_path: Path
    ) -> None:
        layer(files, tmp_path / "layer.tar")
        with tarfile.open(tmp_path / "layer.tar") as tar:
            modes = {member.name: member.mode for member in tar if not member.issym()}
        assert modes == {"bin": 0o755, "bin/program": 0o755, "text": 0o644}

    def test_every_digest_in_an_archive_is_that_of_a_blob(self, files: Path, tmp_path: Path) -> None:
        layer(files, tmp_path / "layer.tar")
        images = [Image(name, [tmp_path / "layer.tar"], ["/bin/program"]) for name in ("one:1", "two:1")]
        write_archive(images, tmp_path / "images.tar")
        with tarfile.open(tmp_path / "images.tar") as tar:
            contents = {member.name: read(tar, member) for member in tar}
        blobs = {name: content for name, content in contents.items() if name.startswith("blobs/")}
        assert all(name.endswith(hashlib.sha256(content).hexdigest()) for name, content in blobs.items())
        index = json.loads(contents["index.json"])
        assert [entry["annotations"]["io.containerd.image.name"] for entry in index["manifests"]] == [
            "one:1",
            "two:1",
        ]
        assert set(referred_to(index, blobs)) == set(blobs)


def read(tar: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    file = tar.extractfile(member)
    assert file is not None
    return file.read()


def referred_to(document: dict[str, Any], blobs: dict[str, bytes]) -> Iterator[str]:
    """Blobs that an index or a manifest names, and those that these name."""
    for entry in [*document.get("manifests", ()), *document.get("layers", ()), document.get("config")]:
        if entry is not None:
            blob = f"blobs/{entry['digest'].replace(':', '/')}"
            assert len(blobs[blob]) == entry["size"]
            yield blob
            if entry["mediaType"].endswith("manifest.v1+json"):
                yield from referred_to(json.loads(blobs[blob]), blobs)


PAUSE = [sys.executable, "-I", "-S", pause.__file__]


class TestPause:
    @pytest.fixture(autouse=True)
    def born_with_signals_blocked(self) -> Iterator[None]:
        """Let no signal come too early: what is started here gets it when it first waits for one."""
        before = signal.pthread_sigmask(signal.SIG_BLOCK, pause.SIGNALS)
        yield
        signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def test_it_ends_by_sigterm(self) -> None:
        with subprocess.Popen(PAUSE) as process:
            process.terminate()
            assert process.wait(30) == 0

    def test_it_reaps_what_others_leave_behind(self) -> None:
        # What runs in the shell's background becomes the child of what the shell executes.
        script = 'sh -c "exit 1" & sleep 1000 & exec "$@"'
        with subprocess.Popen(["sh", "-c", script, "sh", *PAUSE], start_new_session=True) as process:
            children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
            try:
                eventually(lambda: executed(process.pid) == PAUSE, "the shell has started its children")
                eventually(lambda: len(children.read_text().split()) == 1, "the one that ended is reaped")
            finally:
                os.killpg(process.pid, signal.SIGKILL)


def executed(pid: int) -> list[str]:
    """The command line of a process."""
    return Path(f"/proc/{pid}/cmdline").read_text().split("\0")[:-1]


def test_without_debian_a_package_cannot_be_had(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(
        UnobtainableError, match="libseccomp-dev cannot be fetched: this is not Debian or Ubuntu"
    ):
        unpack(["libseccomp-dev"], tmp_path)


def test_what_apt_says_of_a_package_that_it_does_not_have_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for program in ("apt-get", "dpkg-deb"):
        (tmp_path / program).write_text(WITHOUT_PACKAGES)
        (tmp_path / program).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    with pytest.raises(UnobtainableError, match=r"libseccomp-dev failed: E: Unable to locate package"):
        unpack(["libseccomp-dev"], tmp_path)
