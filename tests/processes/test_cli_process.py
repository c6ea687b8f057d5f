"""The command as a process: what it loads, what it says when something is missing, how it ends."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from internvl_operator import __version__
from internvl_operator.__main__ import VERBS
from internvl_operator.runtime.informer.informer import WatchEndedError
from internvl_operator.runtime.leadership import LeaseLostError

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import Internvl

    Plan = Callable[..., tuple[int, dict[str, Any]]]

EXAMPLES = Path(__file__).parents[2] / "examples"
A100 = ("--gpu", "A100-80GB")


def test_the_version_and_the_verbs_are_told(internvl: Internvl) -> None:
    assert internvl("--version") == (0, f"internvl {__version__}\n", "")
    code, output, _ = internvl("--help")
    assert code == 0
    assert all(verb in output for verb in VERBS)


def test_the_crd_is_printed_as_one_yaml_document(internvl: Internvl) -> None:
    code, output, _ = internvl("crd")
    assert code == 0
    assert yaml.safe_load(output)["kind"] == "CustomResourceDefinition"


@pytest.mark.parametrize("output", ["table", "json"])
def test_a_plan_loads_nothing_that_is_slow_to_load(output: str) -> None:
    script = (
        "import sys\n"
        "from internvl_operator.__main__ import main\n"
        f"main(['plan', '8B', '--gpu', 'A100-80GB', '-o', '{output}'])\n"
        "slow = {'aiohttp', 'asyncio', 'jinja2', 'kopf', 'kubernetes', 'pydantic', 'yaml'}\n"
        "sys.exit(', '.join(sorted(slow & sys.modules.keys())) or None)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-"])
def test_a_stream_that_the_caller_has_closed_is_no_error(closed: str) -> None:
    command = f'"{sys.executable}" -m internvl_operator plan 8B --gpu L40S {closed}'
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("arguments", [("crd",), ("table", "--gpu", "A100-80GB")], ids=lambda given: given[0])
def test_a_reader_that_closes_the_pipe_ends_a_verb_without_an_error(arguments: tuple[str, ...]) -> None:
    command = [sys.executable, "-m", "internvl_operator", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == ""
    assert process.returncode == 0


@pytest.mark.parametrize("arguments", [("crd",), ("plan", "1B", "--gpu", "L4")], ids=str)
def test_a_full_disk_is_one_line_and_no_traceback(arguments: tuple[str, ...]) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "internvl_operator", *arguments],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode != 0
    assert "No space left on device" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("verb", ["plan", "table"])
def test_a_terminal_that_has_ascii_alone_gets_question_marks_and_no_error(verb: str) -> None:
    size = ("8B",) if verb == "plan" else ()
    done = subprocess.run(
        [sys.executable, "-m", "internvl_operator", verb, *size, "--gpu", "L4"],
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "8B" in done.stdout


@pytest.mark.parametrize(("verb", "package"), [("chat", "openai"), ("smoke", "openai"), ("memory", "tqdm")])
def test_a_verb_without_its_package_says_how_to_install_it(
    verb: str, package: str, internvl: Internvl, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in [name for name in sys.modules if name.startswith("internvl_operator.c")]:
        if module.split(".")[1] in ("chat", "cli"):
            monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, package, None)
    assert internvl(verb, "captions") == (
        2,
        "",
        f"internvl {verb}: {package} is missing: pip install '.[tools]' in a checkout of the operator\n",
    )


def test_the_controller_obeys_sigterm_while_it_waits_for_the_api_server(tmp_path: Path) -> None:
    nowhere = {"server": "http://127.0.0.1:1"}
    kubeconfig = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "nowhere", "cluster": nowhere}],
        "users": [{"name": "nobody", "user": {"token": "none"}}],
        "contexts": [{"name": "nowhere", "context": {"cluster": "nowhere", "user": "nobody"}}],
        "current-context": "nowhere",
    }
    file = tmp_path / "kubeconfig"
    file.write_text(yaml.safe_dump(kubeconfig))
    with subprocess.Popen(
        [sys.executable, "-m", "internvl_operator", "run"],
        env={**os.environ, "KUBECONFIG": str(file)},
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        assert any("does not answer" in line for line in process.stderr)
        process.terminate()
        assert process.wait(20) == 0


@pytest.mark.parametrize(
    ("end", "code"),
    [(None, 0), (asyncio.CancelledError(), 0), (LeaseLostError("lost"), 1), (WatchEndedError("gone"), 1)],
)
def test_an_end_that_takes_too_long_has_the_code_of_one_that_does_not(
    end: BaseException | None, code: int, monkeypatch: pytest.MonkeyPatch, internvl: Internvl
) -> None:
    forced: list[int] = []

    async def ended(*_: Any) -> None:
        if end is not None:
            raise end

    verb = import_module("internvl_operator.cli.run_command")
    monkeypatch.setattr(verb, "run", ended)
    monkeypatch.setattr(verb, "_leave_within", lambda _, code: forced.append(code))
    assert internvl("run")[0] == code
    assert forced == [code]


@pytest.mark.parametrize("verb", VERBS)
def test_the_help_of_a_verb_is_plain_text_with_an_example(verb: str, internvl: Internvl) -> None:
    code, output, errors = internvl(verb, "--help")
    assert (code, errors) == (0, "")
    assert "``" not in output
    assert f"usage: internvl {verb} " in output
    assert f"Example: {'KUBECONFIG=~/.kube/config ' if verb == 'run' else ''}internvl {verb}" in " ".join(
        output.split()
    )


def test_the_controller_starts_again_in_a_new_loop_until_it_is_to_stop(
    monkeypatch: pytest.MonkeyPatch, internvl: Internvl
) -> None:
    loops: list[asyncio.AbstractEventLoop] = []
    timers: list[threading.Timer] = []

    async def run(*_: Any) -> bool:
        loops.append(asyncio.get_running_loop())
        return len(loops) < 3

    def leave_within(_: float, __: int) -> threading.Timer:
        timers.append(threading.Timer(3600, lambda: None))
        return timers[-1]

    verb = import_module("internvl_operator.cli.run_command")
    monkeypatch.setattr(verb, "run", run)
    monkeypatch.setattr(verb, "_leave_within", leave_within)
    assert internvl("run")[0] == 0
    assert len({id(loop) for loop in loops}) == 3
    assert [timer.finished.is_set() for timer in timers] == [True, True, False]
