"""The container engine: the one that runs on this machine, or a dockerd of the tests' own, which ends with them."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from tests.e2e.machine.debian import install
from tests.e2e.machine.shell import CommandError, Shell, say

if TYPE_CHECKING:
    from collections.abc import Iterator

RUN = Path("/run/internvl-e2e")
SOCKET = RUN / "docker.sock"
PID_FILE = RUN / "docker.pid"
PACKAGES = {"dockerd": "docker.io", "iptables": "iptables", "mmdebstrap": "mmdebstrap"}
START_SECONDS = 60.0
STOP_SECONDS = 60.0
RUNC = Path(__file__).with_name("files") / "runc"
# The bit of CAP_SYS_RESOURCE in the sets of capabilities that /proc/self/status shows (capability.h).
SYS_RESOURCE = 1 << 24
# Python complains of a process that is forgotten while it runs.
_kept: list[subprocess.Popen[bytes] | None] = []


@contextmanager
def container_engine(home: Path, shell: Shell) -> Iterator[Shell]:
    """Run a container engine, and yield a shell whose `docker` reaches it.

    Args:
        home: Keeps the images of an own engine, on a file system that can hold overlays.
        shell: Whose `docker` is tried first.

    Raises:
        CommandError: No engine runs, and none can be started here.
    """
    if shell.succeeds("docker", "version"):
        yield shell
        return
    if sys.platform != "linux" or os.geteuid() != 0:
        raise CommandError("make e2e needs docker: start it, or run as root on Debian to have one started")
    install(PACKAGES)
    own = Shell(_environment(home, shell))
    # One that answers is that of a run that was killed.
    daemon = None if own.succeeds("docker", "version") else _start(home, own)
    try:
        yield own
    finally:
        if "KEEP_CLUSTER" in os.environ:
            _kept.append(daemon)
        else:
            _stop(daemon)


def _environment(home: Path, shell: Shell) -> dict[str, str]:
    """Variables with which `docker` is Debian's, with its BuildKit, and reaches the own engine."""
    programs = home / "bin"
    programs.mkdir(parents=True, exist_ok=True)
    link = programs / "docker"
    link.unlink(missing_ok=True)
    # A client of another origin may come first on PATH, and would build with a plugin of its own.
    link.symlink_to("/usr/bin/docker")
    return {
        **shell.environment,
        "PATH": f"{programs}:{shell.environment['PATH']}:/usr/sbin:/sbin",
        "DOCKER_HOST": f"unix://{SOCKET}",
        "DOCKER_BUILDKIT": "1",
    }


def _start(home: Path, shell: Shell) -> subprocess.Popen[bytes]:
    RUN.mkdir(exist_ok=True)
    configuration = home / "daemon.json"
    configuration.write_text(json.dumps(_configuration(home), indent=2))
    log = home / "dockerd.log"
    with log.open("w") as output:
        daemon = subprocess.Popen(
            ["dockerd", "--config-file", str(configuration)],
            env=dict(shell.environment),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    deadline = time.monotonic() + START_SECONDS
    while not shell.succeeds("docker", "version"):
        if daemon.poll() is not None or time.monotonic() > deadline:
            daemon.kill()
            raise CommandError(f"dockerd does not start:\n{log.read_text()[-3000:]}")
        time.sleep(0.2)
    say(f"started dockerd; its log is {log}")
    return daemon


def _configuration(home: Path) -> dict[str, object]:
    configuration: dict[str, object] = {
        "data-root": str(home / "docker"),
        "exec-root": str(RUN / "docker"),
        "pidfile": str(PID_FILE),
        "hosts": [f"unix://{SOCKET}"],
        "mtu": _mtu(),
    }
    if not _may(SYS_RESOURCE):
        wrapper = home / "bin" / "runc-without-sys-resource"
        shutil.copy(RUNC, wrapper)
        wrapper.chmod(0o755)
        configuration |= {"runtimes": {"here": {"path": str(wrapper)}}, "default-runtime": "here"}
    return configuration


def _mtu() -> int:
    """Bytes of a packet on the way out: what is larger would be dropped behind the bridge."""
    route = Shell().run("ip", "-4", "-json", "route", "show", "default")
    device = json.loads(route)[0]["dev"]
    return int(Path(f"/sys/class/net/{device}/mtu").read_text())


def _may(capability: int) -> bool:
    status = Path("/proc/self/status").read_text()
    effective = next(line for line in status.splitlines() if line.startswith("CapEff:"))
    return bool(int(effective.split()[1], 16) & capability)


def _stop(daemon: subprocess.Popen[bytes] | None) -> None:
    """End the engine, and with it the containers that still run.

    Raises:
        CommandError: It does not end.
    """
    with suppress(FileNotFoundError, ProcessLookupError):
        os.kill(int(PID_FILE.read_text()), signal.SIGTERM)
    deadline = time.monotonic() + STOP_SECONDS
    while PID_FILE.exists():
        if time.monotonic() > deadline:
            raise CommandError(
                f"dockerd, process {PID_FILE.read_text()}, did not end within {STOP_SECONDS:g} s"
            )
        time.sleep(0.2)
    if daemon:
        daemon.wait()
