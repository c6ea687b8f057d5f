"""The claim that keeps downloads, and how pods and downloads use it."""

from __future__ import annotations

from typing import Any

import pytest

from internvl_operator.api.parsing import parse
from internvl_operator.api.v1alpha1 import InternVLDeployment
from internvl_operator.manifests.objects.model_files import holds_exclusive_claim
from internvl_operator.manifests.objects.persistentvolumeclaim import (
    owns_claim,
    persistent_volume_claim,
    unmet_claim,
)
from tests.cluster.specs.table import Spec, at, resource
from tests.rendering import children_of

Object = dict[str, Any]


def cached(**cache: str) -> InternVLDeployment:
    return parse(resource(at("model.cache", cache)))


def live(size: str = "100Gi", access_mode: str = "ReadWriteOnce", class_name: str | None = None) -> Object:
    """A claim as the API server has it."""
    spec: Object = {"accessModes": [access_mode], "resources": {"requests": {"storage": size}}}
    return {"spec": spec | ({"storageClassName": class_name} if class_name else {})}


def pod_of(spec: Spec) -> Object:
    (deployment,) = [child for child in children_of(spec) if child["kind"] == "Deployment"]
    pod: Object = deployment["spec"]["template"]["spec"]
    return pod


def test_a_new_claim_is_what_is_asked_for() -> None:
    asked = cached(size="200Gi", storageClassName="fast", accessMode="ReadWriteMany")
    assert persistent_volume_claim(asked)["spec"] == {
        "accessModes": ["ReadWriteMany"],
        "storageClassName": "fast",
        "resources": {"requests": {"storage": "200Gi"}},
    }


def test_a_claim_keeps_its_class_whoever_chose_it_as_the_api_server_refuses_any_change() -> None:
    spec = persistent_volume_claim(cached(size="100Gi"), live(class_name="standard"))["spec"]
    assert spec["storageClassName"] == "standard"


@pytest.mark.parametrize(
    ("asked", "have", "size"),
    [("200Gi", "100Gi", "200Gi"), ("100Gi", "200Gi", "200Gi"), ("100Gi", "107374182400", "100Gi")],
)
def test_a_claim_grows_and_never_shrinks(asked: str, have: str, size: str) -> None:
    spec = persistent_volume_claim(cached(size=asked), live(have))["spec"]
    assert spec["resources"]["requests"]["storage"] == size
    assert unmet_claim(cached(size=asked), live(have)) is None


@pytest.mark.parametrize("have", [live(class_name="slow"), live(access_mode="ReadWriteMany")], ids=str)
def test_what_is_no_longer_asked_of_a_claim_is_not_missed(have: dict[str, Any]) -> None:
    assert unmet_claim(cached(size="100Gi"), have) is None


@pytest.mark.parametrize(
    ("asked", "have", "told"),
    [
        ({"storageClassName": "fast"}, live(class_name="slow"), ["storageClassName is slow, not fast"]),
        ({"storageClassName": "fast"}, live(), ["storageClassName is none, not fast"]),
        ({"accessMode": "ReadWriteMany"}, live(), ["accessMode is ReadWriteOnce, not ReadWriteMany"]),
        (
            {"accessMode": "ReadWriteOnce"},
            live(access_mode="ReadWriteMany"),
            ["accessMode is ReadWriteMany, not ReadWriteOnce"],
        ),
        (
            {"storageClassName": "fast", "accessMode": "ReadWriteMany"},
            live(class_name="slow"),
            ["storageClassName is slow, not fast", "accessMode is ReadWriteOnce, not ReadWriteMany"],
        ),
    ],
)
def test_what_a_claim_cannot_become_is_told_and_not_asked_for(
    asked: dict[str, str], have: Object, told: list[str]
) -> None:
    wanted = cached(size="100Gi", **asked)
    assert (
        persistent_volume_claim(wanted, have)["spec"].items()
        >= {"accessModes": have["spec"]["accessModes"]}.items()
    )
    message = unmet_claim(wanted, have)
    assert message is not None
    assert all(part in message for part in told)


def test_nothing_is_told_of_a_claim_that_is_not_there_or_not_wanted() -> None:
    assert unmet_claim(cached(size="100Gi", storageClassName="fast"), None) is None
    assert unmet_claim(cached(), live(class_name="slow")) is None


@pytest.mark.parametrize(
    ("cache", "owned", "exclusive"),
    [
        ({}, False, False),
        ({"size": "100Gi"}, True, True),
        ({"size": "100Gi", "accessMode": "ReadWriteOnce"}, True, True),
        ({"size": "100Gi", "accessMode": "ReadWriteMany"}, True, False),
        ({"claimName": "models"}, False, False),
        ({"claimName": "models", "accessMode": "ReadWriteOnce"}, False, True),
    ],
)
def test_whose_the_claim_is_and_whether_it_is_of_one_node(
    cache: dict[str, str], owned: bool, exclusive: bool
) -> None:
    assert owns_claim(cached(**cache)) is owned
    assert holds_exclusive_claim(cached(**cache).spec) is exclusive


@pytest.mark.parametrize(("mode", "surge"), [("ReadWriteOnce", 0), ("ReadWriteMany", 1)])
def test_a_rollout_stops_the_old_pod_first_where_the_volume_is_of_one_node(mode: str, surge: int) -> None:
    children = children_of(at("model.cache", {"size": "100Gi", "accessMode": mode}))
    (deployment,) = [child for child in children if child["kind"] == "Deployment"]
    assert deployment["spec"]["strategy"]["rollingUpdate"]["maxSurge"] == surge


def test_repositories_and_revisions_do_not_meet_in_a_claim() -> None:
    model = {"repository": "example/tuned", "revision": "refs/pr/1", "cache": {"claimName": "models"}}
    pod = pod_of(at("model", model))
    (download,), (server,) = pod["initContainers"], pod["containers"]
    path = "example--tuned/refs--pr--1/tuned"
    assert download["command"][3:] == ["example/tuned", "refs/pr/1", f"/models/{path}", "--checksums"]
    mount = server["volumeMounts"][0]
    assert mount == {"name": "models", "mountPath": "/models/tuned", "subPath": path, "readOnly": True}
    assert server["args"][0] == "/models/tuned"
    assert pod["volumes"][0] == {"name": "models", "persistentVolumeClaim": {"claimName": "models"}}


def test_the_node_need_not_hold_what_a_claim_holds() -> None:
    def requests(spec: Spec) -> Object:
        found: Object = pod_of(spec)["containers"][0]["resources"]["requests"]
        return found

    assert "ephemeral-storage" in requests({"size": "8B"})
    assert "ephemeral-storage" not in requests(at("model.cache.size", "100Gi"))


def download_env(*variables: Object, **model: object) -> dict[str, Object]:
    spec = at("engine.env", list(variables)) | ({"model": model} if model else {})
    (download,) = pod_of(spec)["initContainers"]
    return {variable["name"]: variable for variable in download["env"]}


def test_what_says_how_to_reach_the_hub_reaches_the_download_and_nothing_else_does() -> None:
    user = {"name": "PROXY_USER", "valueFrom": {"secretKeyRef": {"name": "proxy", "key": "user"}}}
    proxy = {"name": "HTTPS_PROXY", "value": "http://$(PROXY_USER)@proxy:3128"}
    timeout = {"name": "HF_HUB_DOWNLOAD_TIMEOUT", "value": "60"}
    given = download_env(
        user,
        {"name": "NCCL_DEBUG", "value": "INFO"},
        proxy,
        timeout,
        {"name": "no_proxy", "value": ".svc"},
        {"name": "HF_HUB_OFFLINE", "value": "1"},
        {"name": "NVIDIA_VISIBLE_DEVICES", "value": "all"},
    )
    assert list(given) == [
        "HOME",
        "HF_HOME",
        "PROXY_USER",
        "HTTPS_PROXY",
        "HF_HUB_DOWNLOAD_TIMEOUT",
        "no_proxy",
    ]
    assert (given["PROXY_USER"], given["HTTPS_PROXY"]) == (user, proxy)


def test_variables_that_refer_to_each_other_end() -> None:
    given = download_env(
        {"name": "A", "value": "$(HTTPS_PROXY)"}, {"name": "HTTPS_PROXY", "value": "$(A) $(ABSENT)"}
    )
    assert list(given) == ["HOME", "HF_HOME", "A", "HTTPS_PROXY"]


def test_the_token_reaches_the_download_alone() -> None:
    source = {"huggingFace": {"tokenSecretRef": {"name": "hub", "key": "token"}}}
    spec = at("model", {"source": source, "cache": {"size": "100Gi"}})
    pod = pod_of(spec)
    assert "HF_TOKEN" in {variable["name"] for variable in pod["initContainers"][0]["env"]}
    assert "HF_TOKEN" not in {variable["name"] for variable in pod["containers"][0]["env"]}
