"""`internvl bench` against a stub of the engine: by URL, and by a resource's name through a port-forward."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.chat.conftest import NAMESPACE, captions

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Internvl
    from tests.fake_api import FakeApi
    from tests.stub.server import Stubs

SHORT = (
    "--seconds",
    "0.6",
    "--warm-up",
    "0.2",
    "--tiles",
    "1",
    "--output-tokens",
    "5",
    "--prompt-tokens",
    "7",
)
SPEED = {
    "images": 1,
    "tiles": 1,
    "promptTokens": 7,
    "outputTokens": 5,
    "concurrency": 2,
    "requestsPerSecond": 100.5,
    "outputTokensPerSecond": 500,
    "ttftSeconds": 1.25,
    "secondsPerToken": 0.012,
    "requestSeconds": 1.75,
}


def test_a_closed_loop_is_measured(url: str, internvl: Internvl) -> None:
    code, output, errors = internvl("bench", url, *SHORT, "--concurrency", "2")
    assert (code, errors) == (0, "")
    lines = output.splitlines()
    assert lines[:2] == [
        "a-name, measured through its URL",
        "2 in flight: 1 image of 448x448 (1 tile), 7 prompt tokens, 5 output tokens",
    ]
    assert lines[3].split() == ["measured", "p95", "p99"]
    assert [line.split("  ")[0] for line in lines[4:10]] == [
        "requests/s",
        "output tokens/s",
        "time to first token, p50",
        "time per token, p50",
        "whole request, p50",
        "in flight",
    ]
    assert lines[-1].endswith(" requests answered, 0 failed")


def test_json_and_the_report_hold_what_the_server_counted(
    url: str, internvl: Internvl, tmp_path: Path
) -> None:
    report = tmp_path / "report.json"
    code, output, _ = internvl(
        "bench", url, *SHORT, "--requests-per-second", "20", "-o", "json", "--report", str(report)
    )
    assert code == 0
    document = json.loads(output)
    assert document == json.loads(report.read_text())
    assert document["load"] == {
        "images": 1,
        "imageSize": "448x448",
        "tiles": 1,
        "promptTokens": 7,
        "outputTokens": 5,
        "requestsPerSecond": 20.0,
    }
    assert document["promptTokens"] >= 256 + 7
    assert document["requests"] > 0
    assert document["failures"] == {}
    assert 0 < document["ttftSeconds"]["p50"] <= document["ttftSeconds"]["p99"]


def test_several_loads_are_rows_and_a_picture(url: str, internvl: Internvl, tmp_path: Path) -> None:
    picture = tmp_path / "latency.svg"
    code, output, _ = internvl("bench", url, *SHORT, "--concurrency", "1,3", "--plot", str(picture))
    assert code == 0
    rows = output.splitlines()[1:4]
    assert rows[0].split()[:2] == ["load", "requests/s"]
    assert [row.split("  ")[0] for row in rows[1:]] == ["1 in flight", "3 in flight"]
    assert b"time to first token" in picture.read_bytes()


def test_given_images_are_asked_about(url: str, internvl: Internvl, picture: str) -> None:
    quick = ("--seconds", "0.3", "--warm-up", "0", "--output-tokens", "2", "--concurrency", "1", "-o", "json")
    code, output, _ = internvl("bench", url, *quick, "--image", picture, "--image", picture)
    document = json.loads(output)
    assert code == 0
    assert document["load"]["images"] == 2
    assert "tiles" not in document["load"]
    assert document["promptTokens"] > 512


def test_a_resource_is_measured_through_a_port_forward_which_is_said_to_be_a_bottleneck(
    api: FakeApi, internvl: Internvl
) -> None:
    code, output, errors = internvl("bench", "captions", *SHORT, "--concurrency", "2")
    assert code == 0
    assert api.open_streams == 0
    assert errors.startswith("internvl bench: a port-forward is a bottleneck: ")
    assert "measured through port-forward" in output


def planned(api: FakeApi) -> None:
    body = captions()
    plan = {"gpus": 1, "product": "NVIDIA-L4", "gpuMemoryMiB": 23034, "engine": "0.18.0", "speed": SPEED}
    body["status"]["plan"] = plan
    api.objects[f"{NAMESPACE}/captions"] = body


def test_the_planned_load_is_measured_and_its_figures_stand_beside(api: FakeApi, internvl: Internvl) -> None:
    planned(api)
    code, output, _ = internvl("bench", "captions", "--seconds", "0.6", "--warm-up", "0")
    assert code == 0
    assert "1 replica on 1 x NVIDIA-L4, LMDeploy 0.18.0, measured via port-forward" in output
    assert "2 in flight: 1 image of 448x448 (1 tile), 7 prompt tokens, 5 output tokens" in output
    ends = {line.split("  ")[0]: line.split("  ")[-1].strip() for line in output.splitlines()[3:9]}
    assert ends == {
        "": "planned",
        "requests/s": "100.50",
        "output tokens/s": "500",
        "time to first token, p50": "1.25 s",
        "time per token, p50": "12.0 ms",
        "whole request, p50": "1.75 s",
    }


def test_for_another_load_there_is_no_planned_column_and_that_is_said(
    api: FakeApi, internvl: Internvl
) -> None:
    planned(api)
    code, output, errors = internvl("bench", "captions", *SHORT, "--concurrency", "1", "-o", "json")
    assert code == 0
    assert "planned" not in json.loads(output)
    assert "no planned column: the plan is for another load, 2 in flight: 1 image" in errors


def test_failures_are_counted_and_end_with_1(internvl: Internvl, served: Stubs) -> None:
    """The request that is tried alone is answered; of six at once, one is, and the others wait for too long."""
    stub = served.start("--max-batch-size", "1", STUB_TOKEN_SECONDS="0.3")
    load = ("--concurrency", "6", "--output-tokens", "5", "--images", "0", "--seconds", "5", "--warm-up", "0")
    code, output, errors = internvl("bench", f"http://127.0.0.1:{stub.port}", *load, "--timeout", "2")
    assert (code, errors) == (1, "")
    assert " x timeout" in output.splitlines()[-1]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--api-key", "wrong"], "the server refuses this API key"),
        (["--model", "another"], "the server has no model 'another'; it has a-name"),
        (["--prompt-tokens", "3000"], "the server answers 400: "),
    ],
)
def test_what_the_server_does_not_answer_is_told_before_the_load_begins(
    arguments: list[str], message: str, url: str, internvl: Internvl
) -> None:
    code, output, errors = internvl("bench", url, *arguments)
    assert (code, output) == (1, "")
    assert message in errors


def test_a_server_that_is_not_there_is_told(internvl: Internvl) -> None:
    code, _, errors = internvl("bench", "http://127.0.0.1:9")
    assert code == 1
    assert "no connection" in errors


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["http://x", "--save"], "--save and --in-cluster need the name of a resource"),
        (["http://x", "--in-cluster"], "--save and --in-cluster need the name of a resource"),
        (["captions", "--save", "--concurrency", "1,2"], "--save keeps one load"),
        (["captions", "--in-cluster", "--image", "a.jpg"], "--in-cluster takes URLs of images"),
        (
            ["captions", "--in-cluster", "--api-key", "k"],
            "takes the API key and the certificate from the Secrets",
        ),
        (["http://x", "--image", "a.jpg", "--tiles", "7"], "are of images that are made, --image gives them"),
        (["http://x", "--tiles", "2"], "no image has 2 tiles; it has 1, 3"),
        (["http://x", "--image-size", "448"], "'448' is not a width and a height such as 1344x896"),
        (["http://x", "--image-size", "0x9"], "0x9: a side has 1 to 16384 pixels"),
        (["http://x", "--concurrency", "0"], "0 is not above zero"),
        (["http://x", "--concurrency", "1", "--requests-per-second", "1"], "not allowed with argument"),
        (["http://x", "--seconds", "0"], "0 is not above zero"),
        (["http://x", "--image", "none.jpg"], "none.jpg: No such file or directory"),
    ],
)
def test_wrong_usage_says_what_to_write(arguments: list[str], message: str, internvl: Internvl) -> None:
    code, _, errors = internvl("bench", *arguments)
    assert code == 2
    assert message in errors


def test_it_runs_in_the_operators_image_which_has_neither_openai_nor_tqdm_nor_matplotlib(url: str) -> None:
    load = [*SHORT, "--concurrency", "1"]
    script = (
        "import sys\n"
        "sys.modules.update(dict.fromkeys(['matplotlib', 'openai', 'PIL', 'tqdm', 'numpy']))\n"
        "sys.stderr.isatty = lambda: True\n"
        "from internvl_operator.__main__ import main\n"
        f"sys.exit(main(['bench', {url!r}, *{load!r}]))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "requests answered" in done.stdout
