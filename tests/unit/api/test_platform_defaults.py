"""The installation's defaults: what they add to a resource's pods, and what they must not do."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, ClassVar

import pytest
import yaml

from internvl_operator.__main__ import main
from internvl_operator.api.parsing import parse
from internvl_operator.api.platform_defaults import NO_DEFAULTS, PlatformDefaults, read_platform_defaults
from internvl_operator.desired import Desired, desired_state
from internvl_operator.manifests.trusted_record import RECORD_HASH, record_hash
from internvl_operator.observed import Observed
from internvl_operator.planner.nodes.inventory import inventory_for
from internvl_operator.planner.request import request_of
from tests.cluster.simulated_nodes import gpu_node
from tests.cluster.specs.table import resource
from tests.rendering import inventory

if TYPE_CHECKING:
    from pathlib import Path

NOW = datetime(2026, 1, 1, tzinfo=UTC)
DEFAULTS: dict[str, Any] = {
    "engine": {
        "version": "0.17.0",
        "registry": "registry.example.com/mirror",
        "digests": {"0.17.0": f"sha256:{'a' * 64}"},
        "images": {"0.8.0": "registry.example.com/lmdeploy:v0.8.0"},
    },
    "gpu": {"maxCount": 4},
    "imagePullSecrets": [{"name": "registry"}],
    "huggingFace": {"endpoint": "https://hub.example.com"},
    "cache": {"storageClassName": "fast"},
    "proxy": {"httpsProxy": "http://proxy.example.com:3128", "noProxy": ".svc"},
    "caBundle": {"configMapName": "authorities", "key": "bundle.pem"},
    "nodeSelector": {"pool": "gpu"},
    "tolerations": [{"key": "dedicated", "operator": "Exists"}],
    "identity": "ClusterAssigned",
    "runtimeClassName": "nvidia",
    "schedulerName": "volcano",
    "priorityClassName": "models",
    "podLabels": {"sidecar.istio.io/inject": "false", "team": "platform"},
    "podAnnotations": {"linkerd.io/inject": "disabled"},
    "networkPolicy": {"from": [{"namespaceSelector": {"matchLabels": {"name": "monitoring"}}}]},
}
PLATFORM = PlatformDefaults.model_validate(DEFAULTS)


async def children(
    spec: dict[str, Any], platform: PlatformDefaults = PLATFORM, running: dict[str, Any] | None = None
) -> dict[str, Any]:
    """Return the children of a resource on nodes with A100s, by kind."""
    desired = await _desired(spec, platform, running)
    assert desired.children is not None
    return {child["kind"]: child for child in desired.children.manifests}


def pod_of(rendered: dict[str, Any]) -> dict[str, Any]:
    pod: dict[str, Any] = rendered["Deployment"]["spec"]["template"]["spec"]
    return pod


def environment(container: dict[str, Any]) -> dict[str, str]:
    return {variable["name"]: variable.get("value", "") for variable in container["env"]}


class TestWhatTheyAdd:
    async def test_the_release_and_its_image_from_the_mirror_with_its_digest(self) -> None:
        pod = pod_of(await children({"size": "8B"}))
        image = f"registry.example.com/mirror/openmmlab/lmdeploy:v0.17.0-cu12.8@sha256:{'a' * 64}"
        assert {container["image"] for container in (*pod["containers"], *pod["initContainers"])} == {image}

    async def test_a_whole_image_for_one_release(self) -> None:
        pod = pod_of(await children({"size": "8B", "engine": {"version": "0.8.0"}}))
        assert pod["containers"][0]["image"] == "registry.example.com/lmdeploy:v0.8.0"

    async def test_proxy_and_authorities_for_the_download_and_the_engine(self) -> None:
        pod = pod_of(await children({"size": "8B"}))
        for container in (*pod["containers"], *pod["initContainers"]):
            given = environment(container)
            assert given["HTTPS_PROXY"] == "http://proxy.example.com:3128"
            assert given["NO_PROXY"] == ".svc"
            assert "HTTP_PROXY" not in given
            assert given["SSL_CERT_FILE"] == given["REQUESTS_CA_BUNDLE"] == "/etc/internvl/ca/ca.crt"
            assert {"name": "authorities", "mountPath": "/etc/internvl/ca", "readOnly": True} in container[
                "volumeMounts"
            ]
        assert {
            "name": "authorities",
            "configMap": {"name": "authorities", "items": [{"key": "bundle.pem", "path": "ca.crt"}]},
        } in pod["volumes"]

    async def test_the_hub_for_the_download(self) -> None:
        (download,) = pod_of(await children({"size": "8B"}))["initContainers"]
        assert environment(download)["HF_ENDPOINT"] == "https://hub.example.com"

    async def test_where_the_pods_run_and_who_reaches_them(self) -> None:
        rendered = await children({"size": "8B"})
        pod = pod_of(rendered)
        assert pod["nodeSelector"]["pool"] == "gpu"
        assert {"key": "dedicated", "operator": "Exists"} in pod["tolerations"]
        assert pod["imagePullSecrets"] == [{"name": "registry"}]
        (rule,) = rendered["NetworkPolicy"]["spec"]["ingress"]
        assert {"namespaceSelector": {"matchLabels": {"name": "monitoring"}}} in rule["from"]

    async def test_what_kind_of_pods_the_platform_wants(self) -> None:
        template = (await children({"size": "8B"}))["Deployment"]["spec"]["template"]
        assert template["spec"]["runtimeClassName"] == "nvidia"
        assert template["spec"]["schedulerName"] == "volcano"
        assert template["spec"]["priorityClassName"] == "models"
        assert template["metadata"]["labels"]["sidecar.istio.io/inject"] == "false"
        assert template["metadata"]["annotations"]["linkerd.io/inject"] == "disabled"

    async def test_a_user_and_groups_that_the_cluster_assigns(self) -> None:
        assert pod_of(await children({"size": "8B"}))["securityContext"] == {
            "runAsNonRoot": True,
            "fsGroupChangePolicy": "OnRootMismatch",
            "seccompProfile": {"type": "RuntimeDefault"},
        }

    @pytest.mark.parametrize("field", ["podLabels", "podAnnotations"])
    @pytest.mark.parametrize("key", ["internvl.dev/name", "app.kubernetes.io/name"])
    def test_keys_of_the_operator_are_refused_by_name(self, field: str, key: str, tmp_path: Path) -> None:
        file = tmp_path / "defaults.yaml"
        file.write_text(yaml.safe_dump({field: {key: "x"}}))
        with pytest.raises(ValueError, match=rf"{field}: .*choose another prefix"):
            read_platform_defaults(str(file))

    def test_nodes_that_they_select_and_tolerate_are_planned_for(self) -> None:
        nodes = [
            gpu_node("a100", labels={"pool": "gpu"}, taints=[{"key": "spot", "effect": "NoSchedule"}]),
            gpu_node("l4", "NVIDIA-L4", 23034, taints=[{"key": "dedicated", "effect": "NoSchedule"}]),
            gpu_node(
                "l40s",
                "NVIDIA-L40S",
                46068,
                labels={"pool": "gpu"},
                taints=[{"key": "dedicated", "effect": "NoExecute"}],
            ),
        ]
        spec = PLATFORM.applied_to(parse(resource({"size": "8B"}))).spec
        found = inventory_for(request_of(spec).gpu, nodes)
        assert [pool.product for pool in found.pools] == ["NVIDIA-L40S"]
        assert found.notes == (
            "left out, not selected by podTemplate.nodeSelector: l4",
            "left out, taint spot:NoSchedule is not tolerated by podTemplate.tolerations: a100",
        )


class TestWhatAResourceSaysItself:
    async def test_wins(self) -> None:
        spec = {
            "size": "8B",
            "engine": {
                "version": "0.18.0",
                "image": "example.com/own:1",
                "env": [{"name": "NO_PROXY", "value": "none"}],
            },
            "model": {"source": {"huggingFace": {"endpoint": "https://own.example.com"}}},
            "podTemplate": {"nodeSelector": {"pool": "gpu", "zone": "a"}},
        }
        body = PLATFORM.applied_to(parse(resource(spec)))
        assert body.spec.engine.version == "0.18.0"
        assert body.spec.pod_template.node_selector == {"pool": "gpu", "zone": "a"}
        del spec["podTemplate"]
        pod = pod_of(await children(spec))
        assert pod["containers"][0]["image"] == "example.com/own:1"
        assert environment(pod["containers"][0])["NO_PROXY"] == "none"
        assert environment(pod["initContainers"][0])["HF_ENDPOINT"] == "https://own.example.com"

    async def test_wins_over_what_kind_of_pods_the_platform_wants(self) -> None:
        own = {
            "identity": "Fixed",
            "runtimeClassName": "kata",
            "labels": {"team": "own"},
            "annotations": {"linkerd.io/inject": "enabled"},
        }
        template = (await children({"size": "8B", "podTemplate": own}))["Deployment"]["spec"]["template"]
        pod = template["spec"]
        assert pod["securityContext"]["runAsUser"] == pod["securityContext"]["fsGroup"] == 1000
        assert (pod["runtimeClassName"], pod["schedulerName"]) == ("kata", "volcano")
        assert template["metadata"]["labels"]["team"] == "own"
        assert template["metadata"]["labels"]["sidecar.istio.io/inject"] == "false"
        assert template["metadata"]["annotations"]["linkerd.io/inject"] == "enabled"

    async def test_a_security_context_is_added_to_the_identity(self) -> None:
        own = {"identity": "ClusterAssigned", "securityContext": {"supplementalGroups": [5000]}}
        pod = pod_of(await children({"size": "8B", "podTemplate": own}, NO_DEFAULTS))
        assert pod["securityContext"]["supplementalGroups"] == [5000]
        assert not {"runAsUser", "runAsGroup", "fsGroup"} & set(pod["securityContext"])

    def test_a_pull_secret_is_named_once(self) -> None:
        given = resource({"size": "8B", "podTemplate": {"imagePullSecrets": [{"name": "registry"}]}})
        secrets = PLATFORM.applied_to(parse(given)).spec.pod_template.image_pull_secrets
        assert [secret.name for secret in secrets] == ["registry"]

    @pytest.mark.parametrize(
        "source",
        [{"persistentVolumeClaim": {"name": "models"}}, {"image": {"reference": "example.com/model:1"}}],
    )
    def test_files_that_are_there_are_not_downloaded_from_the_mirror(self, source: dict[str, Any]) -> None:
        given = parse(resource({"size": "8B", "model": {"source": source}}))
        assert PLATFORM.applied_to(given).spec.model == given.spec.model


class TestStorageClass:
    CACHED: ClassVar[dict[str, Any]] = {"size": "8B", "model": {"cache": {"size": "100Gi"}}}

    async def test_a_claim_that_is_made_is_of_the_default_class(self) -> None:
        claim = (await children(self.CACHED))["PersistentVolumeClaim"]
        assert claim["spec"]["storageClassName"] == "fast"

    async def test_a_class_that_is_named_wins(self) -> None:
        own = {"size": "8B", "model": {"cache": {"size": "100Gi", "storageClassName": "own"}}}
        claim = (await children(own))["PersistentVolumeClaim"]
        assert claim["spec"]["storageClassName"] == "own"

    @pytest.mark.parametrize("platform", [PLATFORM, NO_DEFAULTS])
    async def test_a_claim_that_exists_keeps_its_class_and_nobody_complains(
        self, platform: PlatformDefaults
    ) -> None:
        claim = (await children(self.CACHED))["PersistentVolumeClaim"]
        claim["spec"]["storageClassName"] = "slow"
        body = resource(self.CACHED)
        body["metadata"]["uid"] = "1"
        desired = await desired_state(Observed(body=body, claim=claim), inventory, NOW, platform)
        assert desired.children is not None
        rendered = {child["kind"]: child for child in desired.children.manifests}
        assert rendered["PersistentVolumeClaim"]["spec"]["storageClassName"] == "slow"
        assert desired.unmet is None


async def test_a_change_of_the_defaults_leaves_what_runs_as_it_is() -> None:
    running = await children({"size": "8B"}, NO_DEFAULTS)
    after = await children({"size": "8B"}, PLATFORM, running["Deployment"])
    assert after["Deployment"]["spec"]["template"] == running["Deployment"]["spec"]["template"]
    assert after["Deployment"] == running["Deployment"]


async def test_a_change_of_the_defaults_reaches_a_model_with_the_next_change_of_its_spec() -> None:
    running = await children({"size": "8B"}, NO_DEFAULTS)
    after = await children({"size": "8B", "engine": {"sessionLen": 4096}}, PLATFORM, running["Deployment"])
    assert pod_of(after)["containers"][0]["image"].startswith("registry.example.com/")


async def test_without_defaults_nothing_is_added() -> None:
    assert await children({"size": "8B"}, NO_DEFAULTS) == await children({"size": "8B"}, PlatformDefaults())


class TestReading:
    def test_no_file_means_no_defaults(self) -> None:
        assert read_platform_defaults(None) is NO_DEFAULTS

    def test_a_file_is_read(self, tmp_path: Path) -> None:
        file = tmp_path / "defaults.yaml"
        file.write_text(yaml.safe_dump(DEFAULTS))
        assert read_platform_defaults(str(file)) == PLATFORM

    @pytest.mark.parametrize("text", ["", "{}", "# nothing\n"])
    def test_an_empty_file_means_no_defaults(self, tmp_path: Path, text: str) -> None:
        file = tmp_path / "defaults.yaml"
        file.write_text(text)
        assert read_platform_defaults(str(file)) == NO_DEFAULTS

    @pytest.mark.parametrize(
        ("text", "complaint"),
        [
            ("engine: {version: 0.4.0}", "engine.version: .*closest"),
            ("engine: {digests: {0.18.0: latest}}", "engine.digests.0.18.0"),
            ("mirror: here", "mirror"),
            ("[]", "dictionary"),
            ("a: [", "is not YAML"),
        ],
    )
    def test_what_is_wrong_is_named(self, tmp_path: Path, text: str, complaint: str) -> None:
        file = tmp_path / "defaults.yaml"
        file.write_text(text)
        with pytest.raises(ValueError, match=complaint) as raised:
            read_platform_defaults(str(file))
        assert str(file) in str(raised.value)


class TestCommands:
    @pytest.fixture
    def files(self, tmp_path: Path) -> list[str]:
        (tmp_path / "defaults.yaml").write_text(yaml.safe_dump(DEFAULTS))
        (tmp_path / "model.yaml").write_text(yaml.safe_dump(resource({"size": "8B"})))
        model, defaults = str(tmp_path / "model.yaml"), str(tmp_path / "defaults.yaml")
        return ["-f", model, "--gpu", "A100-80GB", "--platform-defaults", defaults]

    async def test_render_prints_what_the_controller_would_apply(
        self, files: list[str], capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main(["render", *files]) == 0
        printed = {child["kind"]: child for child in yaml.safe_load_all(capsys.readouterr().out)}
        applied = await children({"size": "8B"})
        assert printed["Deployment"]["spec"]["template"] == applied["Deployment"]["spec"]["template"]
        annotations = applied["Deployment"]["metadata"]["annotations"]
        assert printed["Deployment"]["metadata"]["annotations"].items() >= {
            ("internvl.dev/inputs", annotations["internvl.dev/inputs"])
        }

    def test_plan_plans_with_the_default_release(
        self, files: list[str], capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main(["plan", *files, "-o", "json"]) == 0
        assert json.loads(capsys.readouterr().out)["engine"] == "0.17.0"


async def test_another_default_release_is_offered_with_its_plan_and_taken_when_it_is_accepted() -> None:
    older, newer = (
        PlatformDefaults.model_validate({"engine": {"version": version}}) for version in ("0.17.0", "0.18.0")
    )
    running = await _desired({"size": "8B"}, older)
    assert running.children is not None
    deployment = next(child for child in running.children.manifests if child["kind"] == "Deployment")

    waiting = await _desired({"size": "8B"}, newer, deployment)
    assert waiting.children is not None
    assert (waiting.plan, waiting.children.revision) == (running.plan, running.children.revision)
    update = waiting.children.update
    assert update is not None
    assert any("image" in change for change in update.changes)

    accepted = {"size": "8B", "rollout": {"acceptedRevision": update.revision}}
    taken = await _desired(accepted, newer, deployment)
    assert taken.plan is not None
    assert taken.children is not None
    assert taken.children.update is None
    assert (taken.plan.engine, taken.children.revision) == ("0.18.0", update.revision)


async def _desired(
    spec: dict[str, Any], platform: PlatformDefaults, running: dict[str, Any] | None = None
) -> Desired:
    body = resource(spec)
    body["metadata"]["uid"] = "1"
    body["status"] = {RECORD_HASH: record_hash(running)}
    return await desired_state(Observed(body=body, deployment=running), inventory, NOW, platform)


@pytest.mark.parametrize(
    ("spec", "most"),
    [
        ({}, 4),
        ({"gpu": {"product": "NVIDIA-L4"}}, 4),
        ({"gpu": {"maxCount": 8}}, 8),
        ({"engine": {"tp": 8}}, 8),
    ],
)
def test_the_most_gpus_of_a_replica_are_the_defaults_unless_the_resource_says_more(
    spec: dict[str, Any], most: int
) -> None:
    given = parse(resource({"size": "8B", **spec}))
    assert request_of(PLATFORM.applied_to(given).spec).gpu.max_count == most
    assert request_of(NO_DEFAULTS.applied_to(given).spec).gpu.max_count == 8
