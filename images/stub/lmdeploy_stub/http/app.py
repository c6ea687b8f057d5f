"""The HTTP application of one server."""

import asyncio
from pathlib import Path

from aiohttp import web

from ..command_line import Arguments
from ..generation import Generator
from ..load import Load
from ..model import served_model
from ..prompt.images import ImageLoader
from ..release import behaviour_of
from ..settings import Settings
from .completions import Completions
from .context import Context
from .guards import guards
from .management import Management
from .metrics import Metrics
from .routes import routes_of

_DEFAULT_BATCH = 128
_MAX_BODY_BYTES = 1 << 30


def application(settings: Settings, arguments: Arguments) -> web.Application:
    """Return the application of a server whose model is loaded."""
    context = _context(settings, arguments)
    app = web.Application(middlewares=guards(context), client_max_size=_MAX_BODY_BYTES)
    _add_routes(app, context)

    async def sign(_: web.Request, response: web.StreamResponse) -> None:
        response.headers["Server"] = f"lmdeploy-stub/{settings.engine.version}"

    app.on_response_prepare.append(sign)
    return app


def _context(settings: Settings, arguments: Arguments) -> Context:
    behaviour = behaviour_of(settings.engine)
    model = served_model(Path(arguments.model_path))
    load = Load()
    metrics = Metrics(behaviour.release, arguments.model_name, load)
    return Context(
        settings=settings,
        arguments=arguments,
        engine=settings.engine,
        behaviour=behaviour,
        model=model,
        session_len=arguments.session_len or model.session_len,
        generator=Generator(settings, arguments.max_batch_size or _DEFAULT_BATCH, load, metrics),
        loader=ImageLoader(
            behaviour.refuses_private_addresses,
            arguments.allowed_media_domains,
            settings.image_fetch_seconds,
        ),
        metrics=metrics,
        opened=asyncio.get_running_loop().time(),
    )


def _add_routes(app: web.Application, context: Context) -> None:
    management, completions = Management(context), Completions(context)
    handlers = {
        "/health": management.health,
        "/v1/models": management.models,
        "/v1/chat/completions": completions.chat,
        "/v1/completions": completions.text,
        "/v1/embeddings": management.embeddings,
        "/terminate": management.terminate,
        "/sleep": management.sleep,
        "/wakeup": management.wakeup,
        "/is_sleeping": management.is_sleeping,
        "/abort_request": management.abort_request,
    }
    for route in routes_of(context.behaviour.release):
        app.router.add_route(route.method, route.path, handlers.get(route.path, management.absent))
    if context.arguments.metrics:
        app.router.add_route("GET", "/metrics{rest:.*}", management.metrics)
    if not context.arguments.disable_fastapi_docs:
        for path in ("/", "/redoc", "/openapi.json"):
            app.router.add_route("GET", path, management.documentation)
