"""``internvl run``: runs the controller; its settings are environment variables INTERNVL_*."""

import argparse
import asyncio
import logging
import os
import sys
import threading
from collections.abc import Sequence

from internvl_operator.api.platform_defaults import PlatformDefaults
from internvl_operator.cli.exit_codes import exit_code_of
from internvl_operator.kube.credentials import load_credentials
from internvl_operator.runtime.app import run
from internvl_operator.runtime.checked_settings import checked_platform_defaults
from internvl_operator.runtime.informer.informer import WatchEndedError
from internvl_operator.runtime.leadership import LeaseLostError
from internvl_operator.settings import Settings
from internvl_operator.text.json_log import JsonFormatter

_LOG_FORMATS = ("text", "json")

_LEAVE_SECONDS = 5.0
"""How long cancelled tasks may take to end; nothing that must not be lost is left to do by then."""


def main(arguments: Sequence[str]) -> int:
    """Run the controller until it gets SIGTERM or SIGINT, or check what it would run with."""
    parser = argparse.ArgumentParser(
        prog="internvl run",
        description="Runs the controller; its settings are environment variables INTERNVL_*.",
        epilog="Example: KUBECONFIG=~/.kube/config internvl run --log-format json",
    )
    parser.add_argument("--log-level", default="INFO", choices=["DEBUG", "INFO", "WARNING", "ERROR"])
    parser.add_argument(
        "--log-format",
        choices=_LOG_FORMATS,
        help="text, or one JSON object a line ($INTERNVL_LOG_FORMAT, or text)",
    )
    parser.add_argument(
        "--check", action="store_true", help="check the settings and the platform defaults, and end"
    )
    options = parser.parse_args(arguments)
    log_format = options.log_format or os.environ.get("INTERNVL_LOG_FORMAT") or "text"
    if log_format not in _LOG_FORMATS:
        parser.error(f"INTERNVL_LOG_FORMAT: {log_format!r} is neither text nor json")
    _log_to_stderr(options.log_level, log_format)
    return exit_code_of("run", lambda: _run(is_check=options.check), (LeaseLostError, WatchEndedError))


def _log_to_stderr(level: str, form: str) -> None:
    text = logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s")
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if form == "json" else text)
    logging.basicConfig(level=level, handlers=[handler])


def _run(*, is_check: bool) -> int:
    settings = Settings.from_environment(os.environ)
    platform = checked_platform_defaults(settings)
    if is_check:
        return 0
    try:
        while leaving := asyncio.run(_until_stopped(settings, platform)):
            leaving.cancel()
    except asyncio.CancelledError:
        logging.getLogger(__name__).info("stopped before it had started")
    return 0


async def _until_stopped(settings: Settings, platform: PlatformDefaults) -> threading.Timer | None:
    """Run the controller; return what would end the process, to be cancelled, if it is to run again."""
    try:
        is_to_run_again = await run(settings, platform, load_credentials)
    except asyncio.CancelledError:
        _leave_within(_LEAVE_SECONDS, 0)
        raise
    except BaseException:
        _leave_within(_LEAVE_SECONDS, 1)
        raise
    leaving = _leave_within(_LEAVE_SECONDS, 0)
    return leaving if is_to_run_again else None


def _leave_within(seconds: float, code: int) -> threading.Timer:
    """End the process after some seconds unless it has ended by then, or this is cancelled.

    A watch of Kopf's may take its cancellation for the end of a pause and go on, and asyncio waits for every task.
    """
    timer = threading.Timer(seconds, os._exit, (code,))
    timer.daemon = True
    timer.start()
    return timer
