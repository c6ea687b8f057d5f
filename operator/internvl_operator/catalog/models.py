"""The model table: the architecture and the repositories of each InternVL model, by series and size.

Everything else that the operator knows about a model (weights, KV cache, valid tensor parallelism) follows from it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from internvl_operator.catalog.architecture import LanguageModel, VisionModel
from internvl_operator.catalog.series import internvl2, internvl2_5, internvl3, internvl3_5
from internvl_operator.text.sentences import in_words


class Backend(StrEnum):
    """LMDeploy's two inference backends, as ``--backend`` spells them."""

    TURBOMIND = "turbomind"
    PYTORCH = "pytorch"


PUBLISHED = (internvl2.SERIES, internvl2_5.SERIES, internvl3.SERIES, internvl3_5.SERIES)
"""The series as they were published, the oldest first."""

SERIES: tuple[str, ...] = tuple(series.name for series in PUBLISHED)
"""Their names."""

INTERNVL2 = internvl2.SERIES.name
"""The series of a resource that names none."""

INTERNVL3_5 = internvl3_5.SERIES.name


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """One InternVL model: where its weights are and what they are made of.

    Attributes:
        repository: its full-precision weights.
        awq_repository: its AWQ weights; None where none are published.
        chat_template: what LMDeploy up to 0.9 calls the template of its conversations (``--chat-template``).
        held_back: whether it is refused until somebody has run it.
    """

    series: str
    size: str
    repository: str
    awq_repository: str | None
    language: LanguageModel
    vision: VisionModel
    chat_template: str
    held_back: bool = False

    @property
    def name(self) -> str:
        """Series and size in one, as people say them: ``InternVL3.5-8B``."""
        return f"{self.series}-{self.size}"

    @property
    def short_name(self) -> str:
        """The size alone of an InternVL2 model, else the name."""
        return self.size if self.series == INTERNVL2 else self.name


IMAGE_TOKENS_PER_TILE = 256
"""Tokens of one 448-pixel tile: (448 / 14)^2 patches, a quarter after the pixel shuffle."""

MAX_TILES_PER_IMAGE = 13
"""Tiles of one image by default: ``max_dynamic_patch`` 12 and a thumbnail."""

IMAGE_TOKENS = IMAGE_TOKENS_PER_TILE * MAX_TILES_PER_IMAGE
"""Tokens of one image at the default number of tiles."""


def _models() -> Iterator[Model]:
    for series in PUBLISHED:
        for size, row in series.rows.items():
            repository = f"OpenGVLab/{row.called or f'{series.published_name}-{size}'}"
            yield Model(
                series=series.name,
                size=size,
                repository=repository,
                awq_repository=f"{repository}-AWQ" if row.awq else None,
                language=row.language,
                vision=row.vision,
                chat_template=row.chat_template or series.chat_template,
                held_back=row.held_back,
            )


_ALL = tuple(_models())

MODELS: dict[tuple[str, str], Model] = {
    (model.series, model.size): model for model in _ALL if not model.held_back
}
"""The models that are served, by series and size: the series by age, of each the smallest first."""

HELD_BACK: dict[tuple[str, str], Model] = {
    (model.series, model.size): model for model in _ALL if model.held_back
}
"""The models that are refused until somebody has run them."""


class UnknownModelError(ValueError):
    """There is no model of that series and size, or it is held back; the message says what to write instead."""


def find_model(series: str, size: str) -> Model:
    """Return the model of a series and a size.

    Raises:
        UnknownModelError: there is none that is served.

    Example:
        >>> find_model("InternVL3.5", "8B").repository
        'OpenGVLab/InternVL3_5-8B'
    """
    if (series, size) in MODELS:
        return MODELS[series, size]
    if series not in SERIES:
        raise UnknownModelError(f"{series!r} is not a series: write {in_words(SERIES, 'or')}")
    raise UnknownModelError(held_back_advice() if (series, size) in HELD_BACK else size_advice(series))


def model_called(name: str) -> Model | None:
    """Return the model, also one that is held back, whose repository has a name: ``InternVL3_5-8B``."""
    published = name if "/" in name else f"OpenGVLab/{name}"
    return next((model for model in _ALL if model.repository == published), None)


def sizes_of(series: str) -> tuple[str, ...]:
    """Return the sizes of a series that are served, the smallest first."""
    return tuple(size for other, size in MODELS if other == series)


def size_advice(series: str) -> str:
    """Return what to write in place of a size that a series does not have."""
    where = " (the series where none is written)" if series == INTERNVL2 else ""
    return (
        f"size of {series}{where} is {in_words(sizes_of(series), 'or')}: write one of them, or another series"
    )


def held_back_advice() -> str:
    """Return what to write in place of a model that is held back."""
    names = in_words(model.name for model in HELD_BACK.values())
    series = in_words(dict.fromkeys(series for series, _ in HELD_BACK))
    return f"{names} are refused until they were run on GPUs: write another size of {series}"
