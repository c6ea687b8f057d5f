"""A batch: many independent questions, several of them in progress at the same time."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from internvl_operator.chat.content import Message, image_url, user_message
from internvl_operator.chat.model import Answer, Model
from internvl_operator.chat.problems import ModelError


@dataclass(frozen=True, slots=True)
class Question:
    """A question, with the files or URLs of its images."""

    text: str
    images: tuple[str, ...] = ()

    def messages(self, system: str | None = None) -> list[Message]:
        """Return the messages of a chat that has this question alone.

        Raises:
            ImageError: an image cannot be read.
        """
        first: list[Message] = [{"role": "system", "content": system}] if system else []
        return [*first, user_message(self.text, [image_url(source) for source in self.images])]


def read_questions(lines: Sequence[str]) -> list[Question]:
    """Return the questions of a file: in each line a text, or a JSON object with ``text`` and ``images``.

    Raises:
        ValueError: a line is neither; the message has its number.
    """
    return [_question(line, number) for number, line in enumerate(lines, start=1) if line.strip()]


async def answers(
    model: Model, questions: Sequence[Question], at_once: int, system: str | None = None
) -> AsyncIterator[Answer | ModelError]:
    """Yield an answer or an error for each question, in the order of the questions.

    Args:
        model: the model to ask.
        questions: the questions; none refers to another.
        at_once: most requests in progress at the same time.
        system: the system message that precedes each question.

    Raises:
        ImageError: an image cannot be read.
    """
    places = asyncio.Semaphore(at_once)

    async def answer(messages: list[Message]) -> Answer | ModelError:
        async with places:
            try:
                return await model.stream(messages)
            except ModelError as error:
                return error

    chats = [question.messages(system) for question in questions]
    tasks = [asyncio.create_task(answer(chat)) for chat in chats]
    try:
        for task in tasks:
            yield await task
    finally:
        for task in tasks:
            task.cancel()


def _question(line: str, number: int) -> Question:
    if not line.lstrip().startswith("{"):
        return Question(line.strip())
    try:
        fields = json.loads(line)
    except ValueError as error:
        raise ValueError(f"line {number} is not JSON: {error}") from None
    text, images = fields.pop("text", None), fields.pop("images", [])
    are_images = isinstance(images, list) and all(isinstance(image, str) for image in images)
    if not isinstance(text, str) or not are_images or fields:
        raise ValueError(f'line {number} is not {{"text": "...", "images": ["..."]}}')
    return Question(text, tuple(images))
