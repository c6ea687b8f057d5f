"""Fetches a model from a Hugging Face hub once, and checks that every file is whole.

The init container runs this file's text with the engine image's own Python (3.8 or later) and huggingface_hub, so it
stands alone. Pods that share a directory may start at once: one downloads while the others wait. A download that broke
off keeps the files that it has. A branch is resolved to a commit once for a directory, which keeps it. What is complete
is marked so, and from then on no hub is asked.

A hub's file names are taken only where they stay in the directory. A mark counts only with the files that it speaks of:
those that hold code or configuration by their checksums.

Usage: fetch_model.py REPOSITORY REVISION DIRECTORY [--checksums]
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import struct
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_CHUNK_BYTES = 1 << 24
_HASHING_THREADS = 4
_HASHED_BYTES = 1 << 24
"""Up to this size a file, such as one of code, is compared by its checksum at every start."""
_HEADER_BYTES = 100_000_000
"""Longest header of a safetensors file, by the format's own reader."""
_NOT_JSON = (ValueError, RecursionError)
_LEFT_SECONDS = 600.0
"""Age from which on a partial file is a dead process's, also where the filesystem's locks do not hold."""


def main(repository: str, revision: str, directory: str, *options: str) -> str | None:
    """Fetch the model unless it is there; return what is wrong with it, or None."""
    model = Path(directory)
    model.parent.mkdir(parents=True, exist_ok=True)
    if is_complete(model, repository, revision):
        return None
    with lock(model.with_name(model.name + ".lock")):
        # Another pod may have completed it meanwhile.
        if is_complete(model, repository, revision):
            return None
        try:
            problems = fetch(repository, revision, model, "--checksums" in options)
        except Exception as error:
            if not was_complete(model, repository):
                raise
            print(
                f"takes the files of an older version's mark, as the hub does not answer: {error}", flush=True
            )
            return None
    if problems:
        return f"{repository} at {revision} is not whole: {'; '.join(problems)}"
    return None


def is_complete(model: Path, repository: str, revision: str) -> bool:
    """Return whether a model is marked as complete, and is still what was marked.

    That are all files by their sizes, and those of code and configuration by their checksums.
    """
    try:
        mark = json.loads(_marker(model).read_text())
        digests = {
            name: _sha256(model / name) for name, size in mark["sizes"].items() if size <= _HASHED_BYTES
        }
        return bool(
            (mark["repository"], mark["revision"]) == (repository, revision)
            and was_complete(model, repository)
            and mark["digests"] == digests
        )
    except (OSError, KeyError, TypeError, AttributeError, *_NOT_JSON):
        return False


def was_complete(model: Path, repository: str) -> bool:
    """Return whether a mark, be it of an operator that kept no checksums, names a whole model that is there."""
    try:
        mark = json.loads(_marker(model).read_text())
        sizes = mark["sizes"]
        return bool(
            mark["repository"] == repository
            and not unsafe_names(model, sizes)
            and all((model / name).stat().st_size == size for name, size in sizes.items())
            and "config.json" in sizes
            and not broken_files(model)
        )
    except (OSError, KeyError, TypeError, AttributeError, *_NOT_JSON):
        return False


@contextmanager
def lock(path: Path) -> Iterator[None]:
    """Hold a lock that ends with this process, however it ends."""
    with path.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("waits for another pod, which downloads the model", flush=True)
            fcntl.flock(file, fcntl.LOCK_EX)
        except OSError as error:
            # huggingface_hub locks each file in a way of its own, and the checks find what went wrong.
            print(f"goes on without a lock, which this filesystem does not have: {error}", flush=True)
        yield


def fetch(repository: str, revision: str, model: Path, checksums: bool) -> list[str]:
    """Download the model, or the rest of it, and mark it as complete; return what is wrong with its files.

    Files that are wrong are removed, so that the next attempt fetches them again.
    """
    from huggingface_hub import HfApi, snapshot_download

    pinned = _pinned(model, repository, revision)
    info = HfApi().model_info(repository, revision=pinned or revision, files_metadata=True)
    files = info.siblings or []
    if unsafe := unsafe_names(model, [file.rfilename for file in files]):
        return [f"files outside of its directory are named: {', '.join(map(repr, unsafe[:3]))}"]
    if info.sha and not pinned:
        _write(_pin(model), {"repository": repository, "revision": revision, "commit": info.sha})
    remove_leftovers(model, time.time() - _LEFT_SECONDS)
    if missing := _missing_space(files, model):
        return [missing]
    # The commit, and not its branch, which may move during the download.
    snapshot_download(repo_id=repository, revision=info.sha or revision, local_dir=str(model))
    with ThreadPoolExecutor(_HASHING_THREADS) as threads:
        checked = threads.map(lambda file: (file.rfilename, fault(model, file, checksums)), files)
        faults = {name: problem for name, problem in checked if problem}
    for name in faults:
        (model / name).unlink(missing_ok=True)
    problems = [*faults.values()] or broken_files(model)
    if not problems:
        sizes = {file.rfilename: (model / file.rfilename).stat().st_size for file in files}
        digests = {name: _sha256(model / name) for name, size in sizes.items() if size <= _HASHED_BYTES}
        remove_leftovers(model, float("inf"))
        mark = {"repository": repository, "revision": revision, "commit": info.sha}
        _write(_marker(model), {**mark, "sizes": sizes, "digests": digests})
    return problems


def unsafe_names(model: Path, names: Iterable[str]) -> list[str]:
    """Return the names that lead out of the model's directory, also by a link, or to the downloader's own files."""
    return [name for name in names if not _stays_in(model, name)]


def _stays_in(model: Path, name: str) -> bool:
    parts = name.split("/")
    if "\0" in name or "\\" in name or {"", ".", ".."} & {*parts} or parts[0] in (".cache", ".huggingface"):
        return False
    try:
        return str((model / name).resolve()).startswith(f"{model.parent.resolve() / model.name}{os.sep}")
    except (OSError, RuntimeError):  # a loop of links
        return False


def _pinned(model: Path, repository: str, revision: str) -> str | None:
    """Return the commit that the revision was when this directory was first filled, if it was."""
    try:
        pin = json.loads(_pin(model).read_text())
        is_same = (pin["repository"], pin["revision"]) == (repository, revision)
        return str(pin["commit"]) if is_same else None
    except (OSError, KeyError, TypeError, *_NOT_JSON):
        return None


def remove_leftovers(model: Path, before: float) -> None:
    """Remove partial files that were last written before a time and that nothing goes on with.

    huggingface_hub gives each process's partial files names of their own (from 1.18 on, #4228), which carry one part
    more than the names of those that older releases go on with.
    """
    for path in model.glob(".cache/huggingface/download/**/*.*.*.incomplete"):
        if path.stat().st_mtime < before:
            path.unlink()


def fault(model: Path, file: Any, checksum: bool) -> str | None:
    """Return how a file differs from what the hub says of it, or None.

    Args:
        model: the model's directory.
        file: huggingface_hub's RepoSibling.
        checksum: whether to read the file and compare its checksum.
    """
    path = model / file.rfilename
    if not path.is_file():
        return f"{file.rfilename} is missing"
    size = path.stat().st_size
    if file.size is not None and file.size != size:
        return f"{file.rfilename} has {size} bytes, not {file.size}"
    if file.size is None and path.suffix == ".safetensors" and not is_whole(path):
        return f"{file.rfilename} is cut short"
    if not checksum:
        return None
    if file.lfs is not None:
        is_same = _digest(hashlib.sha256(), path) == file.lfs.sha256
    else:
        # Git's name of a file: the checksum of a header and the content.
        is_same = file.blob_id in (None, _digest(hashlib.sha1(b"blob %d\0" % size), path))
    return None if is_same else f"{file.rfilename} has another checksum than at the hub"


def broken_files(directory: Path) -> list[str]:
    """Return what is missing or cut short among a model's weights, by what its own files say."""
    if not (directory / "config.json").is_file():
        return ["config.json is missing"]
    problems = []
    for index in sorted(directory.glob("*.index.json")):
        try:
            shards = {str(shard) for shard in json.loads(index.read_text())["weight_map"].values()}
        except (*_NOT_JSON, AttributeError, KeyError, TypeError):
            return [f"{index.name} is no index of weights"]
        problems += [f"{shard} is missing" for shard in sorted(shards) if not (directory / shard).is_file()]
    weights = sorted(directory.glob("*.safetensors"))
    problems += [f"{path.name} is cut short" for path in weights if not is_whole(path)]
    if not weights and not any(directory.glob("*.bin")):
        problems.append("there are no weights")
    return problems


def is_whole(path: Path) -> bool:
    """Return whether a safetensors file is as long as its header says."""
    size = path.stat().st_size
    if size < 8:
        return False
    with path.open("rb") as file:
        (header_size,) = struct.unpack("<Q", file.read(8))
        # Another kind of file, such as a pointer of git-lfs, seems to announce a header of exabytes.
        if 8 + header_size > size or header_size > _HEADER_BYTES:
            return False
        header = file.read(header_size)
    try:
        tensors = json.loads(header)
        tensors.pop("__metadata__", None)
        end = max((tensor["data_offsets"][1] for tensor in tensors.values()), default=0)
    except (*_NOT_JSON, AttributeError, KeyError, TypeError, IndexError):
        return False
    return bool(size == 8 + header_size + end)


def _missing_space(files: list[Any], model: Path) -> str | None:
    """Return that the model does not fit into the volume, or None; a file that is there needs no room."""
    wanted = sum(file.size or 0 for file in files if not (model / file.rfilename).is_file())
    begun = sum(path.stat().st_size for path in model.glob(".cache/huggingface/download/**/*.incomplete"))
    free = shutil.disk_usage(model.parent).free
    if wanted - begun <= free:
        return None
    return f"it needs {(wanted - begun) / 2**30:.1f} GiB more, and the volume has {free / 2**30:.1f} GiB free"


def _digest(algorithm: Any, path: Path) -> str:
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            algorithm.update(chunk)
    return str(algorithm.hexdigest())


def _sha256(path: Path) -> str:
    return _digest(hashlib.sha256(), path)


def _marker(model: Path) -> Path:
    return model.with_name(model.name + ".complete.json")


def _pin(model: Path) -> Path:
    return model.with_name(model.name + ".commit.json")


def _write(path: Path, value: object) -> None:
    """Write a file that is there whole or not at all."""
    unfinished = path.with_name(path.name + ".new")
    unfinished.write_text(json.dumps(value))
    unfinished.replace(path)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
