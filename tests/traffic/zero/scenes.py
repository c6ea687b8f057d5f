"""``python -m tests.traffic zero``: are requests lost while a model sleeps, wakes and falls asleep?

KEDA's operator, its HTTP add-on's interceptor and scaler, the API server, the scheduler and the controllers of
Deployments are the real programs. Nodes are simulated, stub engines answer, and this program stands in for kubelet and
kube-proxy. It needs Linux and root, for a hosts file of the interceptor's own.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.cluster.control_plane import LocalCluster
from tests.cluster.custom_resources import install_crds
from tests.cluster.operator_process import grant_rights
from tests.cluster.operator_version import Patch, built
from tests.cluster.simulated_nodes import add_nodes, gpu_node
from tests.cluster.waiting import apply, condition, delete, eventually
from tests.traffic.zero.keda import Keda, install_keda
from tests.traffic.zero.model import NAMESPACES, SleepingModel, spawn
from tests.traffic.zero.requests import Answered, ask, ask_at_once

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.cluster.processes import Process

ROOT = Path(__file__).parents[3]
_OCCUPANT = "occupant"


@dataclass(kw_only=True)
class Scene:
    """Everything that runs."""

    cluster: LocalCluster
    keda: Keda
    operator: Process
    directory: Path
    models: dict[str, SleepingModel] = field(default_factory=dict)

    def model(self, namespace: str) -> SleepingModel:
        """Return the model of a namespace, which is made once."""
        if namespace not in self.models:
            self.models[namespace] = SleepingModel(self.cluster, namespace, self.directory / namespace)
        return self.models[namespace]


def woken(scene: Scene, held: int) -> list[Answered]:
    """Requests that come at the same time while there is no replica."""
    model = scene.model("traffic")
    model.sleep()
    return ask_at_once(scene.keda.proxy_port, model.host, held)


def restarted(scene: Scene, held: int) -> list[Answered]:
    """KEDA and the operator are down when requests come; KEDA wakes the model, and another operator starts its pod."""
    model = scene.model("traffic")
    model.sleep()
    installed = built(
        scene.directory / "version",
        Patch(
            "manifests/objects/deployment.py", "_STARTUP_PERIOD_SECONDS = 5", "_STARTUP_PERIOD_SECONDS = 6"
        ),
    )
    scene.operator.stop()
    scene.keda.operator.stop()
    with ThreadPoolExecutor(1) as client:
        answers = client.submit(ask_at_once, scene.keda.proxy_port, model.host, held)
        scene.keda.operator.start()
        eventually(lambda: model.replicas == 1, "KEDA wakes it without the operator", 120)
        scene.operator = spawn(scene.cluster, scene.keda, scene.directory, "upgraded", installed)
        return answers.result()


def without_gpu(scene: Scene, held: int) -> list[Answered]:
    """All GPUs are taken when requests come, and one becomes free before the hold time is over."""
    model = scene.model("traffic")
    model.sleep()
    _occupy(scene.cluster)
    with ThreadPoolExecutor(1) as client:
        answers = client.submit(ask_at_once, scene.keda.proxy_port, model.host, held)
        eventually(lambda: model.waits_for_gpu, "the condition says that it waits for a GPU", 60)
        delete(scene.cluster, "pod", _OCCUPANT, "default")
        return answers.result()


def never_a_gpu(scene: Scene) -> Answered:
    """All GPUs are taken for longer than a request is held."""
    model = scene.model("traffic")
    model.sleep()
    _occupy(scene.cluster)
    answer = ask(scene.keda.proxy_port, model.host)
    delete(scene.cluster, "pod", _OCCUPANT, "default")
    return answer


def raced(scene: Scene, races: int, say: Callable[[str], None]) -> tuple[list[Answered], int]:
    """New requests around the moment at which KEDA stops the last replica; how many found it stopping or stopped.

    KEDA's cooldown is 2 seconds here, and not 300: the objects are the operator's own but for that.
    """
    model = scene.model("races")
    model.take_over(cooldown=2)
    answers, at_zero = [ask(scene.keda.proxy_port, model.host)], 0
    for number in range(races):
        # The replica stops 2 to 4 seconds after the last request. A stride that shares no factor visits every step.
        time.sleep(1.5 + 3.0 * (number * 37 % 100) / 100)
        at_zero += model.replicas == 0
        answers.append(ask(scene.keda.proxy_port, model.host))
        if (number + 1) % 20 == 0:
            lost = sum(bool(answer.problem) for answer in answers)
            say(f"{number + 1} races, {at_zero} of them at 0 replicas, {lost} lost")
    return answers, at_zero


def _occupy(cluster: LocalCluster) -> None:
    """Take every GPU of the only node."""
    gpus = {"limits": {"nvidia.com/gpu": "8"}}
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": _OCCUPANT, "namespace": "default"},
        "spec": {"containers": [{"name": "gpus", "image": "occupant:1", "resources": gpus}]},
    }

    def is_there() -> bool:
        found = json.loads(cluster.get("/api/v1/namespaces/default/pods"))["items"]
        return any(condition(item, "PodScheduled").get("status") == "True" for item in found)

    apply(cluster, pod)
    eventually(is_there, "every GPU is taken", 60)


def main(arguments: list[str]) -> int:
    """Run every scene and print what was lost; the last lines are ``METRIC name=value``."""
    parser = argparse.ArgumentParser(prog="python -m tests.traffic zero", description=__doc__)
    parser.add_argument("--held", type=int, default=50, help="requests at once (default: %(default)s)")
    parser.add_argument(
        "--races", type=int, default=200, help="1 -> 0 against a request (default: %(default)s)"
    )
    parser.add_argument("--output", type=Path, default=Path(".local/traffic"), metavar="DIRECTORY")
    options = parser.parse_args(arguments)
    options.output.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()

    def say(text: str) -> None:
        print(f"[{time.monotonic() - started:6.1f} s] {text}", flush=True)

    with tempfile.TemporaryDirectory() as scratch:
        outcome = _played(Path(scratch), options.held, options.races, say)
    (options.output / "zero.json").write_text(json.dumps(outcome, indent=1) + "\n")
    lost = outcome["lost"]
    for name, value in lost.items():
        print(f"METRIC lost_{name}={value}")
    print(f"METRIC refused_without_gpu_after_seconds={outcome['refused_after_seconds']:.1f}")
    print(f"METRIC races_at_zero={outcome['races_at_zero']}")
    print(f"METRIC lost_while_waking={sum(lost.values())}")
    return 1 if any(lost.values()) else 0


def _played(scratch: Path, held: int, races: int, say: Callable[[str], None]) -> dict[str, Any]:
    stage = Path(__file__).parent / "pod-fate-engine.yaml"
    with LocalCluster(stages=[stage]) as cluster:
        add_nodes(cluster, [gpu_node("a100")])
        install_crds(cluster, *(ROOT / "crds").glob("*.yaml"))
        grant_rights(cluster)
        install_keda(cluster)
        keda = Keda(cluster, scratch, [f"captions.{namespace}" for namespace in NAMESPACES])
        scene = Scene(
            cluster=cluster,
            keda=keda,
            operator=spawn(cluster, keda, scratch, "operator"),
            directory=scratch,
        )
        say("everything runs")
        try:
            return _scenes(scene, held, races, say)
        except BaseException:
            for process in (*keda.processes, scene.operator):
                print(process.log_tail(), flush=True)
            raise
        finally:
            for model in scene.models.values():
                model.close()


def _scenes(scene: Scene, held: int, races: int, say: Callable[[str], None]) -> dict[str, Any]:
    answers: dict[str, list[Answered]] = {}
    for name, play in (("woken", woken), ("restarted", restarted), ("without_gpu", without_gpu)):
        answers[name] = play(scene, held)
        say(f"{name}: {_summary(answers[name])}")
    refused = never_a_gpu(scene)
    say(f"never a GPU: {refused}")
    answers["raced"], at_zero = raced(scene, races, say)
    say(f"raced: {_summary(answers['raced'])}")
    return {
        "held": held,
        "races": races,
        "races_at_zero": at_zero,
        "refused_after_seconds": refused.seconds,
        "refusal": refused.problem,
        "lost": {name: sum(bool(item.problem) for item in found) for name, found in answers.items()},
        "answers": {name: [asdict(item) for item in found] for name, found in answers.items()},
    }


def _summary(answers: list[Answered]) -> str:
    lost = sorted({answer.problem for answer in answers if answer.problem})
    seconds = sorted(answer.seconds for answer in answers)
    said = f"{len(answers)} requests, the last after {seconds[-1]:.1f} s, {sum(bool(a.problem) for a in answers)} lost"
    return f"{said}: {'; '.join(lost)}" if lost else said
