"""``internvl run``: runs the controller; its settings are environment variables INTERNVL_*."""

import argparse
import asyncio
import logging
import os
import sys
import threading
from collections.abc import Sequence

from internvl_operator.cli.exit_codes import exit_code_of
from internvl_operator.kube.credentials import load_credentials
from internvl_operator.runtime.app import run
from internvl_operator.runtime.configuration import checked_platform_defaults
from internvl_operator.runtime.informer.informer import WatchEndedError
from internvl_operator.runtime.leadership import LeaseLostError
from internvl_operator.settings import Settings

_LEAVE_SECONDS = 5.0
"""Time that cancelled tasks get to end; whatever must not be lost is done before that."""


def main(arguments: Sequence[str]) -> int:
    """Run the controller until it gets SIGTERM or SIGINT, or check what it would run with."""
    parser = argparse.ArgumentParser(prog="internvl run", description=__doc__)
    parser.add_argument("--log-level", default="INFO", choices=["DEBUG", "INFO", "WARNING", "ERROR"])
    parser.add_argument(
        "--check", action="store_true", help="check the settings and the platform defaults, and end"
    )
    options = parser.parse_args(arguments)
    logging.basicConfig(
        level=options.log_level, format="%(asctime)s %(levelname)s %(name)s: %(message)s", stream=sys.stderr
    )
    work = _checked if options.check else _until_stopped
    return exit_code_of("run", work, (LeaseLostError, WatchEndedError))


def _checked() -> int:
    checked_platform_defaults(Settings.from_environment(os.environ))
    return 0


def _until_stopped() -> int:
    settings = Settings.from_environment(os.environ)
    try:
        asyncio.run(_run(settings))
    except asyncio.CancelledError:
        logging.getLogger(__name__).info("stopped before it had started")
    return 0


async def _run(settings: Settings) -> None:
    try:
        await run(settings, load_credentials)
    except asyncio.CancelledError:
        _leave_within(_LEAVE_SECONDS, 0)
        raise
    except BaseException:
        _leave_within(_LEAVE_SECONDS, 1)
        raise
    _leave_within(_LEAVE_SECONDS, 0)


def _leave_within(seconds: float, code: int) -> None:
    """End the process after some seconds unless it has ended by then.

    A watch of Kopf's may take its cancellation for the end of a pause and go on, and asyncio waits for every task.
    """
    timer = threading.Timer(seconds, os._exit, (code,))
    timer.daemon = True
    timer.start()
