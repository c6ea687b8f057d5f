"""The life of the process: read the command line, load, open the port, serve, drain, end."""

import asyncio
import logging
import signal
import ssl
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from aiohttp import web

from internvl_operator.catalog.models import Backend

from .command_line import Arguments, parse
from .generation import abort
from .http.app import application
from .model import served_model
from .release import behaviour_of
from .settings import Failure, Settings, settings_from

_LOGGER = logging.getLogger(__name__)

_NO_LIMIT_SECONDS = 10**8
"""Uvicorn waits for requests in flight without a limit; aiohttp wants a number."""


def main(argv: Sequence[str], environment: Mapping[str, str]) -> int:
    """Run ``lmdeploy`` with these arguments and return its exit status."""
    logging.basicConfig(format="[stub] %(asctime)s - lmdeploy - %(levelname)s - %(message)s")
    try:
        settings = settings_from(environment)
    except ValueError as error:
        _LOGGER.error(error)
        return 2
    arguments = parse(argv, settings.engine)
    problem = _problem(settings, arguments)
    if problem is not None:
        _LOGGER.error(problem)
        return 1
    _load(settings)
    ended_by = asyncio.run(_serve(settings, arguments))
    # As uvicorn ends: by the signal itself, so that the parent sees which it was.
    signal.signal(ended_by, signal.SIG_DFL)
    signal.raise_signal(ended_by)
    return 128 + ended_by


def _problem(settings: Settings, arguments: Arguments) -> str | None:
    """Return why LMDeploy could not load the model, if there is a reason."""
    engine, directory = settings.engine, Path(arguments.model_path)
    if not directory.is_dir() and not settings.allow_missing_model:
        return f"OSError: {directory} is no directory, and the stub downloads nothing"
    if engine.requires_trust_remote_code and not arguments.trust_remote_code:
        return f"ValueError: {directory} has code of its own: pass --trust-remote-code"
    phi3 = served_model(directory).architecture == "Phi3ForCausalLM"
    if phi3 and arguments.backend is Backend.TURBOMIND and behaviour_of(engine).refuses_phi3_on_turbomind:
        return "ValueError: TurboMind does not support Phi3ForCausalLM: pass --backend pytorch"
    if arguments.ssl and settings.certificate is None:
        return "KeyError: --ssl needs SSL_KEYFILE and SSL_CERTFILE"
    return None


def _load(settings: Settings) -> None:
    """Take the time that loading takes, and fail in it if that is asked for; the port is closed."""
    _LOGGER.warning("LMDeploy %s loads nothing for %g s", settings.engine.version, settings.load_seconds)
    time.sleep(settings.load_seconds)
    match settings.current_failure():
        case Failure.OUT_OF_MEMORY:
            abort("[TM][FATAL] CUDA runtime error: out of memory")
        case Failure.HANG_IN_WARMUP:
            _LOGGER.error("[TM][ERROR] CUDA runtime error: out of memory")
            while True:
                signal.pause()
        case _:
            return


async def _serve(settings: Settings, arguments: Arguments) -> signal.Signals:
    """Serve until a signal comes and the requests in flight are answered; return the signal."""
    loop = asyncio.get_running_loop()
    ended_by: asyncio.Future[signal.Signals] = loop.create_future()

    def end(number: signal.Signals) -> None:
        if not ended_by.done():
            ended_by.set_result(number)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, end, number)
    runner = web.AppRunner(
        application(settings, arguments),
        access_log=None,
        keepalive_timeout=settings.keep_alive_seconds,
        shutdown_timeout=_NO_LIMIT_SECONDS,
    )
    await runner.setup()
    site = web.TCPSite(
        runner,
        arguments.server_name,
        arguments.server_port,
        ssl_context=_certificate(settings) if arguments.ssl else None,
    )
    await site.start()
    _LOGGER.warning("serves on http://%s:%d", arguments.server_name, arguments.server_port)
    received = await ended_by
    await runner.cleanup()
    return received


def _certificate(settings: Settings) -> ssl.SSLContext:
    assert settings.certificate is not None, "checked before loading"
    key, certificate = settings.certificate
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    return context
