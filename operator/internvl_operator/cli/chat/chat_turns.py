"""A chat of several turns in the terminal."""

import asyncio
import sys
from collections.abc import Sequence

from internvl_operator.chat.content import ImageError, Message, image_url, user_message
from internvl_operator.chat.model import Answer, Model
from internvl_operator.chat.problems import ModelError

_HELP = "/image FILE|URL adds an image to the next question, /new starts over, /quit ends."


class Turns:
    """The turns of one chat. What is no answer goes to the standard error.

    Args:
        model: that is asked.
        system: the system message.
        images: files or URLs of the first question's images.
    """

    def __init__(self, model: Model, system: str | None, images: Sequence[str]) -> None:
        self._model = model
        self._system = system
        self._messages: list[Message] = []
        self._images = [image_url(source) for source in images]
        self._start()

    def greet(self) -> None:
        """Print the model's name and how to use the chat."""
        _tell(f"{self._model.name}. {_HELP}")

    def read(self) -> str | None:
        """Return the next line, or None at the end of the input."""
        if sys.stdin.isatty():
            # Gives input() line editing and a history.
            import readline  # noqa: F401
        try:
            line = input("> " if sys.stdin.isatty() else "").strip()
        except (EOFError, KeyboardInterrupt):
            _tell("")
            return None
        return None if line == "/quit" else line

    async def take(self, line: str) -> None:
        """Handle a line of the user: run its command, or ask it as a question.

        Raises:
            ModelError: there is no answer, and nobody who could ask again.
        """
        command, _, argument = line.partition(" ")
        match command:
            case "":
                return
            case "/image":
                self._add(argument.strip())
            case "/new":
                self._start()
                self._images = []
            case _ if command.startswith("/"):
                _tell(_HELP)
            case _:
                await self._ask(line)

    def _start(self) -> None:
        self._messages = [{"role": "system", "content": self._system}] if self._system else []

    def _add(self, source: str) -> None:
        try:
            self._images.append(image_url(source))
        except ImageError as error:
            _tell(str(error))

    async def _ask(self, question: str) -> None:
        asked = user_message(question, self._images)
        try:
            answer = await self._model.stream([*self._messages, asked], _show)
        except ModelError as error:
            if not sys.stdin.isatty():
                raise
            _tell(str(error))
            return
        except asyncio.CancelledError:
            # Ctrl-C: the question counts as not asked.
            _tell("\nStopped.")
            return
        print()
        _tell(_figures(answer))
        self._messages += [asked, {"role": "assistant", "content": answer.text}]
        self._images = []


def _show(piece: str) -> None:
    print(piece, end="", flush=True)


def _tell(text: str) -> None:
    print(text, file=sys.stderr)


def _figures(answer: Answer) -> str:
    tokens = f"{answer.prompt_tokens} tokens in, {answer.completion_tokens} out, "
    first = f"the first after {answer.first_token_seconds:.2f} s, " if answer.first_token_seconds else ""
    return f"({tokens if answer.prompt_tokens else ''}{first}{answer.seconds:.2f} s)"
