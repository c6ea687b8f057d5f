"""Reads InternVLDeployments from files and folders."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from internvl_operator.text.text_files import read_text

if TYPE_CHECKING:
    from internvl_operator.api.v1alpha1 import InternVLDeployment

_SUFFIXES = (".yaml", ".yml", ".json")


def read_resources(paths: Iterable[str]) -> "list[InternVLDeployment]":
    """Return the InternVLDeployments of YAML files and of folders of them; ``-`` is the standard input.

    A folder stands for its files that end with .yaml, .yml or .json, as for kubectl; those of other kinds are passed
    over.

    Raises:
        OSError: a file cannot be read.
        ValueError: one is not YAML or holds a wrong resource, or a file or folder holds none.
    """
    from internvl_operator.api.parsing import parse

    return [parse(body) for body in read_bodies(paths)]


def read_bodies(paths: Iterable[str]) -> list[dict[str, Any]]:
    """Return the same as they are written, right or wrong.

    Raises:
        OSError: a file cannot be read.
        ValueError: one is not YAML, or a file or folder holds none.
    """
    return [body for path in paths for body in _bodies_of(path)]


def _bodies_of(path: str) -> list[dict[str, Any]]:
    from internvl_operator.api.v1alpha1 import KIND
    from internvl_operator.text.yaml_documents import read_documents

    bodies = [
        document
        for text, name in _texts(path)
        for document in read_documents(text, name)
        if isinstance(document, dict) and document.get("kind") == KIND
    ]
    if not bodies:
        raise ValueError(f"{path} holds no {KIND}")
    return bodies


def _texts(path: str) -> Iterator[tuple[str, str]]:
    """Yield each file's text and name."""
    if path == "-":
        yield read_text(path), path
        return
    given = Path(path)
    files = (
        sorted(each for each in given.iterdir() if each.suffix in _SUFFIXES) if given.is_dir() else [given]
    )
    for file in files:
        yield read_text(file), str(file)
