"""Whether a served model answers, by the examples of the models' published deployment guide."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass

from internvl_operator.catalog.models import IMAGE_TOKENS_PER_TILE
from internvl_operator.chat.content import Message, user_message
from internvl_operator.chat.model import Answer, Model
from internvl_operator.chat.problems import ModelError
from internvl_operator.chat.samples import disc

_DESCRIBE = "describe this image, with its shape and colour"


@dataclass(frozen=True, slots=True)
class Result:
    """How a check ended.

    Args:
        problem: what is wrong; None when it passed.
    """

    name: str
    problem: str | None
    answers: tuple[Answer, ...] = ()

    @property
    def first_token_seconds(self) -> float | None:
        """The longest wait for a first token; None when no answer was streamed."""
        waits = [each.first_token_seconds for each in self.answers if each.first_token_seconds is not None]
        return max(waits, default=None)

    @property
    def seconds(self) -> float | None:
        """The longest wait for a whole answer; None when there is none."""
        return max((answer.seconds for answer in self.answers), default=None)


@dataclass(frozen=True, slots=True)
class Examined:
    """An answer, and what it has to be like.

    Args:
        images: in the prompt.
        words: that the answer of a model that sees has to hold.
    """

    answer: Answer
    images: int = 0
    words: tuple[str, ...] = ()


async def text(model: Model) -> list[Examined]:
    """A question without an image."""
    return [Examined(await model.stream([user_message("Say hello.")]))]


async def single_image(model: Model) -> list[Examined]:
    """A question about an image."""
    question = user_message(_DESCRIBE, [disc("red")])
    return [Examined(await model.stream([question]), 1, ("red",))]


async def several_images(model: Model) -> list[Examined]:
    """A question about two images."""
    question = user_message(
        "describe these two images, with their shapes and colours", [disc("red"), disc("blue")]
    )
    return [Examined(await model.stream([question]), 2, ("red", "blue"))]


async def batch(model: Model) -> list[Examined]:
    """Questions that are asked at once."""
    colours = ("red", "blue", "red", "blue")
    found = await asyncio.gather(
        *(model.stream([user_message(_DESCRIBE, [disc(colour)])]) for colour in colours)
    )
    return [Examined(answer, 1, (colour,)) for answer, colour in zip(found, colours, strict=True)]


async def several_turns(model: Model) -> list[Examined]:
    """A question about an image, and one about the answer."""
    chat: list[Message] = [user_message(_DESCRIBE, [disc("blue")])]
    first = await model.stream(chat)
    chat += [
        {"role": "assistant", "content": first.text},
        user_message("Which colour was it? Answer with one word."),
    ]
    second = await model.stream(chat)
    counted = (first.prompt_tokens, second.prompt_tokens)
    if None not in counted and counted[1] <= counted[0]:  # type: ignore[operator]
        raise ModelError(
            f"the second prompt has {counted[1]} tokens, the first {counted[0]}: a turn was lost"
        )
    return [Examined(first, 1, ("blue",)), Examined(second, 1, ("blue",))]


async def openai_client(model: Model) -> list[Examined]:
    """The guide's example for the openai package, as it stands there: the answer as a whole."""
    parts = [
        {"type": "text", "text": _DESCRIBE},
        {"type": "image_url", "image_url": {"url": disc("red")}},
    ]
    return [Examined(await model.ask([{"role": "user", "content": parts}]), 1, ("red",))]


async def streaming(model: Model) -> list[Examined]:
    """An answer that comes piece by piece."""
    pieces: list[str] = []
    answer = await model.stream([user_message("Count from one to ten, in words.")], pieces.append)
    if len(pieces) == 1 and (answer.completion_tokens or 1) > 1:
        raise ModelError("the answer came in one piece")
    return [Examined(answer)]


Check = Callable[[Model], Awaitable[list[Examined]]]

CHECKS: dict[str, Check] = {
    "text": text,
    "single image": single_image,
    "several images": several_images,
    "batch": batch,
    "several turns": several_turns,
    "openai client": openai_client,
    "streaming": streaming,
}


async def run_checks(model: Model, checks: Sequence[str], sees: bool) -> AsyncIterator[Result]:
    """Run checks one after the other, and yield how each ended.

    Args:
        model: that is asked.
        checks: names among CHECKS.
        sees: whether the answers have to be right, which only a real model's are.
    """
    for name in checks:
        try:
            examined = await CHECKS[name](model)
        except ModelError as error:
            yield Result(name, str(error))
            continue
        problems = filter(None, (_problem(each, sees) for each in examined))
        yield Result(name, next(problems, None), tuple(each.answer for each in examined))


def _problem(examined: Examined, sees: bool) -> str | None:
    """Return what is wrong with an answer."""
    answer, least = examined.answer, IMAGE_TOKENS_PER_TILE * examined.images
    if answer.prompt_tokens is not None and answer.prompt_tokens < least:
        return (
            f"the prompt has {answer.prompt_tokens} tokens, less than the {least} of its images: the model did "
            "not get them"
        )
    missing = [word for word in examined.words if word not in answer.text.lower()]
    if sees and missing:
        return f"the answer does not say {' or '.join(missing)}: {answer.text!r}"
    return None
