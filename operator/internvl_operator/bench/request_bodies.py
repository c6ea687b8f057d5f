"""The requests of a benchmark, as the bodies of streamed chat completions."""

from collections.abc import Sequence
from random import Random

import orjson

from internvl_operator.bench.generated_images import generated_image
from internvl_operator.bench.offered_load import OfferedLoad
from internvl_operator.chat.content import user_message

DIFFERENT = 32
"""Requests that differ, so that a cache of prefixes holds none of the next ones for a while."""

_WORDS = (
    "the",
    "of",
    "and",
    "to",
    "in",
    "is",
    "for",
    "on",
    "as",
    "with",
    "at",
    "one",
    "from",
    "by",
    "what",
    "there",
)
"""Each is one token in the vocabularies of the InternVL models."""


def request_bodies(
    load: OfferedLoad, model: str, seed: int, given: Sequence[str] = (), number: int = DIFFERENT
) -> list[bytes]:
    """Return the bodies of requests that differ in text and images.

    Args:
        load: their form.
        model: its served name.
        seed: the same one makes the same bodies.
        given: URLs of images, which are used in turn; without any, images are made.
        number: of bodies.
    """
    random = Random(seed)
    return [_body(load, model, random, given, turn) for turn in range(number)]


def _body(load: OfferedLoad, model: str, random: Random, given: Sequence[str], turn: int) -> bytes:
    text = " ".join(random.choices(_WORDS, k=load.prompt_tokens))
    images = [_image(load, random, given, turn * load.images + number) for number in range(load.images)]
    return orjson.dumps(
        {
            "model": model,
            "messages": [user_message(text, images)],
            "max_tokens": load.output_tokens,
            # LMDeploy's: the answer has exactly so many tokens.
            "ignore_eos": True,
            "stream": True,
            "stream_options": {"include_usage": True},
        }
    )


def _image(load: OfferedLoad, random: Random, given: Sequence[str], number: int) -> str:
    if given:
        return given[number % len(given)]
    if load.width is None or load.height is None:
        raise ValueError("a load without a size of its images needs given ones")
    return generated_image(load.width, load.height, random)
