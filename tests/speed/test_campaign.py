"""The campaign runs what is rendered, changes what it compares and nothing else, and goes on where it ended."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.components import free_ports
from tests.gpu.checkpoint import Tensor, write_weights
from tests.speed import __main__ as command
from tests.speed.campaign import Campaign
from tests.speed.cells import GROUPS, Server
from tests.speed.figures import read
from tests.speed.random_weights import complete_vocabulary, fill_tensors
from tests.speed.requests.pictures import bodies
from tests.speed.requests.workloads import Workload
from tests.speed.serving import command_line, container_for

H100 = "NVIDIA-H100-80GB-HBM3"
SPEC: dict[str, Any] = {"size": "8B", "quantization": "None"}
QUICK = Workload(width=448, height=448, words=5, output_tokens=5, in_flight=2)


def test_a_plain_server_has_the_rendered_command_line_and_no_environment() -> None:
    plain = container_for(Server("8B plain", SPEC), H100)
    as_rendered = container_for(Server("8B rendered", SPEC, environment=None), H100)
    assert plain.command == as_rendered.command
    assert plain.env == {}
    assert as_rendered.env["OMP_NUM_THREADS"] == "2"


def test_a_pinned_server_runs_on_the_first_cores() -> None:
    pinned = container_for(Server("8B, 3 cores", SPEC, {"OMP_NUM_THREADS": "2"}, cpus=3), H100)
    line = command_line(pinned)
    assert line.startswith("OMP_NUM_THREADS=2 taskset --cpu-list 0-2 lmdeploy serve api_server")


def test_a_name_stands_for_one_server_in_every_group() -> None:
    for group in GROUPS.values():
        assert len({server.name for server in group}) == len(group)
    servers = [server for group in GROUPS.values() for server in group]
    runs = {(server.name, json.dumps([server.spec, server.environment, server.cpus])) for server in servers}
    assert len(runs) == len({server.name for server in servers})


def test_every_server_is_rendered() -> None:
    servers = [server for group in GROUPS.values() for server in group]
    for server in {json.dumps(server.spec): server for server in servers}.values():
        assert container_for(server, H100).port == 23333


def test_the_requests_of_a_workload_differ_and_are_the_same_each_time() -> None:
    workload = Workload(images=2, width=64, height=32, words=3, output_tokens=7)
    made = bodies(workload, "model", 3)
    assert made == bodies(workload, "model", 3)
    images = [
        part["image_url"]["url"] for body in made for part in json.loads(body)["messages"][0]["content"][1:]
    ]
    assert len(set(images)) == 6
    assert {json.loads(body)["max_tokens"] for body in made} == {7}


def test_every_number_that_a_model_answers_has_a_token() -> None:
    vocabulary = {"a": 0, "b": 3}
    complete_vocabulary(vocabulary, 5)
    assert sorted(vocabulary.values()) == [0, 1, 2, 3, 4]
    assert vocabulary["a"] == 0


def test_random_weights_fill_every_tensor_and_nothing_else(tmp_path: Path) -> None:
    file = tmp_path / "model.safetensors"
    write_weights(
        file, {"a": Tensor("BF16", (1000, 9001)), "b": Tensor("I32", (3, 5)), "c": Tensor("F16", (7,))}
    )
    before = file.read_bytes()
    fill_tensors(file)
    after = file.read_bytes()
    length = 8 + int.from_bytes(before[:8], "little")
    assert after[:length] == before[:length]
    assert len(after) == len(before)
    assert after[length:].count(0) < len(after) // 100
    assert after[-14:] != bytes(14)


@pytest.mark.usefixtures("engine_on_path")
def test_the_campaign_measures_what_is_missing_and_keeps_it(tmp_path: Path) -> None:
    (port,) = free_ports(1)
    spec = {**SPEC, "server": {"port": port}}
    (tmp_path / "models" / "8B").mkdir(parents=True)
    (tmp_path / "models" / "8B" / "done").touch()
    lines: list[str] = []
    campaign = Campaign(
        machine="here",
        gpu="NVIDIA H100 80GB HBM3",
        engine="0.18.0",
        directory=tmp_path,
        results=tmp_path / "results.csv",
        warm_up=0.4,
        seconds=1,
        wait_seconds=20,
        tell=lines.append,
    )
    plain = Server("8B plain", spec, cpus=1, workloads=(QUICK,))
    assert campaign.run([plain], time.monotonic() + 60)
    (first,) = read(campaign.results)
    assert (first["server"], first["in_flight"], first["cpus"], first["errors"]) == (
        "8B plain",
        "2",
        "1",
        "0",
    )
    assert float(first["steady_requests_per_s"]) > 1
    assert float(first["cpus_used"]) > 0
    assert "taskset" in first["command"]

    as_rendered = Server("8B rendered", spec, environment=None, workloads=(QUICK,))
    assert campaign.run([plain, as_rendered], time.monotonic() + 60)
    assert read(campaign.results)[0] == first
    assert [row["server"] for row in read(campaign.results)] == ["8B plain", "8B rendered"]

    another = Server("8B OMP 1", spec, {"OMP_NUM_THREADS": "1"}, workloads=(QUICK,))
    campaign.run([another], time.monotonic() - 1)
    assert len(read(campaign.results)) == 2
    assert lines[-1] == "8B OMP 1: no time is left"


@pytest.mark.usefixtures("engine_on_path")
def test_a_server_that_does_not_come_up_is_told_and_the_next_has_its_turn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STUB_FAIL", "oom")
    (port,) = free_ports(1)
    (tmp_path / "models" / "8B").mkdir(parents=True)
    (tmp_path / "models" / "8B" / "done").touch()
    lines: list[str] = []
    campaign = Campaign(
        machine="here",
        gpu="NVIDIA H100 80GB HBM3",
        engine="0.18.0",
        directory=tmp_path,
        results=tmp_path / "results.csv",
        warm_up=0.4,
        seconds=1,
        wait_seconds=20,
        tell=lines.append,
    )
    spec = {**SPEC, "server": {"port": port}}
    servers = [Server(name, spec, workloads=(QUICK,)) for name in ("8B plain", "8B plain again")]
    assert not campaign.run(servers, time.monotonic() + 60)
    assert [line.partition(":")[0] for line in lines] == ["8B plain", "8B plain again"]
    assert "out of memory" in lines[0]


def test_without_a_gpu_the_command_says_what_it_needs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert command.main(["--results", str(tmp_path / "results.csv")]) == 2
    said = capsys.readouterr().err
    assert "needs a machine with an NVIDIA GPU and LMDeploy" in said
    assert "there is no nvidia-smi, there is no lmdeploy" in said
    assert "this Python has no lmdeploy" in said
