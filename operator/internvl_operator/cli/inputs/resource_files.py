"""Reads InternVLDeployments from files and folders."""

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

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
    return [resource for path in paths for resource in _resources_of(path)]


def _resources_of(path: str) -> "list[InternVLDeployment]":
    from internvl_operator.api.v1alpha1 import KIND

    resources = [resource for text, name in _texts(path) for resource in _parsed(text, name)]
    if not resources:
        raise ValueError(f"{path} holds no {KIND}")
    return resources


def _texts(path: str) -> Iterator[tuple[str, str]]:
    """Yield each file's text and name."""
    if path == "-":
        yield sys.stdin.read(), path
        return
    given = Path(path)
    files = (
        sorted(each for each in given.iterdir() if each.suffix in _SUFFIXES) if given.is_dir() else [given]
    )
    for file in files:
        yield file.read_text(encoding="utf-8"), str(file)


def _parsed(text: str, name: str) -> "Iterator[InternVLDeployment]":
    from internvl_operator.api.parsing import parse
    from internvl_operator.api.v1alpha1 import KIND
    from internvl_operator.text.yaml_documents import read_documents

    for document in read_documents(text, name):
        if isinstance(document, dict) and document.get("kind") == KIND:
            yield parse(document)
