"""Answers: what they say, what they cost, and how they stream."""

import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.cluster.waiting import eventually
from tests.stub.pictures import image_part, png
from tests.stub.server import MODEL, Stub, Stubs, chat_body, events


def test_an_answer_says_that_it_is_the_stubs(stub: Stub) -> None:
    text = stub.chat("one two three").json["choices"][0]["message"]["content"]
    assert text.startswith("[stub of LMDeploy 0.18.0, no model behind it]")
    assert text.endswith("one two three")


def test_text_is_counted_in_words(stub: Stub) -> None:
    body = stub.chat("one two three").json
    answer = body["choices"][0]["message"]["content"]
    assert body["usage"]["prompt_tokens"] == 3
    assert body["usage"]["completion_tokens"] == len(answer.split())
    assert body["usage"]["total_tokens"] == 3 + len(answer.split())


def test_images_cost_256_tokens_a_tile(stub: Stub) -> None:
    parts = [
        {"type": "text", "text": "compare these"},
        image_part(448, 448),
        image_part(1344, 1344),
        image_part(1344, 1344, max_dynamic_patch=1),
    ]
    body = stub.chat(parts).json
    assert body["usage"]["prompt_tokens"] == 2 + 256 * (1 + 10 + 1)
    assert "3 images of 1 + 10 + 1 tiles" in body["choices"][0]["message"]["content"]


def test_all_turns_of_a_chat_count(stub: Stub) -> None:
    messages = [
        {"role": "user", "content": [image_part(448, 448)]},
        {"role": "assistant", "content": "a cat"},
        {"role": "user", "content": "what colour"},
    ]
    body = stub.ask("POST", "/v1/chat/completions", {"model": MODEL, "messages": messages}).json
    assert body["usage"]["prompt_tokens"] == 256 + 2 + 2


def test_the_limit_cuts_an_answer(stub: Stub) -> None:
    choice = stub.chat("hello", max_tokens=3).json["choices"][0]
    assert choice["message"]["content"] == "[stub of LMDeploy"
    assert choice["finish_reason"] == "length"


def test_ignore_eos_makes_an_answer_as_long_as_its_limit(stub: Stub) -> None:
    assert stub.chat("hello", max_tokens=200, ignore_eos=True).json["usage"]["completion_tokens"] == 200


def test_several_prompts_are_several_choices(stub: Stub) -> None:
    body = stub.ask("POST", "/v1/completions", {"model": MODEL, "prompt": ["one", "two words"]}).json
    assert [choice["text"].split()[-1] for choice in body["choices"]] == ["one", "words"]
    assert body["usage"]["prompt_tokens"] == 3


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/completions"])
def test_a_stream_has_the_words_of_the_answer_its_end_and_its_usage(stub: Stub, path: str) -> None:
    body = {
        **chat_body("hello"),
        "prompt": "hello",
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    *chunks, usage = events(stub.send("POST", path, body))
    choices = [chunk["choices"][0] for chunk in chunks]
    text = "".join(choice["delta"]["content"] if "delta" in choice else choice["text"] for choice in choices)
    assert text.endswith("hello")
    assert [choice.get("finish_reason") for choice in choices] == [None] * (len(chunks) - 1) + ["stop"]
    assert all(chunk["usage"] is None for chunk in chunks)
    assert usage["choices"] == []
    assert usage["usage"]["completion_tokens"] == len(chunks) - 1


def test_a_stream_has_no_usage_unless_asked_for(stub: Stub) -> None:
    chunks = list(events(stub.send("POST", "/v1/chat/completions", chat_body("hello", stream=True))))
    assert not any("usage" in chunk for chunk in chunks)


class TestImageAddresses:
    """Where images may be fetched from."""

    @pytest.fixture
    def picture(self) -> Iterator[str]:
        """The address of an image on this machine."""

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(302 if self.path == "/moved" else 200)
                self.send_header("Location", "/picture") if self.path == "/moved" else None
                self.end_headers()
                self.wfile.write(png(1344, 1344))

            def log_message(self, *_: object) -> None:
                pass

        with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
            thread = threading.Thread(target=server.serve_forever, args=[0.02])
            thread.start()
            yield f"http://127.0.0.1:{server.server_port}/moved"
            server.shutdown()
            thread.join()

    def test_a_private_address_is_fetched_up_to_0_12_2(self, shared: Stubs, picture: str) -> None:
        old = shared.start(version="0.11.1")
        reply = old.chat([{"type": "image_url", "image_url": {"url": picture}}])
        assert reply.json["usage"]["prompt_tokens"] == 256 * 10

    def test_a_private_address_is_refused_from_0_12_3_on(self, stub: Stub, picture: str) -> None:
        reply = stub.chat([{"type": "image_url", "image_url": {"url": picture}}])
        assert reply.status == 400
        assert "Blocked non-global IP detected: 127.0.0.1" in reply.json["message"]

    def test_a_host_that_is_not_allowed_is_refused(self, shared: Stubs) -> None:
        strict = shared.start("--allowed-media-domains", "example.org")
        reply = strict.chat([{"type": "image_url", "image_url": {"url": "http://203.0.113.1/a.png"}}])
        assert reply.status == 400
        assert "allowed domains" in reply.json["message"]


def test_the_metrics_tell_of_running_and_waiting_requests(stubs: Stubs) -> None:
    busy = stubs.start("--max-batch-size", "1", STUB_TOKEN_SECONDS="0.01")
    body = chat_body("hello", stream=True, ignore_eos=True, max_tokens=100_000)
    streams = [busy.send("POST", "/v1/chat/completions", body) for _ in range(3)]
    labels = f'{{engine="0",model_name="{MODEL}"}}'

    def says(*lines: str) -> bool:
        return all(line in busy.ask("GET", "/metrics").body.decode() for line in lines)

    running, waiting = f"lmdeploy:num_requests_running{labels}", f"lmdeploy:num_api_requests_waiting{labels}"
    eventually(lambda: says(f"{running} 1.0", f"{waiting} 2.0"), "one runs and two wait")
    for stream in streams:
        stream.close()
    failed = f"lmdeploy:num_requests_failed{labels}"
    eventually(
        lambda: says(f"{running} 0.0", f"{waiting} 0.0", f"{failed} 3.0"), "the clients' leaving is seen"
    )


def test_prompts_are_read_one_after_the_other_and_take_time_by_their_length(stubs: Stubs) -> None:
    slow = stubs.start(STUB_PROMPT_TOKEN_SECONDS="0.1")
    body = chat_body("one two three four five", stream=True, max_tokens=1)
    started = time.monotonic()
    streams = [slow.send("POST", "/v1/chat/completions", body) for _ in range(3)]
    for stream in streams:
        list(events(stream))
    assert time.monotonic() - started >= 3 * 5 * 0.1
