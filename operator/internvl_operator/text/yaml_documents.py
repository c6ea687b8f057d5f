"""Reads YAML that a person wrote, so that whatever is wrong with it is said in one line."""

from typing import Any

import yaml

_MOST_LEVELS = 100
"""Levels of nesting: more than any kind of Kubernetes has, and few for any reader."""


_MOST_CHARACTERS = 2 * 2**20
"""Of a text that is read, in some 10 s; the API server keeps no object of so many."""

_MOST_KEYS = 10_000
"""Keys of one map, which merges of merges could make any number of."""


def read_documents(text: str, name: str, most_characters: float = _MOST_CHARACTERS) -> list[Any]:
    """Return the documents of a YAML text.

    Args:
        text: of a file, with any number of documents.
        name: where it is from, for messages.
        most_characters: of the text; a longer one is refused at once.

    Raises:
        ValueError: it is not YAML, too long, gives a key twice, or is nested more than 100 levels deep.
    """
    if len(text) > most_characters:
        raise ValueError(f"{name} has {len(text)} characters, and {most_characters} are read: split it")
    try:
        documents = list(yaml.load_all(text, _Loader))
    except yaml.YAMLError as error:
        raise ValueError(f"{name} is not YAML: {error}") from None
    except RecursionError:
        raise ValueError(_TOO_DEEP.format(name)) from None
    if any(_is_too_deep(document) for document in documents):
        raise ValueError(_TOO_DEEP.format(name))
    return documents


def read_document(text: str, name: str) -> Any:
    """Return the only document of a YAML text, or None when there is none.

    Raises:
        ValueError: as ``read_documents``, or there are several.
    """
    documents = read_documents(text, name)
    if len(documents) > 1:
        raise ValueError(f"{name} holds {len(documents)} YAML documents, and one is read")
    return documents[0] if documents else None


class _Loader(yaml.SafeLoader):
    """Reads plain values, and refuses a key that stands twice in a map: one of the two would be dropped in silence."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.tag != "tag:yaml.org,2002:merge":
                if key.value in seen:
                    raise yaml.constructor.ConstructorError(
                        None, None, f"the key {key.value!r} stands twice in one map", key.start_mark
                    )
                seen.add(key.value)
        mapping: dict[Any, Any] = super().construct_mapping(node, deep)
        return mapping

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        super().flatten_mapping(node)
        if len(node.value) > _MOST_KEYS:
            raise yaml.constructor.ConstructorError(
                None, None, f"a map has more than {_MOST_KEYS} keys", node.start_mark
            )


_TOO_DEEP = f"{{}} is nested more than {_MOST_LEVELS} levels deep, as no kind of Kubernetes is"


def _is_too_deep(document: Any) -> bool:
    level = [document]
    for _ in range(_MOST_LEVELS):
        items = (
            item
            for value in level
            if isinstance(value, dict | list)
            for item in (value.values() if isinstance(value, dict) else value)
        )
        # Each value once: an alias may stand in many places, and lead back to where it stands.
        level = list({id(item): item for item in items}.values())
        if not level:
            return False
    return True
