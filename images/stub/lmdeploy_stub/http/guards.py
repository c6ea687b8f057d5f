"""What a request passes before its handler: limit, sleep, key; the outermost first, as in LMDeploy."""

import asyncio
import hashlib
import secrets
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from .context import Context
from .errors import RequestError, error_response, invalid_request
from .routes import OPEN_PREFIXES, REFUSED_ASLEEP, routes_of


def guards(context: Context) -> list[Middleware]:
    """Return the middlewares of a server, the outermost first."""
    limit = context.arguments.max_concurrent_requests
    middlewares = [_limit(limit)] if limit is not None else []
    return [*middlewares, _sleep(context), _key(context), _errors(context)]


def _limit(requests: int) -> Middleware:
    """Let a number of requests in at a time, ``/health`` and ``/metrics`` among them."""
    places = asyncio.Semaphore(requests)

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        async with places:
            return await handler(request)

    return middleware


def _sleep(context: Context) -> Middleware:
    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        refuses = context.behaviour.refuses_while_sleeping and context.generator.sleeping
        if refuses and request.method == "POST" and request.path in REFUSED_ASLEEP:
            return error_response(context.behaviour, 503, "Engine is sleeping; call POST /wakeup first.")
        return await handler(request)

    return middleware


def _key(context: Context) -> Middleware:
    """Ask for a key: on every path but a few, or in older releases on single routes."""
    keys = [_digest(key) for key in context.arguments.api_keys]
    everywhere = context.behaviour.guards_every_path
    routes = {(r.method, r.path) for r in routes_of(context.behaviour.release) if r.key}

    def is_guarded(request: web.Request) -> bool:
        if everywhere:
            return request.method != "OPTIONS" and not request.path.startswith(OPEN_PREFIXES)
        return (request.method, request.path) in routes

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        if keys and is_guarded(request) and not _has_key(request, keys):
            return _unauthorized(context)
        return await handler(request)

    return middleware


def _has_key(request: web.Request, keys: list[bytes]) -> bool:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    # Every key is compared, so that the time taken tells nothing.
    matches = [secrets.compare_digest(_digest(token), key) for key in keys]
    return scheme.lower() == "bearer" and any(matches)


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode()).digest()


def _unauthorized(context: Context) -> web.Response:
    if context.behaviour.maps_errors:
        return error_response(context.behaviour, 401, "Unauthorized.")
    if context.behaviour.guards_every_path:
        return web.json_response({"error": "Unauthorized"}, status=401)
    error: dict[str, Any] = {
        "message": "Please request with valid api key!",
        "type": "invalid_request_error",
        "param": None,
        "code": "invalid_api_key",
    }
    return web.json_response({"detail": {"error": error}}, status=401)


def _errors(context: Context) -> Middleware:
    """Word refusals as LMDeploy does, and ask for JSON where it does."""
    behaviour = context.behaviour

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            if behaviour.guards_every_path and _has_wrong_type(request):
                return invalid_request(
                    behaviour, "Unsupported Media Type: Only 'application/json' is allowed"
                )
            return await handler(request)
        except web.HTTPNotFound:
            return web.json_response({"detail": "Not Found"}, status=404)
        except web.HTTPMethodNotAllowed as error:
            return web.json_response({"detail": "Method Not Allowed"}, status=405, headers=error.headers)
        except RequestError as error:
            return error_response(behaviour, error.status, error.message)

    return middleware


def _has_wrong_type(request: web.Request) -> bool:
    known = request.match_info.http_exception is None
    return known and request.method == "POST" and request.content_type != "application/json"
