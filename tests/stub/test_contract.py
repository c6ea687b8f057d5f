"""The HTTP contract, path by path: what each release answers with no key, a wrong key and the right one.

The facts are from LMDeploy's own files at each release's tag: serve/openai/api_server.py (up to 0.15),
serve/openai/endpoints/*.py (from 0.16), serve/utils/server_utils.py and serve/core/exceptions.py. A 501 is the
stub's own answer where LMDeploy has a path and the stub does nothing.
"""

from dataclasses import dataclass, field

import pytest

from tests.stub.server import MODEL, Stub, Stubs, chat_body

KEYS_BY_ROUTE = ("0.9.2", "0.10.2", "0.11.1")
"""Up to 0.12.1 single routes ask for a key."""

KEYS_EVERYWHERE = ("0.12.3", "0.13.0", "0.14.0", "0.15.0", "0.16.0", "0.17.0", "0.18.0")
"""From 0.12.2 on one middleware does (AuthenticationMiddleware)."""

RELEASES = (*KEYS_BY_ROUTE, *KEYS_EVERYWHERE)


@dataclass(frozen=True)
class Path:
    """What is expected of one path.

    Attributes:
        status: with the right key.
        by_route: it asks for a key up to 0.12.1.
        everywhere: it asks for a key from 0.12.2 on.
        absent: releases in which it is not found.
    """

    method: str
    path: str
    status: int
    by_route: bool
    everywhere: bool = True
    absent: tuple[str, ...] = ()
    body: dict[str, object] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


CONTRACT = (
    Path("GET", "/health", 200, by_route=False, everywhere=False),
    Path("GET", "/healthz", 404, by_route=False, everywhere=False),
    Path("GET", "/docs", 404, by_route=False, everywhere=False),
    Path("GET", "/redoc", 200, by_route=False, everywhere=False),
    Path("GET", "/nodes/status", 404, by_route=False, everywhere=False),
    Path("GET", "/", 200, by_route=False),
    Path("GET", "/openapi.json", 200, by_route=False),
    Path("GET", "/no-such-path", 404, by_route=False),
    # Up to 0.10 only with --enable-metrics.
    Path("GET", "/metrics", 200, by_route=False, absent=("0.9.2", "0.10.2")),
    Path("GET", "/v1/models", 200, by_route=True),
    Path("POST", "/v1/chat/completions", 200, by_route=True, body=chat_body("hello")),
    Path("POST", "/v1/completions", 200, by_route=True, body={"model": MODEL, "prompt": "hello"}),
    Path("POST", "/v1/embeddings", 400, by_route=False),
    Path("POST", "/v1/encode", 501, by_route=True),
    Path("POST", "/pooling", 501, by_route=False),
    Path("POST", "/update_weights", 501, by_route=True),
    Path("POST", "/generate", 501, by_route=True, absent=("0.9.2",)),
    Path("GET", "/distserve/engine_info", 501, by_route=False),
    Path("POST", "/v1/chat/interactive", 501, by_route=True, absent=("0.16.0", "0.17.0", "0.18.0")),
    Path("POST", "/v1/messages", 501, by_route=True, absent=(*KEYS_BY_ROUTE, "0.12.3")),
    Path("POST", "/v1/responses", 501, by_route=True, absent=(*KEYS_BY_ROUTE, "0.12.3", "0.13.0")),
    Path("GET", "/terminate", 400, by_route=False),
    Path("POST", "/wakeup", 200, by_route=True, absent=("0.9.2",)),
    Path("GET", "/is_sleeping", 200, by_route=True, absent=("0.9.2", "0.10.2")),
    Path("POST", "/abort_request", 501, by_route=False, absent=("0.9.2", "0.10.2")),
)


@pytest.fixture(scope="module", params=RELEASES)
def guarded(request: pytest.FixtureRequest, shared: Stubs) -> tuple[str, Stub]:
    """A release and a stub of it that asks for one of two keys."""
    version = str(request.param)
    return version, shared.start("--api-keys", "right", "other", version=version)


@pytest.mark.parametrize("path", CONTRACT, ids=str)
def test_a_path_answers_as_in_the_release(guarded: tuple[str, Stub], path: Path) -> None:
    version, stub = guarded
    is_absent = version in path.absent
    asks = path.everywhere if version in KEYS_EVERYWHERE else path.by_route and not is_absent
    with_key = 404 if is_absent else path.status
    without = 401 if asks else with_key
    replies = [
        stub.ask(path.method, path.path, path.body, authorization)
        for authorization in (None, "Bearer wrong", "Basic right", "Bearer right", "bearer other")
    ]
    assert [reply.status for reply in replies] == [without, without, without, with_key, with_key]


def test_every_answer_is_signed_by_the_stub(guarded: tuple[str, Stub]) -> None:
    version, stub = guarded
    for path in ("/health", "/v1/models", "/no-such-path"):
        assert stub.ask("GET", path).headers["Server"] == f"lmdeploy-stub/{version}"


def test_the_refusal_of_a_key_has_the_body_of_the_release(guarded: tuple[str, Stub]) -> None:
    version, stub = guarded
    body = stub.ask("GET", "/v1/models").json
    if version in KEYS_BY_ROUTE:
        assert body["detail"]["error"]["code"] == "invalid_api_key"
    elif version in ("0.12.3", "0.13.0", "0.14.0", "0.15.0"):
        assert body == {"error": "Unauthorized"}
    else:
        assert (body["code"], body["type"]) == (401, "authentication_error")


def test_health_says_how_the_engine_is_from_0_14_on(guarded: tuple[str, Stub]) -> None:
    version, stub = guarded
    reply = stub.ask("GET", "/health")
    if version in RELEASES[RELEASES.index("0.14.0") :]:
        assert reply.json["status"] == "healthy"
    else:
        assert reply.body == b""
