"""Health and metrics over HTTP, outside Kopf: they answer also while Kopf starts, stops or hangs."""

import asyncio

from aiohttp import web
from prometheus_client import generate_latest

from internvl_operator.runtime.controller import Controller
from internvl_operator.runtime.monitoring.metrics import Metrics


async def serve_health(
    controller: Controller, metrics: Metrics, watches: asyncio.Event, port: int
) -> web.AppRunner:
    """Serve /healthz, /readyz and /metrics on every address; clean up the returned runner to stop.

    Ready means that everything has been listed once and that the informer has started, which sets ``watches``. A
    replica that stands by is ready too.

    Raises:
        OSError: the port is taken.
    """

    async def healthz(_: web.Request) -> web.Response:
        problem = controller.why_unhealthy()
        return web.Response(status=503 if problem else 200, text=problem or "ok")

    async def readyz(_: web.Request) -> web.Response:
        ready = controller.listed.is_set() and watches.is_set()
        return web.Response(status=200 if ready else 503, text="ok" if ready else "starting")

    async def prometheus(_: web.Request) -> web.Response:
        controller.update_gauges()
        return web.Response(body=generate_latest(metrics.registry), content_type="text/plain")

    application = web.Application()
    application.router.add_get("/healthz", healthz)
    application.router.add_get("/readyz", readyz)
    application.router.add_get("/metrics", prometheus)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, port=port).start()
    return runner
