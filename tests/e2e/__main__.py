"""`make e2e`: the chart, the operator's image and the stub's on kind. Needs docker, kind, kubectl and Helm."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
CLUSTER = "internvl-e2e"
NAMESPACE = "internvl-system"
IMAGES = {"operator": "internvl-operator:e2e", "stub": "lmdeploy-stub:e2e"}
NEEDED = ("docker", "kind", "kubectl", "helm")
GPU_LABELS = {
    "nvidia.com/gpu.product": "NVIDIA-L4",
    "nvidia.com/gpu.memory": "23034",
    "nvidia.com/gpu.count": "1",
}


def run(*command: str, given: str | None = None) -> None:
    """Run a program in the checkout and show what it prints.

    Raises:
        subprocess.CalledProcessError: it ended with an error.
    """
    print("$", " ".join(command), flush=True)
    subprocess.run(command, cwd=ROOT, input=given, text=True, check=True)


def kubectl(*arguments: str, given: str | None = None) -> None:
    """Run kubectl on the cluster of this test."""
    run("kubectl", "--context", f"kind-{CLUSTER}", *arguments, given=given)


@contextmanager
def kind_cluster(kubernetes: str, keep: bool) -> Iterator[None]:
    """A cluster of one node that says it has a GPU, with both images loaded."""
    image = ["--image", f"kindest/node:{kubernetes}"] if kubernetes else []
    run("kind", "create", "cluster", "--name", CLUSTER, "--wait", "120s", *image)
    try:
        run("kind", "load", "docker-image", "--name", CLUSTER, *IMAGES.values())
        node = f"{CLUSTER}-control-plane"
        kubectl("label", "node", node, *(f"{name}={value}" for name, value in GPU_LABELS.items()))
        # An extended resource needs no device plugin: the stub has no use for the device.
        capacity = json.dumps([{"op": "add", "path": "/status/capacity/nvidia.com~1gpu", "value": "1"}])
        kubectl("patch", "node", node, "--subresource=status", "--type=json", f"--patch={capacity}")
        yield
    finally:
        if not keep:
            run("kind", "delete", "cluster", "--name", CLUSTER)


def build_images() -> None:
    """Build the operator's image and the stub's."""
    for directory, tag in IMAGES.items():
        run("docker", "build", "--file", f"images/{directory}/Dockerfile", "--tag", tag, ".")


def install() -> None:
    """Install the chart with the images of this checkout."""
    repository, _, tag = IMAGES["operator"].partition(":")
    version = yaml.safe_load((HERE / "model.yaml").read_text().split("---")[-1])["spec"]["engine"]["version"]
    values = {
        "image": {"repository": f"docker.io/library/{repository}", "tag": tag, "pullPolicy": "Never"},
        "platformDefaults": {"engine": {"images": {version: IMAGES["stub"]}}},
    }
    command = ("helm", "upgrade", "--install", "internvl-operator", "charts/internvl-operator")
    where = ("--kube-context", f"kind-{CLUSTER}", "--namespace", NAMESPACE, "--create-namespace")
    run(*command, *where, "--wait", "--timeout", "120s", "--values", "-", given=yaml.safe_dump(values))


def serve() -> None:
    """Serve a model on the stub, ask it, and see it go."""
    kubectl("apply", "-f", str(HERE / "model.yaml"))
    kubectl("wait", "--for=condition=Ready", "ivl/captions", "--timeout=180s")
    kubectl("apply", "-f", str(HERE / "client.yaml"))
    kubectl("wait", "--for=condition=Complete", "job/client", "--timeout=120s")
    kubectl("logs", "job/client")
    kubectl("delete", "ivl", "captions", "--wait")
    kubectl("wait", "--for=delete", "pod", "--selector=internvl.dev/name=captions", "--timeout=120s")


def main() -> int:
    """Run everything; return 1 when a program is missing or a step fails."""
    parser = argparse.ArgumentParser(prog="make e2e", description=__doc__)
    parser.add_argument("--keep", action="store_true", help="leave the cluster running")
    options = parser.parse_args()
    if missing := [name for name in NEEDED if shutil.which(name) is None]:
        print(f"make e2e needs {', '.join(missing)}", file=sys.stderr)
        return 1
    try:
        build_images()
        with kind_cluster(os.environ.get("KUBERNETES_VERSION", ""), options.keep):
            install()
            serve()
            install()
            run("helm", "uninstall", "internvl-operator", "--namespace", NAMESPACE, "--wait")
            kubectl("get", "crd", "internvldeployments.internvl.dev")
    except subprocess.CalledProcessError as error:
        print(f"failed: {' '.join(error.cmd)}", file=sys.stderr)
        return 1
    print("passed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
