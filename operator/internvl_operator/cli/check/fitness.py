"""Whether a cluster is fit for models: a pure function of what was read of it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from internvl_operator.api.crd import custom_resource_definition
from internvl_operator.cli.check.cluster_facts import ClusterFacts
from internvl_operator.planner.nodes.inventory import NoGpuKnownError, inventory_for
from internvl_operator.planner.request import GpuRequest

OLDEST_KUBERNETES = (1, 30)
_DEFAULT_CLASS = "storageclass.kubernetes.io/is-default-class"


class Verdict(StrEnum):
    """How a part of the cluster is."""

    OK = "ok"
    LACKING = "lacking"
    """A feature that some use does not work."""
    FAILS = "fails"
    """No model runs."""
    UNKNOWN = "unknown"
    """This user may not read it."""


@dataclass(frozen=True, slots=True)
class CheckedPart:
    """What is said of one part.

    Args:
        part: of the cluster.
        verdict: how it is.
        says: a sentence, with what to do where something is missing.
    """

    part: str
    verdict: Verdict
    says: str


def checked_parts(facts: ClusterFacts) -> list[CheckedPart]:
    """Return what is said of each part of a cluster."""
    return [
        _kubernetes(facts),
        _crd(facts),
        _operator(facts),
        _rights(facts),
        *_gpus(facts),
        _storage(facts),
        _monitoring(facts),
        _autoscaling(facts),
    ]


def _kubernetes(facts: ClusterFacts) -> CheckedPart:
    major, minor = facts.kubernetes.lstrip("v").split(".")[:2]
    is_old = (int(major), int(minor)) < OLDEST_KUBERNETES
    need = f"; {OLDEST_KUBERNETES[0]}.{OLDEST_KUBERNETES[1]} or later is needed" if is_old else ""
    return CheckedPart("kubernetes", Verdict.FAILS if is_old else Verdict.OK, f"{facts.kubernetes}{need}")


def _crd(facts: ClusterFacts) -> CheckedPart:
    if not facts.has_kind:
        return CheckedPart(
            "crd",
            Verdict.FAILS,
            "InternVLDeployments are not served: install the chart, or internvl crd | kubectl apply -f -",
        )
    if facts.crd is None:
        return CheckedPart(
            "crd", Verdict.OK, "InternVLDeployments are served; the CRD itself may not be read"
        )
    if _schemas(facts.crd) != _schemas(custom_resource_definition()):
        return CheckedPart(
            "crd",
            Verdict.LACKING,
            "InternVLDeployments are served by the schema of another release than this command's: compare "
            "internvl version",
        )
    return CheckedPart("crd", Verdict.OK, "InternVLDeployments are served, by this release's schema")


def _schemas(crd: Mapping[str, Any]) -> list[Any]:
    return [version["schema"] for version in crd["spec"]["versions"]]


def _operator(facts: ClusterFacts) -> CheckedPart:
    if facts.operators is None:
        return CheckedPart("operator", Verdict.UNKNOWN, "Deployments of all namespaces may not be listed")
    if not facts.operators:
        return CheckedPart(
            "operator", Verdict.FAILS, "no Deployment of the operator's chart is there: install the chart"
        )
    states = [_operator_state(each) for each in facts.operators]
    is_ready = all(ready for ready, _ in states)
    return CheckedPart(
        "operator", Verdict.OK if is_ready else Verdict.FAILS, "; ".join(each for _, each in states)
    )


def _operator_state(deployment: Mapping[str, Any]) -> tuple[bool, str]:
    metadata, status = deployment["metadata"], deployment.get("status", {})
    wanted, ready = deployment["spec"].get("replicas", 1), status.get("readyReplicas", 0)
    advice = "" if ready else f": kubectl describe deployment {metadata['name']} -n {metadata['namespace']}"
    said = f"{metadata['namespace']}/{metadata['name']}: {ready} of {wanted} replicas are ready{advice}"
    return ready > 0, said


def _rights(facts: ClusterFacts) -> CheckedPart:
    if facts.may_create or not facts.has_kind:
        verdict = Verdict.OK if facts.may_create else Verdict.UNKNOWN
        may = "may create" if facts.may_create else "may create, once they are served,"
        return CheckedPart("your rights", verdict, f"you {may} InternVLDeployments in {facts.namespace}")
    return CheckedPart(
        "your rights",
        Verdict.LACKING,
        f"you may not create InternVLDeployments in {facts.namespace}: the roles edit and admin may, where the "
        "chart's rbac.aggregateClusterRoles is on",
    )


def _gpus(facts: ClusterFacts) -> Iterator[CheckedPart]:
    if facts.nodes is None:
        yield CheckedPart("gpus", Verdict.UNKNOWN, "nodes may not be listed")
        return
    try:
        inventory = inventory_for(GpuRequest(), facts.nodes)
    except NoGpuKnownError as error:
        yield CheckedPart("gpus", Verdict.FAILS, str(error))
        return
    pools = ", ".join(f"{pool.product} (up to {pool.count} on one node)" for pool in inventory.pools)
    yield CheckedPart("gpus", Verdict.OK, f"models may use {pools}")
    for note in inventory.notes:
        yield CheckedPart("gpus", Verdict.LACKING, note)


def _storage(facts: ClusterFacts) -> CheckedPart:
    if facts.storage_classes is None:
        return CheckedPart("storage", Verdict.UNKNOWN, "StorageClasses may not be listed")
    defaults = [
        each["metadata"]["name"]
        for each in facts.storage_classes
        if each["metadata"].get("annotations", {}).get(_DEFAULT_CLASS) == "true"
    ]
    if defaults:
        return CheckedPart("storage", Verdict.OK, f"{defaults[0]} is the default StorageClass")
    others = ", ".join(each["metadata"]["name"] for each in facts.storage_classes) or "none"
    return CheckedPart(
        "storage",
        Verdict.LACKING,
        f"no StorageClass is the default, and model.cache.size needs one, or model.cache.storageClassName; there "
        f"are: {others}",
    )


def _monitoring(facts: ClusterFacts) -> CheckedPart:
    if facts.has_pod_monitors:
        return CheckedPart("monitoring", Verdict.OK, "PodMonitors are served: models are scraped")
    return CheckedPart(
        "monitoring", Verdict.LACKING, "PodMonitors are not served: prometheus-operator scrapes no model"
    )


def _autoscaling(facts: ClusterFacts) -> CheckedPart:
    if facts.has_pod_metrics:
        return CheckedPart("autoscaling", Verdict.OK, "custom metrics are served")
    return CheckedPart(
        "autoscaling",
        Verdict.LACKING,
        "custom metrics are not served, and spec.autoscaling never scales: install prometheus-adapter with the "
        "rule of the chart's prometheusAdapter.enabled",
    )
