"""``internvl smoke``: whether a served model answers."""

import argparse
import asyncio
import json
from collections.abc import Sequence

from internvl_operator.chat.checks import CHECKS, Result, run_checks
from internvl_operator.cli.chat.served_model import FAILURES, reached
from internvl_operator.cli.chat.target import add_target_options
from internvl_operator.cli.exit_codes import NOT_READY, exit_code_of
from internvl_operator.cli.text_table import line

_SAMPLING = {"temperature": 0.8, "top_p": 0.8, "max_tokens": 64}
"""Temperature and top_p of the guide's example."""

_HEADER = ("check", "result", "first token", "answer", "prompt", "")
_WIDTHS = (14, 6, -11, -8, -11, 0)


def main(arguments: Sequence[str]) -> int:
    """Print how each check ended; return 0, 1 when one failed, 2 for wrong usage or no such resource."""
    options = _parser().parse_args(arguments)
    return exit_code_of("smoke", lambda: asyncio.run(_run(options)), FAILURES)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="internvl smoke",
        description="Asks a served model as the models' published guide does: an image, several images, a batch, "
        "several turns, the openai package's own call, streaming. Prints pass or fail for each.",
        epilog="Exit code: 0 all passed, 1 one failed or the model does not answer, 2 wrong usage or no such "
        "resource. Example: internvl smoke captions -n vision",
    )
    add_target_options(parser)
    parser.add_argument(
        "--check",
        metavar="CHECK",
        action="append",
        choices=list(CHECKS),
        help=f"run this one; may be repeated (all: {', '.join(CHECKS)})",
    )
    parser.add_argument(
        "--check-answers",
        action="store_true",
        help="fail when an answer does not name the colours in the images; the stub's never do",
    )
    parser.add_argument("-o", "--output", choices=["table", "json"], default="table")
    return parser


async def _run(options: argparse.Namespace) -> int:
    results = []
    async with reached(options, _SAMPLING) as model:
        if options.output == "table":
            print(model.name, line(_HEADER, _WIDTHS), sep="\n")
        async for result in run_checks(model, options.check or list(CHECKS), options.check_answers):
            results.append(result)
            if options.output == "table":
                print(_row(result), flush=True)
    passed = sum(result.problem is None for result in results)
    if options.output == "json":
        document = {
            "model": model.name,
            "passed": passed == len(results),
            "checks": [_document(each) for each in results],
        }
        print(json.dumps(document, indent=2, ensure_ascii=False))
    else:
        print(f"{passed} of {len(results)} passed")
    return 0 if passed == len(results) else NOT_READY


def _row(result: Result) -> str:
    tokens = _prompt_tokens(result)
    cells = (
        result.name,
        "fail" if result.problem else "pass",
        _time(result.first_token_seconds),
        _time(result.seconds),
        "-" if tokens is None else f"{tokens} tokens",
        result.problem or "",
    )
    return line(cells, _WIDTHS)


def _time(seconds: float | None) -> str:
    return "-" if seconds is None else f"{seconds:.2f} s"


def _prompt_tokens(result: Result) -> int | None:
    """Return the length of the longest prompt."""
    return max((each.prompt_tokens for each in result.answers if each.prompt_tokens), default=None)


def _document(result: Result) -> dict[str, object]:
    return {
        "name": result.name,
        "passed": result.problem is None,
        "problem": result.problem,
        "firstTokenSeconds": result.first_token_seconds,
        "seconds": result.seconds,
        "promptTokens": _prompt_tokens(result),
    }
