"""The life of the process: arguments, loading, health, failures on demand, the end."""

import http.client
import json
from contextlib import closing
from pathlib import Path

import pytest

from tests.cluster.waiting import eventually
from tests.stub.server import DIRECTORY, SECONDS, Stub, Stubs, chat_body, events

LONG = chat_body("hello", stream=True, ignore_eos=True, max_tokens=40)


def test_an_unknown_flag_is_fatal(stubs: Stubs) -> None:
    stub = stubs.launch("--no-such-flag")
    assert stub.ended() == 2
    assert "unrecognized arguments: --no-such-flag" in stub.process.log_tail()


def test_a_flag_of_another_release_is_fatal(stubs: Stubs) -> None:
    assert stubs.launch("--trust-remote-code", version="0.12.3").ended() == 2
    assert stubs.launch("--enable-metrics", version="0.18.0").ended() == 2


def test_a_model_that_is_not_there_is_fatal(stubs: Stubs) -> None:
    assert stubs.launch(directory="absent").ended() == 1


def test_a_model_that_is_not_there_may_be_allowed(stubs: Stubs) -> None:
    stub = stubs.launch(directory="absent", environment={"STUB_ALLOW_MISSING_MODEL": "1"})
    stub.process.wait_ready()
    assert stub.chat("hello").status == 200


def test_the_models_own_code_must_be_trusted(stubs: Stubs) -> None:
    stub = stubs.launch(trusting=False)
    assert stub.ended() == 1
    assert "--trust-remote-code" in stub.process.log_tail()


@pytest.mark.parametrize(("version", "serves"), [("0.13.0", True), ("0.14.0", False)])
def test_turbomind_refuses_phi3_from_0_14_on(
    stubs: Stubs, tmp_path: Path, version: str, serves: bool
) -> None:
    config = {"llm_config": {"architectures": ["Phi3ForCausalLM"]}}
    (tmp_path / DIRECTORY / "config.json").write_text(json.dumps(config))
    stub = stubs.launch(version=version)
    if serves:
        stub.process.wait_ready()
    else:
        assert stub.ended() == 1
    stubs.launch("--backend", "pytorch", version=version).process.wait_ready()


def test_the_session_is_as_long_as_the_models_configuration_says(stubs: Stubs, tmp_path: Path) -> None:
    (tmp_path / DIRECTORY / "config.json").write_text('{"llm_config": {"max_position_embeddings": 10}}')
    assert "context length (10)" in stubs.start().chat("word " * 10).json["message"]


def statuses_of_health(stub: Stub) -> list[int]:
    """Follow a start up to the first 200 and return what changed on the way; 0: the port was closed."""
    seen: list[int] = []

    def is_healthy() -> bool:
        status = stub.ask("GET", "/health").status if stub.port_is_open else 0
        if seen[-1:] != [status]:
            seen.append(status)
        return status == 200

    eventually(is_healthy, "the stub is healthy", 45)
    return seen


@pytest.mark.parametrize(("version", "statuses"), [("0.13.0", [0, 200]), ("0.18.0", [0, 503, 200])])
def test_the_port_is_closed_until_the_model_is_loaded(
    stubs: Stubs, version: str, statuses: list[int]
) -> None:
    slow = {"STUB_LOAD_SECONDS": "4", "STUB_INITIALIZING_SECONDS": "4"}
    assert statuses_of_health(stubs.launch(version=version, environment=slow)) == statuses


def test_sigterm_lets_a_stream_end_and_takes_no_more_requests(stubs: Stubs) -> None:
    stub = stubs.start(STUB_TOKEN_SECONDS="0.05")
    stream = events(stub.send("POST", "/v1/chat/completions", {**LONG, "max_tokens": 200}))
    next(stream)
    stub.terminate()
    eventually(lambda: not stub.port_is_open, "the port is closed")
    assert stub.process.running
    assert len(list(stream)) == 200
    assert stub.ended() == -15


def test_sigterm_ends_an_idle_stub_at_once(stubs: Stubs) -> None:
    stub = stubs.start()
    with closing(http.client.HTTPConnection("127.0.0.1", stub.port, timeout=SECONDS)) as kept_alive:
        kept_alive.request("GET", "/health")
        assert kept_alive.getresponse().read()
        stub.terminate()
        assert stub.ended() == -15


def test_sigterm_ends_a_stub_that_loads(stubs: Stubs) -> None:
    stub = stubs.launch(environment={"STUB_LOAD_SECONDS": "60"})
    eventually(lambda: "loads nothing" in stub.process.log_tail(), "it loads")
    stub.terminate()
    assert stub.ended() == -15


def test_clients_may_end_a_stub_that_allows_it(stubs: Stubs) -> None:
    stub = stubs.start("--allow-terminate-by-client")
    assert stub.ask("GET", "/terminate").status == 200
    assert stub.ended() == -15


def test_clients_may_end_answers_where_that_is_allowed(stubs: Stubs) -> None:
    stub = stubs.start("--enable-abort-handling", STUB_TOKEN_SECONDS="0.01")
    stream = events(stub.send("POST", "/v1/chat/completions", {**LONG, "max_tokens": 100_000}))
    next(stream)
    assert stub.ask("POST", "/abort_request", {"session_id": 7}).status == 400
    assert stub.ask("POST", "/abort_request", {"abort_all": True}).status == 200
    *_, last = stream
    assert last["choices"][0]["finish_reason"] == "abort"


@pytest.mark.parametrize(("version", "asleep"), [("0.12.3", 200), ("0.13.0", 503), ("0.18.0", 503)])
def test_a_sleeping_stub_refuses_inference_from_0_13_on(stubs: Stubs, version: str, asleep: int) -> None:
    stub = stubs.start(version=version)
    assert stub.ask("POST", "/sleep?level=3").status == 400
    assert stub.ask("POST", "/sleep").status == 200
    assert stub.ask("GET", "/is_sleeping").json == {"is_sleeping": True}
    assert stub.ask("GET", "/health").status == 200
    assert stub.chat("hello").status == asleep
    assert stub.ask("POST", "/wakeup?tags=weights").status == 200
    assert stub.chat("hello").status == 200


class TestFailuresOnDemand:
    """``STUB_FAIL`` and ``STUB_FAIL_FILE``."""

    def test_out_of_memory_is_told_and_aborts(self, stubs: Stubs) -> None:
        stub = stubs.launch(environment={"STUB_FAIL": "oom"})
        assert stub.ended() == -6
        assert "out of memory" in stub.process.log_tail()

    def test_a_hang_in_warm_up_is_told_and_never_opens_the_port(self, stubs: Stubs) -> None:
        stub = stubs.launch(environment={"STUB_FAIL": "hang-in-warmup"})
        eventually(lambda: "out of memory" in stub.process.log_tail(), "the engine complains")
        assert not stub.port_is_open
        assert stub.process.running
        stub.terminate()
        assert stub.ended() == -15

    def test_an_unhealthy_stub_still_answers(self, stubs: Stubs) -> None:
        stub = stubs.start(STUB_FAIL="unhealthy")
        reply = stub.ask("GET", "/health")
        assert (reply.status, reply.json["status"]) == (503, "unhealthy")
        assert stub.chat("hello").status == 200

    def test_health_was_no_news_before_0_14(self, stubs: Stubs) -> None:
        assert stubs.start(version="0.13.0", STUB_FAIL="unhealthy").ask("GET", "/health").status == 200

    def test_a_crash_breaks_an_answer_off(self, stubs: Stubs) -> None:
        stub = stubs.start(STUB_FAIL="crash")
        assert stub.ask("GET", "/health").status == 200
        with pytest.raises(AssertionError, match="broke off"):
            list(events(stub.send("POST", "/v1/chat/completions", LONG)))
        assert stub.ended() == -6

    def test_a_file_changes_the_failure_of_a_running_stub(self, stubs: Stubs, tmp_path: Path) -> None:
        file = tmp_path / "fail"
        stub = stubs.start(STUB_FAIL_FILE=str(file), STUB_SLOW_TOKEN_SECONDS="3600")
        assert stub.ask("GET", "/health").status == 200
        file.write_text("unhealthy\n")
        assert stub.ask("GET", "/health").status == 503
        file.write_text("slow")
        stream = stub.send("POST", "/v1/chat/completions", LONG)
        assert stub.ask("GET", "/health").status == 200
        stream.close()

    def test_an_unknown_failure_is_fatal(self, stubs: Stubs) -> None:
        stub = stubs.launch(environment={"STUB_FAIL": "sometimes"})
        assert stub.ended() == 2
        assert "sometimes" in stub.process.log_tail()
