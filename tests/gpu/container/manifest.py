"""The serving container of a rendered Deployment, as the runner needs it."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from internvl_operator.manifests.labels import PLAN_ANNOTATION

if TYPE_CHECKING:
    from collections.abc import Mapping

PROBES = ("startupProbe", "readinessProbe", "livenessProbe")


@dataclass(frozen=True, slots=True)
class Probe:
    """A probe in the Pod's own terms; seconds. ``path`` is None for a TCP probe."""

    kind: str
    path: str | None
    period: float
    timeout: float
    failure_threshold: int

    @property
    def budget(self) -> float:
        """Seconds after which a startup probe that never passes ends the container."""
        return self.period * self.failure_threshold


@dataclass(frozen=True, slots=True)
class Container:
    """What of a Deployment is run: the container's command line, environment, mounts, user and probes."""

    name: str
    command: tuple[str, ...]
    env: Mapping[str, str]
    port: int
    model_directory: str
    scratch_directory: str
    shared_memory: str
    user: int
    group: int
    grace_seconds: float
    probes: Mapping[str, Probe]
    plan: Mapping[str, Any]

    def with_flag(self, flag: str, value: str) -> Container:
        """Return the container with another value for one flag of its command line.

        Raises:
            ValueError: the command line does not have the flag.
        """
        command = list(self.command)
        command[command.index(flag) + 1] = value
        return replace(self, command=tuple(command))

    def with_startup_budget(self, seconds: float) -> Container:
        """Return the container with a startup probe that gives up earlier."""
        startup = self.probes["startupProbe"]
        shorter = replace(startup, failure_threshold=max(1, round(seconds / startup.period)))
        return replace(self, probes={**self.probes, "startupProbe": shorter})


def container_of(deployment: Mapping[str, Any]) -> Container:
    """Return the serving container of a Deployment that ``internvl render`` wrote.

    Raises:
        KeyError: it is not such a Deployment, or needs what only a cluster has (a variable from a Secret).
    """
    pod = deployment["spec"]["template"]["spec"]
    (serving,) = pod["containers"]
    mounts = {mount["name"]: mount["mountPath"] for mount in serving["volumeMounts"]}
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    command = (*serving["command"], *serving["args"])
    return Container(
        name=deployment["metadata"]["name"],
        command=command,
        env={variable["name"]: variable["value"] for variable in serving["env"]},
        port=serving["ports"][0]["containerPort"],
        model_directory=serving["args"][0],
        scratch_directory=mounts["scratch"],
        shared_memory=volumes["dshm"]["emptyDir"]["sizeLimit"],
        user=pod["securityContext"]["runAsUser"],
        group=pod["securityContext"]["runAsGroup"],
        grace_seconds=pod["terminationGracePeriodSeconds"],
        probes={kind: _probe(kind, serving[kind]) for kind in PROBES},
        plan=json.loads(deployment["metadata"]["annotations"][PLAN_ANNOTATION]),
    )


def _probe(kind: str, probe: Mapping[str, Any]) -> Probe:
    return Probe(
        kind=kind,
        path=probe["httpGet"]["path"] if "httpGet" in probe else None,
        period=probe["periodSeconds"],
        timeout=probe["timeoutSeconds"],
        failure_threshold=probe["failureThreshold"],
    )
