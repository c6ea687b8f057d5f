"""The demo's story: a cluster, the operator, fifteen models, one change and one deletion."""

from __future__ import annotations

import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.cluster.control_plane import LocalCluster
from tests.cluster.custom_resources import install_crds
from tests.cluster.operators.operator_process import grant_rights, spawn_operator
from tests.cluster.processes import ProcessError
from tests.cluster.programs.binaries import locate
from tests.cluster.simulated_nodes import add_nodes, gpu_node
from tests.demo.display import display_on
from tests.demo.watch import ResourceWatch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from tests.demo.progress import Progress

ROOT = Path(__file__).parents[2]
CRD = ROOT / "crds" / "internvl.dev_internvldeployments.yaml"
EXAMPLES = ROOT / "examples"
OPERATOR = "operator"
NODES = 3
GPUS_PER_NODE = 8
READY_SECONDS = 120.0
CHANGE_SECONDS = 60.0
CHILDREN = "deployments,replicasets,pods,services,networkpolicies"

CHANGED = "internvl2-8b"
SESSION_LEN = 16384
DELETED = "internvl2-2b"


class DemoError(RuntimeError):
    """What was to be shown did not happen."""


def tell(directory: Path) -> None:
    """Play the demo in a cluster of its own.

    Args:
        directory: Where the cluster keeps data and logs.

    Raises:
        DemoError: Something did not take effect in time.
        MissingBinariesError, ProcessError: The cluster or the operator failed.
        KubectlError, WatchError: The API server refused something or was gone.
    """
    locate()  # apart from the steps, as it shows progress of its own when it downloads or builds
    with ExitStack() as running:
        with _step("Starting etcd, kube-apiserver, kube-controller-manager, kube-scheduler and kwok"):
            cluster = running.enter_context(LocalCluster(directory))
        with _step(f"Adding {NODES} simulated nodes with {GPUS_PER_NODE} A100-80GB each"):
            add_nodes(cluster, [gpu_node(f"gpu-{i}", count=GPUS_PER_NODE) for i in range(NODES)])
        with _step("Applying the CRD and starting the operator"):
            install_crds(cluster, CRD)
            # The garbage collector looks for new kinds every 30 s, and at its start.
            cluster.processes["kube-controller-manager"].stop()
            cluster.processes["kube-controller-manager"].start()
            grant_rights(cluster)
            spawn_operator(cluster, OPERATOR)
        resources = ResourceWatch(cluster.kubeconfig())
        _create_all(cluster, resources)
        _change_one(cluster, resources)
        _delete_one(cluster)
        print("\nStopping everything.", flush=True)


def _create_all(cluster: LocalCluster, resources: ResourceWatch) -> None:
    _say(f"$ kubectl apply -f {EXAMPLES.name}/")
    display = display_on(sys.stdout)
    with ThreadPoolExecutor(max_workers=1) as beside:
        # While the watch runs already, so that each resource's first second is seen.
        apply = beside.submit(cluster.kubectl, "apply", "-f", str(EXAMPLES), "-o", "name")

        def all_ready(seen: Mapping[str, Progress]) -> bool:
            display.update(seen.values())
            return (
                apply.done()
                and len(seen) == len(apply.result().split())
                and all(resource.is_ready for resource in seen.values())
            )

        seen = _wait(cluster, resources, all_ready, READY_SECONDS)
    display.finish(seen.values())
    print(f"\nAll {len(seen)} are Ready. The pods are simulated: they are scheduled, and serve nothing.")


def _change_one(cluster: LocalCluster, resources: ResourceWatch) -> None:
    before = _session_lengths(cluster)
    patch = json.dumps({"spec": {"engine": {"sessionLen": SESSION_LEN}}})
    _say(f"$ kubectl patch ivl {CHANGED} --type merge --patch '{patch}'")
    started = time.monotonic()
    patched = cluster.kubectl("patch", "ivl", CHANGED, "--type", "merge", "--patch", patch, "-o", "json")
    generation = json.loads(patched)["metadata"]["generation"]

    def taken_effect(seen: Mapping[str, Progress]) -> bool:
        resource = seen[CHANGED]
        return bool(resource.body["metadata"]["generation"] >= generation and resource.is_ready)

    _wait(cluster, resources, taken_effect, CHANGE_SECONDS)
    _wait_until_gone(cluster, *(name for name in before if name.startswith("pod/")))
    after = _session_lengths(cluster)
    if {*after.values()} != {SESSION_LEN}:
        raise DemoError(f"--session-len {SESSION_LEN} did not reach the Deployment and its pods: {after}")
    for time_, lengths in {"before": before, "after": after}.items():
        for name, length in lengths.items():
            print(f"  {time_:6}  {name}  --session-len {length}")
    print(f"  Ready again, and the old pod gone, after {time.monotonic() - started:.1f} s.", flush=True)


def _delete_one(cluster: LocalCluster) -> None:
    children = _children(cluster, DELETED)
    _say(f"$ kubectl delete ivl {DELETED}")
    started = time.monotonic()
    cluster.kubectl("delete", "ivl", DELETED)
    _wait_until_gone(cluster, *children)
    if left := _children(cluster, DELETED):
        raise DemoError(f"{DELETED} was deleted, and these are still there: {', '.join(left)}")
    for child in children:
        print(f"  gone  {child}")
    print(f"  All of them after {time.monotonic() - started:.1f} s.", flush=True)


def _wait(
    cluster: LocalCluster,
    resources: ResourceWatch,
    condition: Callable[[Mapping[str, Progress]], bool],
    seconds: float,
) -> Mapping[str, Progress]:
    """Follow the resources until a condition holds.

    Raises:
        DemoError: It did not hold in time; the message says what each resource waits for.
        ProcessError: A process of the cluster has ended.
    """
    deadline = time.monotonic() + seconds
    for seen in resources.states():
        if condition(seen):
            return seen
        for process in cluster.processes.values():
            if not process.running:
                code, tail = process.exit_code, process.log_tail()
                raise ProcessError(f"{process.name} ended with exit code {code}.\n{tail}")
        if time.monotonic() > deadline:
            break
    waiting = [f"  {r.name}: {r.state}: {r.message}" for r in seen.values() if not r.is_ready]
    raise DemoError("\n".join([f"Not there after {seconds:g} s:", *waiting]))


def _wait_until_gone(cluster: LocalCluster, *names: str) -> None:
    cluster.kubectl("wait", "--for=delete", f"--timeout={CHANGE_SECONDS:g}s", *names)


def _children(cluster: LocalCluster, name: str) -> list[str]:
    return cluster.kubectl("get", CHILDREN, "--selector", f"internvl.dev/name={name}", "-o", "name").split()


def _session_lengths(cluster: LocalCluster) -> dict[str, int]:
    """What the Deployment and the pods of the changed model pass to the engine, by KIND/NAME."""
    selector = f"internvl.dev/name={CHANGED}"
    found = json.loads(cluster.kubectl("get", "deployments,pods", "--selector", selector, "-o", "json"))
    return {
        f"{item['kind'].lower()}/{item['metadata']['name']}": _session_length(item) for item in found["items"]
    }


def _session_length(workload: Mapping[str, Any]) -> int:
    spec = workload["spec"]
    pod = spec["template"]["spec"] if workload["kind"] == "Deployment" else spec
    arguments = pod["containers"][0]["args"]
    return int(arguments[arguments.index("--session-len") + 1])


@contextmanager
def _step(doing: str) -> Iterator[None]:
    print(doing, end=" ... ", flush=True)
    started = time.monotonic()
    yield
    print(f"{time.monotonic() - started:.1f} s", flush=True)


def _say(line: str) -> None:
    print(f"\n{line}", flush=True)
