"""``internvl chat``: questions to a served model, with images."""

import argparse
import asyncio
import json
import sys
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from internvl_operator.chat.batch import Question, answers, read_questions
from internvl_operator.chat.model import Answer, Model
from internvl_operator.chat.problems import ModelError
from internvl_operator.cli.chat.chat_turns import Turns
from internvl_operator.cli.chat.served_model import FAILURES, reached
from internvl_operator.cli.chat.target import add_target_options
from internvl_operator.cli.exit_codes import NOT_READY, exit_code_of, failed
from internvl_operator.cli.inputs.number_types import positive, share, temperature


def main(arguments: Sequence[str]) -> int:
    """Ask one question or a batch, or chat; return the exit code."""
    parser = _parser()
    # An option may stand between the model and the question.
    options = parser.parse_intermixed_args(arguments)
    if options.batch is not None and (options.question is not None or options.image):
        parser.error(
            "--batch names a file of questions, each with its images: leave the question and --image out"
        )
    return exit_code_of("chat", lambda: _run(options), FAILURES)


def _run(options: argparse.Namespace) -> int:
    if options.batch is not None:
        return asyncio.run(_ask_batch(options, read_questions(_lines(options.batch))))
    if options.question is not None:
        return asyncio.run(_ask_once(options))
    return _chat(options)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="internvl chat",
        description="Asks a served model. Without a question it is a chat of several turns.",
        epilog="Exit code: 0 answered, 1 the model does not answer, 2 wrong usage or no such resource. "
        "Example: internvl chat captions 'What is in this picture?' --image photo.jpg",
    )
    add_target_options(parser)
    parser.add_argument(
        "question", nargs="?", metavar="QUESTION", help="one question (-: the standard input)"
    )
    parser.add_argument(
        "-i", "--image", metavar="FILE|URL", action="append", default=[], help="an image; may be repeated"
    )
    parser.add_argument(
        "--batch",
        metavar="FILE",
        help='independent questions, one in each line: text, or {"text": "...", "images": ["..."]} (-: stdin)',
    )
    parser.add_argument(
        "--at-once", metavar="N", type=positive, default=16, help="most requests of a batch at once (16)"
    )
    parser.add_argument("--system", metavar="TEXT", help="the system message")
    parser.add_argument("--max-tokens", metavar="N", type=positive, help="longest answer in tokens")
    parser.add_argument("--temperature", metavar="T", type=temperature, help="0 to 2 (the model's own)")
    parser.add_argument("--top-p", metavar="P", type=share, help="above 0, to 1 (the model's own)")
    parser.add_argument("-o", "--output", choices=["text", "json"], default="text")
    return parser


def _sampling(options: argparse.Namespace) -> dict[str, Any]:
    given = {name: getattr(options, name) for name in ("max_tokens", "temperature", "top_p")}
    return {name: value for name, value in given.items() if value is not None}


async def _ask_once(options: argparse.Namespace) -> int:
    text = sys.stdin.read() if options.question == "-" else options.question
    messages = Question(text, tuple(options.image)).messages(options.system)
    async with reached(options, _sampling(options)) as model:
        if options.output == "json":
            print(json.dumps(answer_document(await model.stream(messages)), ensure_ascii=False))
        else:
            await model.stream(messages, lambda piece: print(piece, end="", flush=True))
            print()
    return 0


def _lines(path: str) -> list[str]:
    text = sys.stdin.read() if path == "-" else Path(path).read_text(encoding="utf-8")
    return text.splitlines()


async def _ask_batch(options: argparse.Namespace, questions: Sequence[Question]) -> int:
    code = 0
    async with reached(options, _sampling(options)) as model:
        number = 0
        async for answer in answers(model, questions, options.at_once, options.system):
            number += 1
            if isinstance(answer, ModelError):
                code = failed("chat", f"question {number}: {answer}", NOT_READY)
            elif options.output == "json":
                document = {"question": number, **answer_document(answer)}
                print(json.dumps(document, ensure_ascii=False), flush=True)
            else:
                print(f"{number}: {answer.text}", flush=True)
    return code


def _chat(options: argparse.Namespace) -> int:
    """Chat until the input ends.

    Each answer is a run of the event loop of its own, so that Ctrl-C ends the answer and not the chat.
    """
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()

        async def reach() -> Model:
            return await stack.enter_async_context(reached(options, _sampling(options)))

        try:
            model = runner.run(reach())
            turns = Turns(model, options.system, options.image)
            turns.greet()
            while (line := turns.read()) is not None:
                runner.run(turns.take(line))
        finally:
            runner.run(stack.aclose())
    return 0


def answer_document(answer: Answer) -> dict[str, Any]:
    """Return an answer as a JSON object of ``-o json``, times in seconds."""
    return {
        "text": answer.text,
        "finishReason": answer.finish_reason,
        "promptTokens": answer.prompt_tokens,
        "completionTokens": answer.completion_tokens,
        "firstTokenSeconds": answer.first_token_seconds,
        "seconds": answer.seconds,
    }
