"""The paths of each release, and which of them asked for a key before one middleware guarded them all.

The sources are LMDeploy's decorators: serve/openai/api_server.py, from 0.16 on serve/openai/endpoints/*.py,
and serve/anthropic/endpoints/*.py.
"""

import sys
from dataclasses import dataclass

from internvl_operator.catalog.hardware.image_variants import Release

_NEVER: Release = (sys.maxsize,)


@dataclass(frozen=True, slots=True)
class Route:
    """One method of one path.

    Attributes:
        method: GET or POST.
        path: without parameters.
        key: it asks for a key where single routes do (up to 0.12.1).
        since: the first release with it.
        before: the first release without it again.
    """

    method: str
    path: str
    key: bool
    since: Release = (0,)
    before: Release = _NEVER


_ALL = (
    Route("GET", "/health", key=False),
    Route("GET", "/v1/models", key=True),
    Route("POST", "/v1/chat/completions", key=True),
    Route("POST", "/v1/completions", key=True),
    Route("POST", "/v1/embeddings", key=False),
    Route("POST", "/v1/encode", key=True),
    Route("POST", "/v1/chat/interactive", key=True, before=(0, 16)),
    Route("POST", "/v1/chat/completions_qos", key=False, before=(0, 6)),
    Route("POST", "/v1/completions_qos", key=False, before=(0, 6)),
    Route("POST", "/v1/chat/interactive_qos", key=False, before=(0, 6)),
    Route("GET", "/terminate", key=False, since=(0, 9)),
    Route("POST", "/pooling", key=False, since=(0, 9)),
    Route("POST", "/update_weights", key=True, since=(0, 9)),
    Route("GET", "/distserve/engine_info", key=False, since=(0, 9)),
    Route("POST", "/distserve/p2p_initialize", key=False, since=(0, 9)),
    Route("POST", "/distserve/p2p_connect", key=False, since=(0, 9)),
    Route("POST", "/distserve/p2p_drop_connect", key=False, since=(0, 9)),
    Route("POST", "/distserve/free_cache", key=False, since=(0, 9)),
    Route("POST", "/generate", key=True, since=(0, 10)),
    Route("POST", "/sleep", key=True, since=(0, 10)),
    Route("POST", "/wakeup", key=True, since=(0, 10)),
    Route("GET", "/is_sleeping", key=True, since=(0, 11)),
    Route("POST", "/abort_request", key=False, since=(0, 11)),
    Route("POST", "/v1/messages", key=True, since=(0, 13)),
    Route("POST", "/v1/messages/count_tokens", key=True, since=(0, 13)),
    Route("GET", "/anthropic/v1/models", key=True, since=(0, 13)),
    Route("POST", "/v1/responses", key=True, since=(0, 14)),
    Route("POST", "/get_ppl", key=True, since=(0, 14)),
    Route("POST", "/init_weights_update_group", key=True, since=(0, 14)),
    Route("POST", "/update_weights_from_distributed", key=True, since=(0, 14)),
    Route("POST", "/destroy_weights_update_group", key=True, since=(0, 14)),
    Route("GET", "/update_weights_from_ipc", key=True, since=(0, 18)),
    Route("POST", "/update_weights_from_ipc", key=True, since=(0, 18)),
)

OPEN_PREFIXES = ("/health", "/docs", "/redoc", "/nodes")
"""Paths that the middleware lets pass without a key (serve/utils/server_utils.py)."""

REFUSED_ASLEEP = frozenset(
    {"/v1/chat/completions", "/v1/completions", "/v1/responses", "/v1/messages", "/generate"}
)
"""Paths that answer 503 between ``/sleep`` and ``/wakeup`` (serve/utils/server_utils.py)."""


def routes_of(release: Release) -> tuple[Route, ...]:
    """Return the routes of a release."""
    return tuple(route for route in _ALL if route.since <= release < route.before)
