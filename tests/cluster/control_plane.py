"""A Kubernetes control plane of one's own on this machine: `with LocalCluster() as cluster: ...`."""

from __future__ import annotations

import os
import shutil
import tempfile
from functools import partial
from http.client import HTTPException
from pathlib import Path
from typing import TYPE_CHECKING, Self

from tests.cluster import components
from tests.cluster.access import (
    ADMIN,
    PREDEFINED_GROUPS,
    User,
    get,
    kubeconfig,
    new_user,
    service_account_key,
    token_file,
)
from tests.cluster.apiserver import audit
from tests.cluster.apiserver.api import Api
from tests.cluster.apiserver.etcd import Etcd
from tests.cluster.apiserver.kubectl import kubectl
from tests.cluster.custom_resources import install_crds
from tests.cluster.guardian import Guardian
from tests.cluster.processes import Process
from tests.cluster.programs.binaries import locate
from tests.cluster.simulated_nodes import stage_files

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
    from types import TracebackType

OPTIONAL_COMPONENTS = ("kube-controller-manager", "kube-scheduler", "kwok")


class LocalCluster:
    """etcd and kube-apiserver, with the controllers, the scheduler and simulated kubelets beside them.

    Every process can be stopped and started by itself: ``cluster.processes["kwok"].stop()``.
    ``cluster.api`` is the API server's REST interface as the administrator sees it, over connections that are kept.

    Args:
        directory: Data and logs, kept afterwards; None: a temporary one, removed afterwards.
        components: Which of OPTIONAL_COMPONENTS to run.
        audited: Whether the API server keeps an audit log, for `audit_events`.
        feature_gates: Of kube-apiserver.
        api_server_flags: Further flags of kube-apiserver.
        crds: CustomResourceDefinitions, as files, that are there before the controllers start: the garbage collector
            looks for kinds when it starts, and then every 30 s.
        stages: kwok stages beside those of this package, as files.
        address: Where the API server listens; nodes in a network of their own reach no loopback address.
        service_range: Addresses of Services.
    """

    def __init__(
        self,
        directory: Path | None = None,
        *,
        components: Collection[str] = OPTIONAL_COMPONENTS,
        audited: bool = False,
        feature_gates: Mapping[str, bool] | None = None,
        api_server_flags: Sequence[str] = (),
        crds: Iterable[Path] = (),
        stages: Iterable[Path] = (),
        address: str = components.LOOPBACK,
        service_range: str = components.SERVICE_RANGE,
    ) -> None:
        if unknown := set(components) - set(OPTIONAL_COMPONENTS):
            raise ValueError(f"unknown components {sorted(unknown)}: known are {OPTIONAL_COMPONENTS}")
        self.processes: dict[str, Process] = {}
        self._given_directory = directory
        self._components = components
        self._audited = audited
        self._feature_gates = dict(feature_gates or {})
        self._api_server_flags = api_server_flags
        self._crds = [*crds]
        self._stages = [*stage_files(), *stages]
        self._address = address
        self._service_range = service_range
        self._users = {name: new_user(name, groups) for name, groups in PREDEFINED_GROUPS.items()}

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def add_user(self, name: str, groups: Iterable[str] = ()) -> None:
        """Make a user known, before the start; those of PREDEFINED_GROUPS are known already."""
        if self.processes:
            raise RuntimeError("users are read when the cluster starts: add them before")
        self._users[name] = new_user(name, groups)

    def start(self) -> None:
        """Start everything and wait until it serves.

        Raises:
            MissingBinariesError: A program could not be had.
            ProcessError: A process did not become ready; everything is stopped again.
        """
        self._binaries = locate(["etcd", "kube-apiserver", "kubectl", *self._components])
        given = self._given_directory
        directory = Path(tempfile.mkdtemp(prefix="internvl-cluster-")) if given is None else given.absolute()
        for subdirectory in ("logs", "kubeconfigs"):
            (directory / subdirectory).mkdir(parents=True, exist_ok=True)
        self._layout = components.new_layout(directory, self._address, self._service_range)
        for user in self._users.values():
            content = kubeconfig(self.server, self._layout.certificate_authority, user)
            self._written(f"kubeconfigs/{user.file_name}", content)
        self.api = Api(self.kubeconfig())
        self._audit_log = audit.AuditLog(self._layout.audit_log)
        self._guardian = Guardian(*([directory] if given is None else []))
        try:
            self._start_api_server()
            install_crds(self, *self._crds)
            self._start_optional_components()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop everything; a temporary directory is removed."""
        for process in reversed(self.processes.values()):
            # The control plane has nothing to save; what a test has spawned may.
            if process.name in self._binaries:
                process.kill()
            else:
                process.stop()
        self._guardian.dismiss()
        self.processes.clear()
        self.api.close()
        if self._given_directory is None:
            shutil.rmtree(self._layout.directory, ignore_errors=True)

    def spawn(
        self,
        name: str,
        argv: Sequence[str],
        env: Mapping[str, str] | None = None,
        ready: Callable[[], bool] = lambda: True,
    ) -> Process:
        """Start a program of the caller's own, which is stopped with the cluster, before it.

        Args:
            name: Its key in `processes`, and its log's name.
            argv: Command line.
            env: Environment; None: this interpreter's.
            ready: Says whether it serves; waited for.

        Raises:
            ProcessError: It ended or did not become ready.
        """
        process = Process(name, argv, self.log_file(name), self._guardian, ready, env)
        self.processes[name] = process
        process.start()
        return process

    @property
    def server(self) -> str:
        """URL of the API server; the same after a restart."""
        return self._layout.server

    @property
    def directory(self) -> Path:
        """Where data, logs and kubeconfigs are."""
        return self._layout.directory

    def log_file(self, name: str) -> Path:
        """Log of one process."""
        return self.directory / "logs" / f"{name}.log"

    def kubeconfig(self, user: str = ADMIN) -> Path:
        """The kubeconfig file of a known user."""
        return self.directory / "kubeconfigs" / self._user(user).file_name

    def kubectl(self, *arguments: str, user: str = ADMIN, input: str | None = None) -> str:  # noqa: A002
        """Run kubectl and give what it printed.

        Args:
            arguments: As on the command line.
            user: Who asks.
            input: For ``-f -``.

        Raises:
            KubectlError: It ended with an error.
        """
        return kubectl(self._binaries["kubectl"], self.kubeconfig(user), arguments, input)

    def get(self, path: str, user: str = ADMIN) -> str:
        """Body of a GET to the API server.

        Args:
            path: With the leading slash.
            user: Who asks.

        Raises:
            OSError: No answer, or (urllib.error.HTTPError) another status than 200.
        """
        return get(self.server + path, self._layout.certificate_authority, self._user(user))

    def metrics(self, user: str = ADMIN) -> str:
        """The API server's metrics in Prometheus's text format."""
        return self.get("/metrics", user)

    @property
    def etcd(self) -> Etcd:
        """What the API server stores."""
        return Etcd(self._layout.etcd_port)

    def audit_events(self) -> list[audit.AuditEvent]:
        """Requests that the API server has answered, in order; the cluster must be `audited`."""
        return self._audit_log.events()

    def _start_api_server(self) -> None:
        self._written(self._layout.service_account_key.name, service_account_key())
        files = components.ApiServerFiles(
            tokens=self._written("tokens.csv", token_file(self._users.values())),
            audit_policy=self._written("audit-policy.yaml", audit.policy()) if self._audited else None,
            feature_gates=self._feature_gates,
            flags=self._api_server_flags,
        )
        layout = self._layout
        self._add("etcd", components.etcd(layout), self._healthy("etcd")).start()
        self._add("kube-apiserver", components.api_server(layout, files), self._api_server_ready).start()

    def _start_optional_components(self) -> None:
        arguments: dict[str, Callable[[components.Layout, Path], list[str]]] = {
            "kube-controller-manager": components.controller_manager,
            "kube-scheduler": components.scheduler,
            "kwok": partial(components.kwok, stages=self._stages),
        }
        added = [
            self._add(name, arguments[name](self._layout, self.kubeconfig(name)), self._healthy(name))
            for name in self._components
        ]
        for process in added:
            process.launch()
        for process in added:
            process.wait_ready()

    def _add(self, name: str, arguments: Sequence[str], ready: Callable[[], bool]) -> Process:
        command = [str(self._binaries[name]), *arguments]
        environment = {**os.environ, **components.ENVIRONMENT}
        self.processes[name] = Process(name, command, self.log_file(name), self._guardian, ready, environment)
        return self.processes[name]

    def _healthy(self, name: str) -> Callable[[], bool]:
        return partial(components.healthy, self._layout.health_url(name))

    def _api_server_ready(self) -> bool:
        try:
            self.get("/readyz")
            # Made by the API server itself, shortly after it calls itself ready.
            self.get("/api/v1/namespaces/default")
        except (OSError, HTTPException):
            return False
        return True

    def _user(self, name: str) -> User:
        if name not in self._users:
            raise ValueError(f"unknown user {name}: known are {', '.join(self._users)}")
        return self._users[name]

    def _written(self, name: str, content: str) -> Path:
        path = self.directory / name
        path.touch(mode=0o600)
        path.write_text(content)
        return path
