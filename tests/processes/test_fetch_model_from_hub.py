"""The download as the init container runs it: huggingface_hub and a hub on a local port."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import pytest

from internvl_operator.init_container.fetch_model import is_complete, remove_leftovers
from tests.cluster.waiting import eventually
from tests.fake_hub import COMMIT, REPOSITORY, FakeHub
from tests.unit.init_container.test_fetch_model import FIRST, SCRIPT, SECOND, safetensors

CHUNK = 10_000_000
"""About what huggingface_hub has to receive before it writes: a broken download goes on from a multiple of it."""

SMALL = 100_000
LARGE = 24_000_000
BREAK = 22_000_000
MODEL = "InternVL2-8B"


def content(size: int) -> dict[str, bytes]:
    """Files of a model whose first shard holds a tensor of this size in bytes."""
    weight_map = {"a.weight": FIRST, "b.weight": SECOND}
    return {
        "config.json": b"{}",
        "model.safetensors.index.json": json.dumps({"weight_map": weight_map}).encode(),
        FIRST: safetensors({"a.weight": size}),
        SECOND: safetensors({"b.weight": 8}),
    }


@pytest.fixture
def hub() -> Iterator[FakeHub]:
    with FakeHub(content(SMALL)) as fake:
        yield fake


@pytest.fixture
def large_hub() -> Iterator[FakeHub]:
    """One whose first shard takes several writes, for downloads that break off."""
    with FakeHub(content(LARGE)) as fake:
        yield fake


def start(hub: FakeHub, tmp_path: Path, *options: str, **environment: str) -> subprocess.Popen[str]:
    """Start the script in a pod of its own: only the directory of the models is shared."""
    own = {
        "HF_ENDPOINT": hub.endpoint,
        "HF_HOME": str(tmp_path / "scratch"),
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_HUB_DISABLE_XET": "1",
        "HF_HUB_DOWNLOAD_TIMEOUT": "60",
        "HF_HUB_ETAG_TIMEOUT": "60",
        "PATH": os.environ["PATH"],
        **environment,
    }
    arguments = [REPOSITORY, "main", str(tmp_path / "models" / MODEL), *options]
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, *arguments],
        env=own,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    hub.clients.append(process)
    return process


def end(process: subprocess.Popen[str]) -> tuple[int, str]:
    """Wait for the end; return the exit code and what was printed."""
    printed, errors = process.communicate(timeout=50)
    return process.returncode, printed + errors


def run(hub: FakeHub, tmp_path: Path, *options: str, **environment: str) -> tuple[int, str]:
    return end(start(hub, tmp_path, *options, **environment))


def size_of(path: Path) -> int:
    """Bytes of a file; 0 once a download has given it its own name."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


@pytest.mark.parametrize("options", [[], ["--checksums"]])
def test_a_download_is_whole_and_marked_with_its_commit(
    hub: FakeHub, tmp_path: Path, options: list[str]
) -> None:
    assert run(hub, tmp_path, *options) == (0, "")
    model = tmp_path / "models" / MODEL
    assert {name: (model / name).read_bytes() for name in hub.files} == hub.files
    assert is_complete(model, REPOSITORY, "main")
    assert json.loads((model.parent / f"{MODEL}.complete.json").read_text())["commit"] == COMMIT


def test_what_is_complete_asks_no_hub_again(hub: FakeHub, tmp_path: Path) -> None:
    assert run(hub, tmp_path)[0] == 0
    hub.asked.clear()
    assert run(hub, tmp_path, HF_ENDPOINT="http://127.0.0.1:9") == (0, "")
    assert hub.asked == []


def test_the_hub_gets_the_token(hub: FakeHub, tmp_path: Path) -> None:
    assert run(hub, tmp_path, HF_TOKEN="hf_secret")[0] == 0
    assert hub.tokens == {"Bearer hf_secret"}


def test_a_download_that_was_killed_keeps_the_files_that_it_has(large_hub: FakeHub, tmp_path: Path) -> None:
    large_hub.stalls_after[FIRST] = BREAK
    process = start(large_hub, tmp_path)
    model = tmp_path / "models" / MODEL

    def partial_files() -> list[Path]:
        return [path for path in model.rglob("*.incomplete") if size_of(path) > CHUNK]

    eventually(lambda: bool(partial_files()) and (model / SECOND).exists(), "a shard is there, one begun", 30)
    process.kill()
    end(process)
    assert not is_complete(model, REPOSITORY, "main")
    assert run(large_hub, tmp_path, "--checksums") == (0, "")
    assert (model / FIRST).read_bytes() == large_hub.files[FIRST]
    assert large_hub.sent[SECOND] == len(large_hub.files[SECOND])
    assert partial_files() == []


def test_old_leftovers_make_room_before_a_download(tmp_path: Path) -> None:
    directory = tmp_path / ".cache/huggingface/download"
    directory.mkdir(parents=True)
    left, fresh, resumable = (
        directory / f"{name}.incomplete" for name in ("aa.etag.01234567", "bb.etag.01234567", "cc.etag")
    )
    for path in (left, fresh, resumable):
        path.touch()
    os.utime(left, (1000, 1000))
    os.utime(resumable, (1000, 1000))
    remove_leftovers(tmp_path, before=2000)
    assert sorted(directory.iterdir()) == [fresh, resumable]


def test_a_connection_that_breaks_is_taken_up_where_it_broke(large_hub: FakeHub, tmp_path: Path) -> None:
    large_hub.breaks_after[FIRST] = BREAK
    code, _ = run(large_hub, tmp_path, "--checksums")
    if code:
        code, _ = run(large_hub, tmp_path, "--checksums")
    assert code == 0
    assert is_complete(tmp_path / "models" / MODEL, REPOSITORY, "main")
    assert BREAK + LARGE - large_hub.sent[FIRST] > CHUNK


def test_two_pods_at_once_download_once(hub: FakeHub, tmp_path: Path) -> None:
    hub.gate.clear()
    first = start(hub, tmp_path, "--checksums")
    eventually(lambda: any("resolve" in path for path in hub.asked), "the first downloads", 30)
    second = start(hub, tmp_path, "--checksums")
    assert second.stdout is not None
    assert second.stdout.readline() == "waits for another pod, which downloads the model\n"
    hub.gate.set()
    assert end(first) == (0, "")
    assert end(second) == (0, "")
    assert hub.sent == {name: len(content) for name, content in hub.files.items()}


def test_a_pod_that_waits_takes_over_from_one_that_was_killed(hub: FakeHub, tmp_path: Path) -> None:
    hub.gate.clear()
    first = start(hub, tmp_path)
    eventually(lambda: any("resolve" in path for path in hub.asked), "the first downloads", 30)
    second = start(hub, tmp_path)
    assert second.stdout is not None
    second.stdout.readline()
    first.kill()
    end(first)
    hub.gate.set()
    assert end(second)[0] == 0
    assert is_complete(tmp_path / "models" / MODEL, REPOSITORY, "main")


@pytest.mark.parametrize("name", ["config.json", FIRST, SECOND])
def test_a_file_with_another_checksum_is_refused_and_fetched_again(
    hub: FakeHub, tmp_path: Path, name: str
) -> None:
    right = hub.files[name]
    wrong = right[:-1] + bytes([right[-1] ^ 1])
    assert run(hub, tmp_path)[0] == 0
    model = tmp_path / "models" / MODEL
    (model / name).write_bytes(wrong)
    (tmp_path / "models" / f"{MODEL}.complete.json").unlink()
    code, printed = run(hub, tmp_path, "--checksums")
    if code:
        assert f"{name} has another checksum than at the hub" in printed
        assert not is_complete(model, REPOSITORY, "main")
        code, _ = run(hub, tmp_path, "--checksums")
    assert code == 0
    assert (model / name).read_bytes() == right


def test_a_file_of_another_size_than_the_hub_says_is_never_complete(hub: FakeHub, tmp_path: Path) -> None:
    hub.told["config.json"] = {"size": 1000}
    code, printed = run(hub, tmp_path)
    assert code == 1
    assert printed.endswith("is not whole: config.json has 2 bytes, not 1000\n")
    assert not is_complete(tmp_path / "models" / MODEL, REPOSITORY, "main")


@pytest.mark.parametrize("damage", ["removed", "cut short"])
def test_a_complete_model_that_was_damaged_is_mended(hub: FakeHub, tmp_path: Path, damage: str) -> None:
    assert run(hub, tmp_path, "--checksums")[0] == 0
    shard = tmp_path / "models" / MODEL / SECOND
    if damage == "removed":
        shard.unlink()
    else:
        shard.write_bytes(shard.read_bytes()[:-1])
    code, _ = run(hub, tmp_path, "--checksums")
    if code:
        code, _ = run(hub, tmp_path, "--checksums")
    assert code == 0
    assert shard.read_bytes() == hub.files[SECOND]


def test_a_model_that_does_not_fit_is_not_begun(hub: FakeHub, tmp_path: Path) -> None:
    hub.told[FIRST] = {"size": 1 << 60}
    code, printed = run(hub, tmp_path)
    assert code == 1
    assert "it needs 1073741824.0 GiB more, and the volume has" in printed
    assert hub.sent == {}


def test_the_script_is_python_3_8() -> None:
    ast.parse(SCRIPT, feature_version=(3, 8))
    assert (files("internvl_operator.init_container") / "fetch_model.py").read_text(
        encoding="utf-8"
    ) == SCRIPT


@pytest.mark.parametrize(
    "name",
    [
        "../other/config.json",
        "../../other/config.json",
        "a/../../other/config.json",
        "/etc/passwd",
        "a//b",
        "./config.json",
        "a\\..\\b",
        "a\0b",
        "",
        ".cache/huggingface/x",
        "link/config.json",
        "link-to-a-file",
    ],
)
def test_a_name_that_leaves_the_directory_touches_no_other_model(
    hub: FakeHub, tmp_path: Path, name: str
) -> None:
    other = tmp_path / "models" / "other"
    other.mkdir(parents=True)
    (other / "config.json").write_text("theirs")
    model = tmp_path / "models" / MODEL
    model.mkdir()
    (model / "link").symlink_to(other)
    (model / "link-to-a-file").symlink_to(other / "config.json")
    hub.files[name] = b"evil"
    hub.told[name] = {"size": 5}
    code, printed = run(hub, tmp_path)
    assert code == 1
    assert "files outside of its directory are named" in printed
    assert (other / "config.json").read_text() == "theirs"
    assert not (model / "config.json").exists()


def mark(tmp_path: Path) -> Path:
    return tmp_path / "models" / f"{MODEL}.complete.json"


@pytest.mark.parametrize(
    "forged",
    [
        "{}",
        "[]",
        "[" * 2000,
        '{"sizes": {}}',
        json.dumps(
            {"repository": REPOSITORY, "revision": "main", "commit": COMMIT, "sizes": {}, "digests": {}}
        ),
        json.dumps({"repository": REPOSITORY, "revision": "main", "sizes": {"../x": 1}, "digests": {}}),
        json.dumps({"repository": REPOSITORY, "revision": "main", "sizes": [], "digests": {}}),
    ],
)
def test_a_mark_alone_makes_no_model(hub: FakeHub, tmp_path: Path, forged: str) -> None:
    mark(tmp_path).parent.mkdir(parents=True)
    mark(tmp_path).write_text(forged)
    assert run(hub, tmp_path) == (0, "")
    model = tmp_path / "models" / MODEL
    assert {name: (model / name).read_bytes() for name in hub.files} == hub.files


def test_code_that_was_changed_behind_the_mark_is_fetched_again(hub: FakeHub, tmp_path: Path) -> None:
    hub.files["modeling.py"] = b"x = 1"
    assert run(hub, tmp_path, "--checksums")[0] == 0
    model = tmp_path / "models" / MODEL
    (model / "modeling.py").write_bytes(b"x = 2")
    assert not is_complete(model, REPOSITORY, "main")
    for _ in range(2):  # what is wrong is removed, and then fetched
        run(hub, tmp_path, "--checksums")
    assert (model / "modeling.py").read_bytes() == b"x = 1"
    assert is_complete(model, REPOSITORY, "main")


def test_a_mark_of_another_repository_or_revision_does_not_count(hub: FakeHub, tmp_path: Path) -> None:
    assert run(hub, tmp_path)[0] == 0
    model = tmp_path / "models" / MODEL
    assert not is_complete(model, "evil/InternVL2-8B", "main")
    assert not is_complete(model, REPOSITORY, "v2")


def test_a_branch_stays_the_commit_that_it_was(hub: FakeHub, tmp_path: Path) -> None:
    assert run(hub, tmp_path)[0] == 0
    assert f"/api/models/{REPOSITORY}/revision/main" in hub.asked
    # As of a download that was broken off.
    mark(tmp_path).unlink()
    hub.asked.clear()
    assert run(hub, tmp_path)[0] == 0
    assert f"/api/models/{REPOSITORY}/revision/{COMMIT}" in hub.asked
    assert f"/api/models/{REPOSITORY}/revision/main" not in hub.asked


def test_the_files_of_an_older_operators_mark_serve_while_no_hub_answers(
    hub: FakeHub, tmp_path: Path
) -> None:
    assert run(hub, tmp_path)[0] == 0
    older = json.loads(mark(tmp_path).read_text())
    del older["digests"], older["revision"]
    mark(tmp_path).write_text(json.dumps(older))
    code, printed = run(hub, tmp_path, HF_ENDPOINT="http://127.0.0.1:9")
    assert (code, "takes the files of an older version's mark" in printed) == (0, True)
    assert run(hub, tmp_path) == (0, "")
    assert is_complete(tmp_path / "models" / MODEL, REPOSITORY, "main")
