"""Whether a repository holds the planned model, judged by its name where that is a published one.

The names are those of OpenGVLab's series: ``InternVL3_5-8B``, its variants of the same shape (``-MPO``, ``-Instruct``,
``-Pretrained``, ``-HF``, ``Mini-InternVL2-4B-DA-...``), and ``-AWQ`` of these. The same name under another owner is a
mirror. A fine-tune may be called whatever its owner likes.
"""

import re

from internvl_operator.catalog.models import MODELS, PUBLISHED, Model

_SERIES = {series.published_name.lower(): series.name for series in PUBLISHED}
_PUBLISHED = re.compile(
    rf"(?P<owner>[^/]+)/(Mini-)?(?P<series>{'|'.join(_SERIES)})-(Llama3-|GPT-OSS-)?"
    r"(?P<size>\d+B(-A\d+B)?)(?P<variant>(-[^/]+)?)",
    re.IGNORECASE,
)
_PUBLISHER = "opengvlab"
_OF_THE_SAME_SHAPE = re.compile("(-(MPO|Instruct|Pretrained|HF|AWQ|Preview))*", re.IGNORECASE)
_FLASH = re.compile("/InternVL.*-Flash(-|$)", re.IGNORECASE)
_MONO = re.compile("/Mono-InternVL", re.IGNORECASE)
_FIELDS = ("series", "size")


def is_awq(repository: str) -> bool:
    """Return whether a repository holds AWQ weights, as by custom its name says."""
    return repository.upper().endswith("-AWQ")


def check_repository(repository: str, model: Model, awq: bool) -> str | None:
    """Return why a repository does not hold the planned weights, with what to write instead; None where it may.

    Example:
        >>> from internvl_operator.catalog.models import MODELS
        >>> check_repository("OpenGVLab/InternVL2-26B", MODELS["InternVL2", "8B"], awq=False)
        'model.repository OpenGVLab/InternVL2-26B holds InternVL2-26B, not InternVL2-8B: write size 26B'
    """
    if is_awq(repository) and not awq:
        return f"model.repository {repository} holds AWQ weights: write quantization AWQ or Auto"
    return _check_shape(repository) or _check_published(repository, model, awq)


def _check_shape(repository: str) -> str | None:
    if _FLASH.search(repository):
        return (
            f"model.repository {repository} is a Flash model, which compresses the tokens of images: TurboMind would "
            "serve it as if it did not. Write the repository without -Flash"
        )
    if _MONO.search(repository):
        return (
            f"model.repository {repository} has no vision encoder of its own and is not of these series; LMDeploy runs "
            "Mono-InternVL on PyTorch up to 0.14 alone. Write a repository of the series and size"
        )
    return None


def _check_published(repository: str, model: Model, awq: bool) -> str | None:
    published = _published(repository)
    if published is None:
        return None
    (series, size), others = published, (model.series, model.size)
    if published != others:
        instead = [
            f"{name} {theirs}"
            for name, theirs, ours in zip(_FIELDS, published, others, strict=True)
            if theirs != ours
        ]
        advice = f"write {' and '.join(instead)}" if published in MODELS else "write another repository"
        return f"model.repository {repository} holds {series}-{size}, not {model.name}: {advice}"
    if awq and not is_awq(repository):
        return f"model.repository {repository} holds full precision: write quantization None or Auto, or AWQ weights"
    return None


def _published(repository: str) -> tuple[str, str] | None:
    """Return series and size of a repository whose name is a published one; under its own owner or as a mirror."""
    match = _PUBLISHED.fullmatch(repository)
    if match is None:
        return None
    is_mirror = _OF_THE_SAME_SHAPE.fullmatch(match["variant"]) is not None
    if match["owner"].lower() != _PUBLISHER and not is_mirror:
        return None
    return _SERIES[match["series"].lower()], match["size"].upper()
