"""What the stub knows of the model that it pretends to serve."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from internvl_operator.catalog.models import INTERNVL2, MODELS, Model


@dataclass(frozen=True, slots=True)
class ServedModel:
    """The figures that show in the answers.

    Attributes:
        architecture: the language model's class.
        session_len: tokens of a session unless ``--session-len`` says another number.
        min_tiles: least number of tiles of an image.
        max_tiles: largest number of tiles of an image, without the thumbnail.
        thumbnail: whether an image of several tiles has a thumbnail.
    """

    architecture: str
    session_len: int
    min_tiles: int = 1
    max_tiles: int = 12
    thumbnail: bool = True


def served_model(directory: Path) -> ServedModel:
    """Return the model in a directory: from its ``config.json``, else from the catalogue by its name, else 8B.

    The name of a variant, such as ``InternVL3_5-8B-Instruct-AWQ``, begins with that of what it has the shapes of.
    """
    known = _known(directory.name)
    config: dict[str, Any] = {}
    if (directory / "config.json").is_file():
        config = json.loads((directory / "config.json").read_text(encoding="utf-8"))
    language: dict[str, Any] = config.get("llm_config", {})
    return ServedModel(
        architecture=language.get("architectures", [known.language.architecture])[0],
        session_len=language.get("max_position_embeddings", known.language.max_position_embeddings),
        min_tiles=config.get("min_dynamic_patch", 1),
        max_tiles=config.get("max_dynamic_patch", 12),
        thumbnail=config.get("use_thumbnail", True),
    )


def _known(name: str) -> Model:
    def is_named(model: Model) -> bool:
        published = model.repository.rpartition("/")[2]
        return name == published or name.startswith(f"{published}-")

    return next((model for model in MODELS.values() if is_named(model)), MODELS[INTERNVL2, "8B"])
