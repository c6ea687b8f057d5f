"""Where a real pod gets its model from."""

from __future__ import annotations

import json
import struct
from typing import TYPE_CHECKING

import pytest

from tests.cluster.waiting import Object, apply, condition, eventually, get, get_all, wait_ready
from tests.fake_hub import REPOSITORY, FakeHub
from tests.node.client import ask
from tests.node.cluster.stub_image import CONFIG
from tests.node.models import PORT, serving_address, stub

if TYPE_CHECKING:
    from tests.cluster.control_plane import LocalCluster
    from tests.node.cluster.real_cluster import RealCluster

pytestmark = pytest.mark.timeout(180)
MODEL = "InternVL2-1B"
WEIGHTS = "model.safetensors"
MIB = 1 << 20


def test_a_download_that_is_killed_begins_again_and_keeps_the_files_that_it_has(
    real: RealCluster, namespace: str
) -> None:
    """The init container's own text, with the real huggingface_hub, as the kubelet runs it."""
    files = {"config.json": CONFIG.encode(), WEIGHTS: safetensors(4 * MIB)}
    cluster = real.cluster
    with FakeHub(files, real.network.addresses.host) as hub:
        hub.stalls_after[WEIGHTS] = MIB
        source = {"huggingFace": {"endpoint": hub.endpoint}}
        apply(
            cluster,
            # Longer than the test: the download would go on by itself before it is killed.
            stub(
                "fetched",
                namespace,
                {"HF_HUB_DOWNLOAD_TIMEOUT": "120"},
                size="8B",
                model={"repository": REPOSITORY, "source": source},
            ),
        )
        eventually(lambda: set(hub.sent) == set(files), "the weights are on their way", 60)
        told = eventually(lambda: says(cluster, "fetched", namespace, "Downloading"), "the status tells", 30)
        assert told.startswith(f"{REPOSITORY}, about ")
        (pod,) = get_all(cluster, "pods", namespace)
        real.nodes[pod["spec"]["nodeName"]].kill(pod, "model")
        wait_ready(cluster, "fetched", namespace, 90)
        assert hub.sent == {"config.json": len(files["config.json"]), WEIGHTS: MIB + len(files[WEIGHTS])}
    served = REPOSITORY.rpartition("/")[2]
    assert ask(serving_address(cluster, "fetched", namespace), PORT, served, 1).problem == ""
    (pod,) = get_all(cluster, "pods", namespace)
    assert pod["status"]["initContainerStatuses"][0]["restartCount"] == 1


def says(cluster: LocalCluster, name: str, namespace: str, reason: str) -> str | None:
    """The message of the condition Ready when it is False for a reason."""
    ready = condition(get(cluster, "ivl", name, namespace), "Ready")
    return ready["message"] if (ready["status"], ready["reason"]) == ("False", reason) else None


def safetensors(size: int) -> bytes:
    """A file of one tensor of zeros."""
    header = json.dumps({"weight": {"dtype": "U8", "shape": [size], "data_offsets": [0, size]}}).encode()
    return struct.pack("<Q", len(header)) + header + bytes(size)


def test_a_directory_of_a_claim_is_served_as_it_is(cluster: LocalCluster, namespace: str) -> None:
    volume = cluster.directory / "volumes" / namespace
    directory = volume / "models" / MODEL
    directory.mkdir(parents=True)
    (directory / "config.json").write_text(CONFIG)
    apply(cluster, *claim("weights", namespace, str(volume)))
    source = {"persistentVolumeClaim": {"name": "weights", "path": f"models/{MODEL}"}}
    apply(cluster, stub("claimed", namespace, model={"source": source}))
    wait_ready(cluster, "claimed", namespace, 60)
    assert ask(serving_address(cluster, "claimed", namespace), PORT, MODEL, 1).problem == ""
    (pod,) = get_all(cluster, "pods", namespace)
    name = pod["metadata"]["name"]
    seen = cluster.kubectl("exec", name, "-n", namespace, "--", "python3", "-c", LIST_MODELS)
    assert seen.split() == [f"/models/{MODEL}/config.json", "read-only"]


LIST_MODELS = """
import pathlib
for file in pathlib.Path("/models").rglob("*.json"):
    print(file)
    try:
        file.with_name("new").write_text("")
    except OSError as error:
        print("read-only" if error.errno == 30 else error)
"""


def claim(name: str, namespace: str, directory: str) -> tuple[Object, Object]:
    """A claim, and the volume of this machine's directory that is bound to it."""
    size = {"storage": "1Gi"}
    shared = {"accessModes": ["ReadWriteMany"], "storageClassName": ""}
    volume = {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": namespace},
        "spec": {
            **shared,
            "capacity": size,
            "hostPath": {"path": directory},
            "claimRef": {"name": name, "namespace": namespace},
        },
    }
    wanted = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {**shared, "resources": {"requests": size}, "volumeName": namespace},
    }
    return volume, wanted
