"""`internvl diff` shows what waits for consent and how to give it, and what an edit would do."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from internvl_operator.api.platform_defaults import NO_DEFAULTS
from internvl_operator.cli.diff.edit_preview import preview
from internvl_operator.cli.diff_command import diff_text
from internvl_operator.desired import desired_state
from internvl_operator.observed import Observed
from tests.cluster.simulated_nodes import gpu_node
from tests.cluster.specs.table import resource
from tests.rendering import inventory

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Internvl
    from tests.fake_api import FakeApi

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def test_an_update_is_shown_with_the_field_that_accepts_it() -> None:
    status = {"revision": "aaaa", "updateRevision": "bbbb", "updateChanges": ["spec.hostname: a -> b"]}
    text = diff_text({"metadata": {"name": "captions"}, "status": status})
    assert text.splitlines()[:2] == [
        "captions: revision aaaa runs, this operator would run revision bbbb:",
        "  spec.hostname: a -> b",
    ]
    assert "spec.rollout.acceptedRevision is bbbb" in text


def test_without_an_update_there_is_nothing_to_show() -> None:
    assert diff_text({"metadata": {"name": "captions"}, "status": {"revision": "aaaa"}}) == ""
    assert diff_text({"metadata": {"name": "captions"}}) == ""


RUNNING = {"size": "2B", "replicas": 2}


async def running(**spec: Any) -> Observed:
    """A resource that runs as the operator made it, on nodes with A100s."""
    body = resource({**RUNNING, **spec})
    body["metadata"] |= {"uid": "1", "generation": 1}
    made = await desired_state(Observed(body=body), inventory, NOW)
    assert made.children is not None
    deployment = next(each for each in made.children.manifests if each["kind"] == "Deployment")
    return Observed(body={**body, "status": {"revision": made.children.revision}}, deployment=deployment)


async def previewed(before: dict[str, Any], after: dict[str, Any]) -> tuple[bool, list[str]]:
    found = await preview(await running(**before), {"size": "2B", **after}, inventory, NOW, NO_DEFAULTS)
    return found.restarts, list(found.lines)


async def test_the_same_spec_restarts_nothing() -> None:
    assert await previewed({}, {"replicas": 2}) == (False, ["captions: no pod is restarted"])
    assert await previewed({}, {}) == (False, ["captions: no pod is restarted"]), "replicas stay as they are"


async def test_what_reaches_no_pod_is_listed_and_restarts_nothing() -> None:
    service = {"type": "NodePort"}
    restarts, lines = await previewed(
        {}, {"replicas": 3, "service": service, "networkPolicy": {"enabled": False}}
    )
    assert not restarts
    assert lines == [
        "captions: no pod is restarted",
        "  NetworkPolicy: is deleted",
        "  Service: type: ClusterIP -> NodePort",
        "  replicas: 2 -> 3",
    ]


async def test_what_reaches_the_pods_is_said_with_how_they_are_replaced() -> None:
    restarts, (head, *changes) = await previewed({}, {"engine": {"sessionLen": 16384}})
    assert restarts
    assert head.startswith(
        "captions: the pods are restarted, each new pod beside an old one; planned: full precision"
    )
    assert any("--session-len" in change or "16384" in change for change in changes)
    _, (head, *_) = await previewed({}, {"engine": {"sessionLen": 4096}, "rollout": {"strategy": "Recreate"}})
    assert "all old pods stop before new ones start" in head


async def test_an_edit_that_is_refused_says_why_and_touches_nothing() -> None:
    restarts, lines = await previewed({}, {"engine": {"tp": 3}})
    assert restarts
    assert lines[0].startswith(
        "captions: nothing of it is applied, InvalidSpec: spec.engine: engine.tp must be"
    )
    _, lines = await previewed({}, {"gpu": {"memory": "2Gi"}})
    assert lines[0].startswith("captions: nothing of it is applied, ")


async def test_a_resource_that_is_not_there_yet_is_planned() -> None:
    body = resource({})
    body["metadata"] |= {"uid": "", "generation": 1}
    found = await preview(Observed(body=body), RUNNING, inventory, NOW, NO_DEFAULTS)
    assert not found.restarts
    assert found.lines[0].startswith("captions: no pod runs yet; planned: ")


def test_a_file_is_compared_with_what_the_cluster_has(
    fake_api: FakeApi, tmp_path: Path, internvl: Internvl
) -> None:
    observed = asyncio.run(running())
    body = {**observed.body, "metadata": {**observed.body["metadata"], "namespace": "vision"}}
    owner = {"uid": "1", "controller": True, "kind": "InternVLDeployment", "name": "captions"}
    assert observed.deployment is not None
    metadata = observed.deployment["metadata"] | {"ownerReferences": [owner], "namespace": "vision"}
    deployment = {**observed.deployment, "metadata": metadata}
    version = {"resourceVersion": "1"}
    lists: dict[str, list[Any]] = {
        "/api/v1/nodes": [gpu_node("a100-1")],
        "/api/v1/pods": [],
        "/apis/apps/v1/deployments": [],
        "/apis/internvl.dev/v1alpha1/namespaces/vision/internvldeployments": [body],
        "/apis/apps/v1/namespaces/vision/deployments": [deployment],
        "/api/v1/namespaces/vision/persistentvolumeclaims": [],
    }
    fake_api.objects |= {path: {"items": items, "metadata": version} for path, items in lists.items()}
    file = tmp_path / "captions.yaml"
    file.write_text(yaml.safe_dump(resource(RUNNING, namespace="vision")))
    assert internvl("diff", "-f", str(file)) == (0, "captions: no pod is restarted\n", "")
    file.write_text(yaml.safe_dump(resource({**RUNNING, "quantization": "AWQ"}, namespace="vision")))
    code, output, _ = internvl("diff", "-f", str(file))
    assert code == 1
    assert output.startswith("captions: the pods are restarted")
    code, _, errors = internvl("diff", "-f", str(file), "-n", "other")
    assert (code, errors) == (
        2,
        "internvl diff: captions is in the namespace vision, and --namespace is other\n",
    )


@pytest.mark.parametrize("arguments", [(), ("captions", "-f", "captions.yaml")])
def test_a_name_or_a_file_is_given(arguments: tuple[str, ...], internvl: Internvl) -> None:
    code, _, errors = internvl("diff", *arguments)
    assert code == 2
    assert "give either a resource's name or -f FILE" in errors
