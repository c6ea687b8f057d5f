"""Tests side by side: an undisturbed one runs alone, and no port is given to two programs."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.cluster.components import PORTS, free_ports
from tests.lanes import room, with_control_planes

SECONDS = 10.0


def test_tests_run_beside_each_other(tmp_path: Path) -> None:
    with room(tmp_path, alone=False), room(tmp_path, alone=False):
        pass


def test_an_undisturbed_test_waits_for_the_others_and_the_next_ones_wait_for_it(tmp_path: Path) -> None:
    order: list[str] = []
    waits, in_room, leave = threading.Event(), threading.Event(), threading.Event()

    def undisturbed() -> None:
        waits.set()
        with room(tmp_path, alone=True):
            order.append("undisturbed")
            in_room.set()
            leave.wait(SECONDS)
            order.append("undisturbed has ended")

    def later() -> None:
        with room(tmp_path, alone=False):
            order.append("later")

    threads = [threading.Thread(target=undisturbed), threading.Thread(target=later)]
    with room(tmp_path, alone=False):
        threads[0].start()
        assert waits.wait(SECONDS)
        assert not in_room.wait(0.1)
        order.append("the first has ended")
    assert in_room.wait(SECONDS)
    threads[1].start()
    leave.set()
    for thread in threads:
        thread.join(SECONDS)
    assert order == ["the first has ended", "undisturbed", "undisturbed has ended", "later"]


MODULE = """
import time
from pathlib import Path
import pytest

RUNNING = Path({running!r})

@pytest.mark.parametrize("number", range(5))
def test_works(number):
    here = RUNNING / f"{{__name__}}-{{number}}"
    here.touch()
    time.sleep(0.02)
    here.unlink()
"""


MEASURES = """
from pathlib import Path
import pytest

pytestmark = pytest.mark.undisturbed

def test_measures():
    assert list(Path({running!r}).iterdir()) == []
"""


def test_each_process_runs_whole_modules_and_what_measures_runs_alone_and_last(tmp_path: Path) -> None:
    ran = _ran(
        tmp_path,
        {"test_measures.py": MEASURES}
        | dict.fromkeys(("test_one.py", "test_two.py", "test_three.py"), MODULE),
    )
    assert len(ran) == 16
    processes = _processes(ran)
    assert [len(of_module) for of_module in processes.values()] == [1] * 4, processes
    # The other process may be slower: nothing runs beside what measures, but something may come after it there.
    (measuring,) = processes["test_measures.py"]
    assert [module for process, module in ran if process == measuring][-1] == "test_measures.py"


def test_the_real_nodes_have_one_process_and_the_control_planes_another(tmp_path: Path) -> None:
    cluster, nodes = (
        ("tests/cluster/test_one.py", "tests/cluster/test_two.py"),
        ("tests/node/test_a.py", "tests/node/test_b.py"),
    )
    processes = _processes(_ran(tmp_path, dict.fromkeys((*cluster, *nodes), MODULE)))
    assert processes.keys() == {*cluster, *nodes}
    assert processes[nodes[0]] == processes[nodes[1]]
    assert processes[cluster[0]] != processes[nodes[0]]


@pytest.mark.parametrize(("processes", "starting"), [(1, 1), (2, 1), (3, 1), (4, 2), (8, 4)])
def test_half_of_the_processes_begin_with_control_planes(processes: int, starting: int) -> None:
    assert with_control_planes(processes) == starting


def _ran(directory: Path, modules: dict[str, str]) -> list[tuple[str, str]]:
    """Return of each test, in order, the process that ran it and its module, of two processes for these modules."""
    (directory / "running").mkdir()
    (directory / "pytest.ini").touch()
    (directory / "conftest.py").write_text("from tests.lanes import *")
    for path, module in modules.items():
        (directory / path).parent.mkdir(parents=True, exist_ok=True)
        (directory / path).write_text(module.format(running=str(directory / "running")))
    options = ["-n", "2", "--dist=loadfile", "--no-loadscope-reorder", "--import-mode=importlib"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, "-v", "-p", "no:cacheprovider", "-c", "pytest.ini"],
        cwd=directory,
        env={
            **{name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")},
            "PYTHONPATH": str(Path(__file__).parents[2]),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return re.findall(r"^\[(gw\d)\] .* PASSED (\S+)::", done.stdout, re.MULTILINE)


def _processes(ran: list[tuple[str, str]]) -> dict[str, set[str]]:
    """Return the processes of each module."""
    processes: dict[str, set[str]] = {}
    for process, module in ran:
        processes.setdefault(module, set()).add(process)
    return processes


def test_no_port_is_given_to_two_programs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both look at the same few ports, and nobody has bound any yet."""
    few = range(PORTS.start, PORTS.start + 40)
    monkeypatch.setattr("tests.cluster.components.PORTS", few)
    program = f"""
import tests.cluster.components as components
components.PORTS = range({few.start}, {few.stop})
print(*components.free_ports(15), flush=True)
input()
"""
    mine = free_ports(15)
    other = subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with other:
        assert other.stdout is not None
        theirs = [int(port) for port in other.stdout.readline().split()]
    assert len({*mine, *theirs}) == 30
