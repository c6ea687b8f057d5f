"""The runner finds what is right and what is wrong, with the stub in the engine's place."""

from __future__ import annotations

import subprocess
from contextlib import nullcontext
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING

import pytest

from internvl_operator.catalog.models import HELD_BACK, INTERNVL2, MODELS
from internvl_operator.init_container.fetch_model import is_whole
from tests.cluster.waiting import eventually
from tests.gpu import __main__ as command
from tests.gpu.cases import CASES
from tests.gpu.checkpoint import tensors, write_checkpoint, write_weights
from tests.gpu.checkpoint_config import config
from tests.gpu.container.manifest import Probe
from tests.gpu.container.pod import Isolation, Pod, can_mount
from tests.gpu.container.probing import Prober
from tests.gpu.result import CaseResult, load

if TYPE_CHECKING:
    from pathlib import Path

    from tests.gpu.conftest import Bench


def failed(result: CaseResult) -> list[str]:
    return [check.name for check in result.checks if not check.passed]


def test_a_container_that_serves_as_planned_passes_in_order(bench: Bench) -> None:
    bench.environment(STUB_LOAD_SECONDS="1", STUB_INITIALIZING_SECONDS="2")
    result = bench.run("2B").serve()
    assert failed(result) == []
    times = [result.port_open, result.startup, result.readiness, result.liveness]
    assert None not in times
    assert (
        1
        <= (result.port_open or 0)
        < (result.startup or 0)
        <= min(result.readiness or 0, result.liveness or 0)
    )
    assert [line.split("s  ")[1] for line in bench.lines if "startupProbe" in line][1:] == [
        "startupProbe fails: 503",
        "startupProbe passes: 200",
    ]


def test_a_container_that_uses_more_than_planned_does_not_pass(bench: Bench) -> None:
    wrong = failed(bench.run("1B", share_of_plan=1.04).serve())
    assert wrong == ["used memory is within 3 % of the plan"]


@pytest.mark.parametrize(
    ("used", "passes"), [(None, False), (969, False), (971, True), (1029, True), (1031, False)]
)
def test_used_memory_may_differ_by_three_percent(used: int | None, passes: bool) -> None:
    result = CaseResult("1B", "2026-01-31", "lmdeploy", "ok", planned_mib=1000, used_mib=used)
    assert result.is_as_planned is passes


def test_a_server_that_never_gets_healthy_does_not_pass(bench: Bench) -> None:
    bench.environment(STUB_FAIL="unhealthy")
    assert failed(bench.run("2B", budget=6).serve()) == ["startup passes, then readiness"]


def test_a_server_that_crashes_does_not_pass(bench: Bench) -> None:
    bench.environment(STUB_FAIL="crash")
    assert "the case goes through" in failed(bench.run("2B").serve())


def test_a_server_that_cuts_its_answers_off_at_sigterm_does_not_pass(bench: Bench) -> None:
    bench.environment(STUB_TOKEN_SECONDS="0.05")
    run = bench.run("2B")
    # The first answer takes 1.6 s, the one in flight 25 s.
    run.container = replace(run.container, grace_seconds=6)
    wrong = failed(run.serve())
    assert wrong == ["the streamed answer in flight is finished", "the process ends within 6 s"]


@pytest.mark.parametrize(
    ("failure", "case", "wrong"),
    [
        ("oom", "2B-8GB-oom", []),
        ("hang-in-warmup", "2B-8GB-oom", ["the process ends by itself"]),
        ("", "2B-8GB-oom", ["the port never opens", "the process ends by itself", "its log says why"]),
        ("hang-in-warmup", "2B-8GB-no-kv", []),
        ("oom", "2B-8GB-no-kv", ["the process stays, until the startup probe gives up"]),
    ],
)
def test_a_refused_plan_must_fail_as_it_says(bench: Bench, failure: str, case: str, wrong: list[str]) -> None:
    bench.environment(STUB_FAIL=failure)
    # Only one that hangs takes all of it.
    budget = 5 if failure == "hang-in-warmup" else 20
    assert failed(bench.run(case, budget=budget).fail(CASES[case].outcome)) == wrong


def test_the_command_writes_the_report_and_says_whether_all_passed(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = CASES["2B-8GB-oom"]
    monkeypatch.setitem(CASES, case.name, replace(case, spec={**case.spec, "server": {"port": bench.port}}))
    bench.container(case.name)
    out = bench.directory / "out"
    arguments = ["--out", str(out), "--case", case.name, "--models", str(bench.models), "--keep-mounts"]
    cards: list[int] = []

    def smaller_card(free_mib: int) -> nullcontext[None]:
        cards.append(free_mib)
        return nullcontext()

    bench.environment(STUB_FAIL="sometimes")
    assert command.main(arguments, smaller_card) == 1
    bench.environment(STUB_FAIL="oom")
    assert command.main(arguments, smaller_card) == 0
    assert cards == [8192, 8192]
    (result,) = load(out / "results.json")
    assert result.passed
    assert "NVIDIA H200, 143771 MiB, driver 580.0" in (out / "report.md").read_text()
    assert "out of memory" in (out / "engines.log").read_text()


def test_readiness_and_liveness_wait_for_startup() -> None:
    asked: list[str] = []
    told: list[str] = []

    class Server(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(503 if asked.count("/startup") < 3 else 200)
            self.end_headers()

        def log_request(self, code: object = "-", size: object = "-") -> None:
            """Say nothing."""

    probes = {
        f"{kind}Probe": Probe(f"{kind}Probe", f"/{kind}", period, timeout=5, failure_threshold=3)
        for kind, period in (("startup", 0.1), ("readiness", 30), ("liveness", 0.02))
    }
    with ThreadingHTTPServer(("127.0.0.1", 0), Server) as server:
        Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        prober = Prober(probes, server.server_port, told.append)
        prober.start()
        eventually(lambda: {"/readiness", "/liveness"} <= set(asked), "readiness and liveness are asked")
        prober.stop()
        server.shutdown()
    assert asked[:3] == ["/startup"] * 3
    assert asked.count("/startup") == 3
    assert not prober.exhausted("startupProbe")
    assert told[:2] == ["startupProbe fails: 503", "startupProbe passes: 200"]


_LOOK = """
id -u; grep CapBnd /proc/self/status; df -k /dev/shm | tail -1
touch "$1/new" 2>/dev/null || echo read-only
touch "$2/new" && echo writable
"""


@pytest.mark.skipif(not can_mount(), reason="only root may mount")
def test_mounts_and_user_are_those_of_the_manifest(bench: Bench) -> None:
    run = bench.run("2B")
    directories = (run.container.model_directory, run.container.scratch_directory)
    looking = replace(run.container, command=("sh", "-c", _LOOK, "sh", *directories))
    # The container's user goes through it.
    subprocess.run(["chmod", "-R", "a+rX", str(bench.directory)], check=True)
    log = bench.directory / "log"
    scratch = bench.directory / "scratch"
    pod = Pod(looking, bench.models / "InternVL2-2B", scratch, log, Isolation(mounts=True, user=True))
    pod.start()
    assert pod.wait(40) == 0, pod.output()
    user, capabilities, shared_memory, *written = pod.output().splitlines()
    assert (user, capabilities.split()[1]) == ("1000", "0" * 16)
    assert shared_memory.split()[1] == str(2 << 20)
    assert written == ["read-only", "writable"]
    assert (scratch / "new").exists()


@pytest.mark.parametrize(
    ("size", "awq", "mib"), [("1B", False, 1789), ("8B", True, 5549), ("26B", False, 48664)]
)
def test_a_checkpoint_has_the_measured_weights(tmp_path: Path, size: str, awq: bool, mib: int) -> None:
    named = tensors(MODELS[INTERNVL2, size], awq)
    assert sum(tensor.size for tensor in named.values()) >> 20 == pytest.approx(mib, rel=0.01)
    file = tmp_path / "model.safetensors"
    write_weights(file, named)
    assert is_whole(file)
    assert file.stat().st_blocks < 8192


@pytest.mark.parametrize(
    ("series", "size", "published"),
    [
        ("InternVL2.5", "4B", 7_425_275_904),
        ("InternVL3", "8B", 15_888_747_520),
        ("InternVL3.5", "4B", 9_464_978_432),
        ("InternVL3.5", "8B", 17_056_636_928),
        ("InternVL3.5", "30B-A3B", 61_697_460_224),
    ],
)
def test_a_checkpoint_of_a_further_series_has_the_published_bytes(
    series: str, size: str, published: int
) -> None:
    assert sum(tensor.size for tensor in tensors(MODELS[series, size], awq=False).values()) == published


def test_a_checkpoint_with_experts_names_each_of_them_and_the_config_says_how_many() -> None:
    model = MODELS["InternVL3.5", "30B-A3B"]
    named = tensors(model, awq=False)
    assert sum(".mlp.experts." in name for name in named) == 18_432
    layer = "language_model.model.layers.0"
    assert named[f"{layer}.mlp.gate.weight"].shape == (128, 2048)
    assert named[f"{layer}.self_attn.q_norm.weight"].shape == (128,)
    assert named[f"{layer}.self_attn.o_proj.weight"].shape == (2048, 4096)
    language = config(model, awq=False)["llm_config"]
    assert (language["num_experts"], language["head_dim"], language["mlp_only_layers"]) == (128, 128, [])
    assert "bias" not in language


def test_packed_experts_are_refused(tmp_path: Path) -> None:
    with pytest.raises(NotImplementedError, match="20B-A4B"):
        write_checkpoint(HELD_BACK["InternVL3.5", "20B-A4B"], awq=False, directory=tmp_path)
