"""Waiting for a condition with a deadline, and reading objects, on a local cluster."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any, TypeVar

import urllib3

from tests.cluster.apiserver.api import MERGE, RefusedError
from tests.cluster.apiserver.kubectl import KubectlError

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.cluster.control_plane import LocalCluster

Object = dict[str, Any]
T = TypeVar("T")

LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
# What is said when the API server, or its etcd, took too long.
PASSING = ("TLS handshake timeout", "etcdserver: request timed out", "i/o timeout", "Read timed out")


def eventually(ask: Callable[[], T | None], what: str | Callable[[], str], timeout: float = 20.0) -> T:
    """Return the first answer that is neither None nor False.

    Args:
        ask: may be asked many times.
        what: is waited for; called when it did not come.
        timeout: in seconds.

    Raises:
        AssertionError: there was none in time; the message says what was waited for.
    """
    began = time.monotonic()
    deadline = began + timeout
    while True:
        asked = time.monotonic()
        answer = _unless_passing(ask)
        if answer is not None and answer is not False:
            return answer
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {timeout:g} s: {what if isinstance(what, str) else what()}")
        # However much there is to look at, looking takes a fifth of the time at most, and the less the longer it lasts.
        time.sleep(max(0.05, 4 * (time.monotonic() - asked), min(0.25, (asked - began) / 40)))


def _unless_passing(ask: Callable[[], T | None]) -> T | None:
    """Return the answer, or None when there is none for a reason that passes: a busy machine stands still at times."""
    try:
        return ask()
    except (KubectlError, RefusedError, urllib3.exceptions.HTTPError) as error:
        if any(reason in str(error) for reason in PASSING):
            return None
        raise


def get(cluster: LocalCluster, kind: str, name: str, namespace: str) -> Object | None:
    """Return an object, or None when there is none.

    Args:
        cluster: where it is.
        kind: by any name that kubectl takes for it.
        name: of the object.
        namespace: of the object; ignored for a kind without namespaces.

    Raises:
        RefusedError: the API server refused the request.
    """
    answer = cluster.api.request("GET", cluster.api.kinds[kind].path(namespace, name))
    return None if answer.code == 404 else answer.granted()


def get_all(cluster: LocalCluster, kind: str, namespace: str = "", **query: str) -> list[Object]:
    """Return all objects of a kind in a namespace, or in all of them.

    Args:
        cluster: where they are.
        kind: by any name that kubectl takes for it.
        namespace: empty for all of them.
        query: parameters, for example ``labelSelector="app=web"``.

    Raises:
        RefusedError: the API server refused the request.
    """
    listed = cluster.api.request("GET", cluster.api.kinds[kind].path(namespace), **query).granted()
    found: list[Object] = listed["items"]
    return found


def states_since(cluster: LocalCluster, path: str, name: str, resource_version: str) -> list[Object]:
    """Return every state that an object has had after a resourceVersion, as a watch shows them.

    Args:
        cluster: where it is.
        path: of its collection.
        name: of the object.
        resource_version: from which on.
    """
    query = f"watch=1&timeoutSeconds=1&fieldSelector=metadata.name={name}&resourceVersion={resource_version}"
    newest = json.loads(cluster.get(f"{path}/{name}"))["metadata"]["resourceVersion"]

    def all_of_them() -> list[Object] | None:
        # A watch of a server that was busy for its second ends early.
        states = [json.loads(line)["object"] for line in cluster.get(f"{path}?{query}").splitlines()]
        known = states[-1]["metadata"]["resourceVersion"] if states else resource_version
        return states if int(known) >= int(newest) else None

    return eventually(all_of_them, f"the states of {name} up to {newest}")


def apply(cluster: LocalCluster, *manifests: Object) -> None:
    """Apply manifests as kubectl does: what is new is created here by the same request, the rest is left to kubectl.

    Raises:
        RefusedError: the API server refused one that is new.
        KubectlError: the API server refused another.
    """
    known = [manifest for manifest in manifests if not _created(cluster, manifest)]
    if known:
        listed = {"apiVersion": "v1", "kind": "List", "items": known}
        cluster.kubectl("apply", "-f", "-", input=json.dumps(listed))


def _created(cluster: LocalCluster, manifest: Object) -> bool:
    """Create an object, with the annotation from which kubectl sees the next time what is no longer wanted."""
    metadata, group = manifest["metadata"], manifest["apiVersion"].rpartition("/")[0]
    annotations = {**metadata.get("annotations", {}), LAST_APPLIED: json.dumps(manifest)}
    answer = cluster.api.request(
        "POST",
        cluster.api.kinds[f"{manifest['kind']}.{group}"].path(metadata.get("namespace", "default")),
        {**manifest, "metadata": {**metadata, "annotations": annotations}},
        fieldManager="kubectl-client-side-apply",
        fieldValidation="Strict",
    )
    if answer.body.get("reason") == "AlreadyExists":
        return False
    answer.granted()
    return True


def create_namespace(cluster: LocalCluster, name: str) -> None:
    """Make a namespace.

    Raises:
        RefusedError: the API server refused it, also when there is one of that name.
    """
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
    cluster.api.request("POST", "/api/v1/namespaces", namespace).granted()


def patch(
    cluster: LocalCluster, kind: str, name: str, namespace: str, change: Object, subresource: str = ""
) -> Object:
    """Change an object by a merge patch, and return it.

    Args:
        cluster: where it is.
        kind: by any name that kubectl takes for it.
        name: of the object.
        namespace: of the object.
        change: the fields to change.
        subresource: for example ``status``; empty for the object itself.

    Raises:
        RefusedError: the API server refused it.
    """
    path = cluster.api.kinds[kind].path(namespace, "/".join(filter(None, (name, subresource))))
    return cluster.api.request("PATCH", path, change, content_type=MERGE).granted()


def delete(cluster: LocalCluster, kind: str, name: str, namespace: str = "") -> None:
    """Delete an object without waiting until it is gone, its dependents in the background; no error if there is none.

    Raises:
        RefusedError: the API server refused it.
    """
    path = cluster.api.kinds[kind].path(namespace, name)
    answer = cluster.api.request("DELETE", path, propagationPolicy="Background")
    if answer.code != 404:
        answer.granted()


def condition(body: Object | None, type_: str) -> Object:
    """Return a condition of an object's status; empty when there is none."""
    conditions = ((body or {}).get("status") or {}).get("conditions") or []
    return next((item for item in conditions if item["type"] == type_), {})


def wait_ready(cluster: LocalCluster, name: str, namespace: str, timeout: float = 30.0) -> Object:
    """Return a resource once its Ready condition is True for its present generation."""
    seen: Object = {}

    def ready() -> Object | None:
        body = get(cluster, "ivl", name, namespace)
        found = condition(body, "Ready")
        seen.clear()
        seen.update(found)
        if body and found.get("status") == "True":
            return body if found["observedGeneration"] == body["metadata"]["generation"] else None
        return None

    return eventually(ready, lambda: f"{namespace}/{name} Ready; it says {seen}", timeout)


def wait_stalled(cluster: LocalCluster, name: str, namespace: str, reason: str, timeout: float = 20.0) -> str:
    """Return the message of a resource once it is Stalled for a reason."""

    def message() -> str | None:
        found = condition(get(cluster, "ivl", name, namespace), "Stalled")
        return found["message"] if (found.get("status"), found.get("reason")) == ("True", reason) else None

    return eventually(message, f"{namespace}/{name} Stalled with {reason}", timeout)
