"""Requests that are refused, in the releases before and after errors had a status each (0.16).

The facts are from serve/openai/api_server.py, serve/core/exceptions.py, serve/core/async_engine.py and
serve/openai/endpoints/common.py at each release's tag.
"""

import pytest

from tests.stub.server import MODEL, Reply, Stub, Stubs, chat_body

MAPPED = ("0.16.0", "0.18.0")


@pytest.fixture(scope="module", params=("0.11.1", "0.12.3", "0.13.0", "0.15.0", "0.16.0", "0.18.0"))
def served(request: pytest.FixtureRequest, shared: Stubs) -> tuple[str, Stub]:
    version = str(request.param)
    return version, shared.start("--session-len", "100", version=version)


def test_another_model_is_not_found(served: tuple[str, Stub]) -> None:
    version, stub = served
    reply = stub.ask("POST", "/v1/chat/completions", {**chat_body("hello"), "model": "another"})
    kind = "not_found_error" if version in MAPPED else "invalid_request_error"
    assert (reply.status, reply.json["code"], reply.json["type"]) == (404, 404, kind)


@pytest.mark.parametrize("fields", [{"top_p": 0}, {"temperature": 3}, {"n": -1}, {"max_tokens": 0}])
def test_a_value_out_of_range_is_refused(served: tuple[str, Stub], fields: dict[str, object]) -> None:
    assert served[1].chat("hello", **fields).status == 400


@pytest.mark.parametrize("body", [{}, {"model": MODEL}, {"model": MODEL, "messages": None}, []])
def test_a_body_without_its_fields_is_refused(served: tuple[str, Stub], body: object) -> None:
    version, stub = served
    expected = 400 if version in MAPPED else 422
    assert stub.ask("POST", "/v1/chat/completions", body).status == expected


def test_a_prompt_that_fills_the_session_is_an_error_from_0_16_on(served: tuple[str, Stub]) -> None:
    version, stub = served
    assert stub.chat("word " * 99).status == 200
    reply = stub.chat("word " * 100)
    if version in MAPPED:
        assert reply.status == 400
        assert "(100) must be smaller than the model context length (100)" in reply.json["message"]
    else:
        assert reply.status == 200
        assert reply.json["choices"][0]["message"]["content"] == ""
        assert reply.json["choices"][0]["finish_reason"] == "length"


def test_an_image_that_cannot_be_read_is_an_error_of_the_release(served: tuple[str, Stub]) -> None:
    version, stub = served
    part = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
    assert outcome(stub.chat([part])) == unusable_prompt(version)


def outcome(reply: Reply) -> tuple[int, str | None]:
    """Return the status, and where there is an answer the reason for its end."""
    return reply.status, reply.json["choices"][0]["finish_reason"] if reply.status == 200 else None


def unusable_prompt(version: str) -> tuple[int, str | None]:
    if version in MAPPED:
        return 400, None
    return (200, "error") if version in ("0.13.0", "0.15.0") else (500, None)
