"""The handlers that answer for the server itself (serve/openai/endpoints/management.py, models.py)."""

import asyncio
import os
import signal
import time

from aiohttp import web

from ..settings import Failure
from .context import Context
from .errors import RequestError, invalid_request


class Management:
    """Handlers of one server."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def health(self, _: web.Request) -> web.Response:
        """Answer for the engine, or in releases before 0.14 always with 200 and no body."""
        if not self._context.engine.health_is_real:
            return web.Response()
        status = self._health_status()
        body = {"status": status, "message": "This is a stub, there is no engine."}
        return web.json_response(body, status=200 if status in ("healthy", "sleeping") else 503)

    def _health_status(self) -> str:
        settings = self._context.settings
        if settings.current_failure() is Failure.UNHEALTHY:
            return "unhealthy"
        age = asyncio.get_running_loop().time() - self._context.opened
        if age < settings.initializing_seconds:
            return "initializing"
        return "sleeping" if self._context.generator.sleeping else "healthy"

    async def models(self, _: web.Request) -> web.Response:
        """List the model."""
        name = self._context.arguments.model_name
        card = {
            "id": name,
            "object": "model",
            "created": int(time.time()),
            "owned_by": "lmdeploy",
            "root": name,
            "parent": None,
            "permission": [],
        }
        return web.json_response({"object": "list", "data": [card]})

    async def metrics(self, _: web.Request) -> web.Response:
        """Tell the metrics."""
        exposition = self._context.metrics.exposition()
        return web.Response(
            body=exposition, headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"}
        )

    async def documentation(self, _: web.Request) -> web.Response:
        """Stand where FastAPI's pages are."""
        return web.Response(
            text=f"A stub of LMDeploy {self._context.engine.version}; it has no documentation.\n"
        )

    async def terminate(self, _: web.Request) -> web.Response:
        """End the server if clients may."""
        if not self._context.arguments.allow_terminate_by_client:
            raise RequestError(
                400,
                "The server can not be terminated. "
                "Please add --allow-terminate-by-client when start the server.",
            )
        os.kill(os.getpid(), signal.SIGTERM)
        return web.Response()

    async def sleep(self, request: web.Request) -> web.Response:
        """Fall asleep."""
        level = request.query.get("level", "1")
        if level not in ("1", "2"):
            raise RequestError(400, 'The "level" query parameter must be 1 or 2.')
        self._context.generator.sleeping = True
        return web.Response()

    async def wakeup(self, _: web.Request) -> web.Response:
        """Wake up."""
        self._context.generator.sleeping = False
        return web.Response()

    async def is_sleeping(self, _: web.Request) -> web.Response:
        """Tell whether it sleeps."""
        return web.json_response({"is_sleeping": self._context.generator.sleeping})

    async def abort_request(self, request: web.Request) -> web.Response:
        """End all answers if clients may; the stub has no sessions of which it could end one."""
        if not self._context.arguments.enable_abort_handling:
            text = "This server does not support abort requests. Enable with --enable-abort-handling flag."
            return web.Response(status=501, text=text)
        try:
            body = await request.json()
        except ValueError as error:
            return invalid_request(self._context.behaviour, str(error))
        if not body.get("abort_all"):
            raise RequestError(400, f"Session {body.get('session_id')} not found.")
        self._context.generator.abort_all()
        return web.Response()

    async def embeddings(self, _: web.Request) -> web.Response:
        """Refuse, as LMDeploy does."""
        raise RequestError(400, "Unsupported by turbomind.")

    async def absent(self, request: web.Request) -> web.Response:
        """Say that LMDeploy has this path and the stub does not act upon it."""
        raise RequestError(501, f"This is a stub of LMDeploy; it does nothing at {request.path}.")
