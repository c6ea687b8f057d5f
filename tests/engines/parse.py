"""Ask a release's own argument parser about argument lists of ``lmdeploy serve api_server``."""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.engines.release import sources

PARSER = Path(__file__).with_name("api_server_parser.py")


def ask(version: str, argument_lists: Sequence[Sequence[str]] = ()) -> dict[str, Any]:
    """Return what :mod:`tests.engines.api_server_parser` answers for a release.

    Raises:
        ReleaseUnavailableError: the release is not cached and cannot be fetched.
    """
    completed = subprocess.run(
        [sys.executable, "-I", "-S", str(PARSER), str(sources(version))],
        input=json.dumps([list(arguments) for arguments in argument_lists]),
        capture_output=True,
        text=True,
        check=True,
    )
    answer: dict[str, Any] = json.loads(completed.stdout)
    return answer


def parse_errors(version: str, argument_lists: Sequence[Sequence[str]]) -> list[str | None]:
    """Return for each argument list None when the release accepts it, else its parser's error message.

    An argument list is what follows ``lmdeploy serve api_server``: the model path and the flags.

    Raises:
        ReleaseUnavailableError: the release is not cached and cannot be fetched.
    """
    errors: list[str | None] = ask(version, argument_lists)["errors"]
    return errors
