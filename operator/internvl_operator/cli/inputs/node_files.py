"""Reads the nodes of a cluster from a file, as kubectl prints them."""

import json
from collections.abc import Iterator, Mapping
from math import inf
from typing import Any

from internvl_operator.text.text_files import read_text

Node = Mapping[str, Any]


def read_nodes(path: str) -> list[Node]:
    """Return the nodes of a JSON or YAML file; ``-`` is the standard input.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is neither JSON nor YAML, or holds no node.
    """
    text = read_text(path)
    nodes = [each for document in _documents(text, path) for each in _nodes_in(document)]
    if not nodes:
        raise ValueError(f"{path} holds no Node: write there what kubectl get nodes --output json prints")
    return nodes


def _documents(text: str, path: str) -> list[Any]:
    try:
        return [json.loads(text)]
    except (ValueError, RecursionError):
        from internvl_operator.text.yaml_documents import read_documents  # slow to import, and seldom needed

        return read_documents(text, path, inf)


def _nodes_in(document: Any) -> Iterator[Node]:
    if not isinstance(document, dict):
        return
    if document.get("kind") in ("List", "NodeList"):
        for item in document.get("items") or ():
            # The items of a NodeList need not say their kind again.
            yield from _nodes_in({"kind": "Node", **item} if isinstance(item, dict) else item)
    elif document.get("kind") == "Node":
        if not isinstance((document.get("metadata") or {}).get("name"), str):
            raise ValueError("a Node lacks metadata.name")
        yield document
