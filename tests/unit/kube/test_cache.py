"""The cache: an older state never replaces a newer one."""

from __future__ import annotations

from typing import Any

from internvl_operator.kube.cache import Cache
from internvl_operator.kube.kinds import POD, SERVICE
from internvl_operator.kube.objects import controller_of
from internvl_operator.kube.port import Key
from internvl_operator.kube.slimming import kept
from internvl_operator.manifests.labels import NAME_LABEL

KEY = Key("n", "a")


def body(version: int, name: str = "a", **metadata: Any) -> dict[str, Any]:
    return {"metadata": {"name": name, "namespace": "n", "resourceVersion": str(version), **metadata}}


def version_in(cache: Cache, key: Key = KEY) -> str | None:
    found = cache.get(SERVICE, key)
    return found["metadata"]["resourceVersion"] if found else None


def test_a_newer_state_replaces_an_older_one() -> None:
    cache = Cache()
    assert cache.put(SERVICE, body(1))
    assert cache.put(SERVICE, body(2, generation=2))
    assert version_in(cache) == "2"


def test_an_older_or_equal_state_is_ignored_and_is_no_change() -> None:
    cache = Cache()
    cache.put(SERVICE, body(5))
    assert not cache.put(SERVICE, body(4))
    assert not cache.put(SERVICE, body(5))
    assert version_in(cache) == "5"


def test_what_has_not_changed_since_is_returned_again_and_what_has_is_not() -> None:
    cache = Cache()
    cache.put(SERVICE, body(1))
    before = cache.get(SERVICE, KEY)
    assert cache.get(SERVICE, KEY, before) is before
    cache.put(SERVICE, body(2, generation=2))
    after = cache.get(SERVICE, KEY, before)
    assert after is not None
    assert after["metadata"]["generation"] == 2
    cache.drop(SERVICE, body(3))
    assert cache.get(SERVICE, KEY, after) is None


def test_a_state_is_known_once_it_or_a_newer_one_was_seen() -> None:
    cache = Cache()
    assert not cache.knows(SERVICE, body(5))
    cache.put(SERVICE, body(5))
    assert cache.knows(SERVICE, body(4))
    assert cache.knows(SERVICE, body(5))
    assert not cache.knows(SERVICE, body(6))
    cache.drop(SERVICE, body(7))
    assert cache.knows(SERVICE, body(6))
    assert not cache.knows(SERVICE, body(8))


def test_a_deleted_object_does_not_come_back_from_a_late_event() -> None:
    cache = Cache()
    cache.put(SERVICE, body(5))
    assert cache.drop(SERVICE, body(6))
    assert not cache.put(SERVICE, body(5))
    assert cache.put(SERVICE, body(7))


def test_a_late_deletion_does_not_remove_the_successor() -> None:
    cache = Cache()
    cache.put(SERVICE, body(9))
    assert not cache.drop(SERVICE, body(6))
    assert version_in(cache) == "9"


def test_a_full_list_drops_what_is_gone_and_keeps_what_is_newer_than_the_list() -> None:
    cache = Cache()
    cache.put(SERVICE, body(1, "gone"))
    cache.put(SERVICE, body(2, "same"))
    cache.put(SERVICE, body(12, "newer"))

    assert not cache.put(SERVICE, body(2, "same"))
    assert cache.put(SERVICE, body(3, "new"))
    gone = cache.complete(SERVICE, {Key("n", "same"), Key("n", "new")}, version=10)

    assert gone == {Key("n", "gone")}
    names = {name for name in ("new", "newer", "same", "gone") if cache.get(SERVICE, Key("n", name))}
    assert names == {"new", "newer", "same"}
    assert cache.count(SERVICE) == 3


def test_versions_are_compared_as_numbers() -> None:
    cache = Cache()
    cache.put(SERVICE, body(9))
    cache.put(SERVICE, body(10))
    assert version_in(cache) == "10"


def test_only_compared_fields_are_kept() -> None:
    cache = Cache()
    cache.put(
        SERVICE, body(1, managedFields=[{"manager": "x"}], selfLink="/x") | {"spec": {"a": 1}, "data": "x"}
    )
    kept = cache.get(SERVICE, KEY)
    assert kept == {
        "metadata": {"name": "a", "namespace": "n", "resourceVersion": "1"},
        "spec": {"a": 1},
    }


def test_the_controller_is_the_owner_that_controls() -> None:
    owners = [{"uid": "1", "controller": False}, {"uid": "2", "controller": True}]
    assert controller_of(body(1, ownerReferences=owners)) == owners[1]
    assert controller_of(body(1, ownerReferences=owners[:1])) is None
    assert controller_of(body(1)) is None


def pod(
    version: int, name: str, resource: str = "a", phase: str = "Pending", **status: Any
) -> dict[str, Any]:
    labels = {NAME_LABEL: resource, "team": "vision"}
    return body(version, name, labels=labels) | {"status": {"phase": phase, **status}}


def names_of_pods(cache: Cache, resource: str = "a") -> list[str]:
    return [item["metadata"]["name"] for item in cache.pods(Key("n", resource))]


def test_pods_are_found_by_the_resource_that_their_label_names() -> None:
    cache = Cache()
    cache.put(POD, pod(1, "a-7d-x"))
    cache.put(POD, pod(2, "a-7d-b"))
    cache.put(POD, pod(3, "b-7d-x", resource="b"))

    assert names_of_pods(cache) == ["a-7d-b", "a-7d-x"]
    assert names_of_pods(cache, "b") == ["b-7d-x"]
    assert names_of_pods(cache, "c") == []


def test_a_pod_that_is_deleted_or_relabelled_is_no_longer_found() -> None:
    cache = Cache()
    cache.put(POD, pod(1, "a-7d-x"))
    cache.put(POD, pod(2, "a-7d-y"))

    cache.drop(POD, pod(3, "a-7d-x"))
    cache.put(POD, pod(4, "a-7d-y", resource="b"))

    assert names_of_pods(cache) == []
    assert names_of_pods(cache, "b") == ["a-7d-y"]


def test_a_full_list_of_pods_names_the_resources_whose_pods_are_gone() -> None:
    cache = Cache()
    cache.put(POD, pod(1, "a-7d-x"))
    cache.put(POD, pod(2, "b-7d-x", resource="b"))

    gone = cache.complete(POD, {Key("n", "b-7d-x")}, version=5)

    assert gone == {Key("n", "a")}
    assert names_of_pods(cache) == []


def test_a_change_in_fields_that_are_not_kept_is_no_change_but_its_version_counts() -> None:
    cache = Cache()
    cache.put(POD, pod(1, "a-7d-x"))

    assert not cache.put(POD, pod(3, "a-7d-x", podIP="10.0.0.1"))
    assert not cache.put(POD, pod(2, "a-7d-x", phase="Running")), "older than what is known"
    assert cache.put(POD, pod(4, "a-7d-x", phase="Running"))


def test_of_a_pod_only_what_tells_its_state_is_kept() -> None:
    full = pod(1, "a-7d-x", phase="Running", podIP="10.0.0.1") | {
        "spec": {"nodeName": "gpu-1", "containers": [{"name": "lmdeploy", "image": "lmdeploy"}]}
    }
    full["status"]["containerStatuses"] = [{"name": "lmdeploy", "ready": True, "imageID": "sha256:0"}]
    cache = Cache()
    cache.put(POD, full)

    (kept_pod,) = cache.pods(Key("n", "a"))
    assert kept_pod["spec"] == {"nodeName": "gpu-1"}
    assert kept_pod["metadata"]["labels"] == {NAME_LABEL: "a"}
    assert kept_pod["status"] == {
        "phase": "Running",
        "conditions": [],
        "initContainerStatuses": [],
        "containerStatuses": [{"name": "lmdeploy", "ready": True}],
    }
    assert kept(POD, kept_pod) == kept_pod


def test_what_lies_in_a_namespace_that_was_not_read_stays() -> None:
    cache = Cache()
    cache.put(SERVICE, body(2, "here"))

    assert cache.complete(SERVICE, set(), version=10, unread={"n"}) == set()

    assert cache.get(SERVICE, Key("n", "here")) is not None
