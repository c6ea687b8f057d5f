"""`internvl smoke`: the guide's examples, each passed or failed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from internvl_operator.chat.checks import CHECKS, run_checks
from internvl_operator.chat.model import Answer, Model
from tests.stub.server import Stubs

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from internvl_operator.chat.content import Message
    from tests.conftest import Internvl
    from tests.fake_api import FakeApi


def test_a_model_that_answers_passes_every_check(url: str, internvl: Internvl) -> None:
    code, output, errors = internvl("smoke", url)
    assert (code, errors) == (0, "")
    assert [line.split("  ")[0] for line in output.splitlines()[2:-1]] == list(CHECKS)
    assert output.count(" pass ") == len(CHECKS)
    assert output.endswith(f"{len(CHECKS)} of {len(CHECKS)} passed\n")


def test_a_resource_is_checked_through_a_port_forward(api: FakeApi, internvl: Internvl) -> None:
    assert api.url
    assert internvl("smoke", "captions")[0] == 0


@pytest.mark.parametrize("version", ["0.6.5", "0.9.2", "0.12.3", "0.15.0"])
def test_older_engines_pass(version: str, internvl: Internvl, served: Stubs) -> None:
    stub = served.start(version=version)
    assert internvl("smoke", f"http://127.0.0.1:{stub.port}")[0] == 0


def test_json_tells_each_check_and_its_times(url: str, internvl: Internvl) -> None:
    code, output, _ = internvl("smoke", url, "-o", "json", "--check", "several images", "--check", "text")
    document = json.loads(output)
    assert (code, document["passed"]) == (0, True)
    images, text = document["checks"]
    assert (images["name"], text["name"]) == ("several images", "text")
    assert images["promptTokens"] > 512
    assert 0 < images["firstTokenSeconds"] <= images["seconds"]


def test_answers_of_a_stub_are_not_right(url: str, internvl: Internvl) -> None:
    code, output, _ = internvl("smoke", url, "--check-answers", "--check", "several turns")
    assert code == 1
    assert "fail" in output
    assert "the answer does not say blue" in output


def test_a_check_that_fails_leaves_the_others(internvl: Internvl, served: Stubs) -> None:
    """A session that holds one image, not two."""
    stub = served.start("--session-len", "400")
    code, output, _ = internvl("smoke", f"http://127.0.0.1:{stub.port}")
    assert code == 1
    failed = [line for line in output.splitlines() if " fail " in line]
    assert [line.split("  ")[0] for line in failed] == ["several images"]
    assert "must be smaller than the model context length (400)" in failed[0]
    assert "6 of 7 passed" in output


class _Blind(Model):
    """A model that answers without its images, as one without a vision encoder does."""

    async def stream(
        self, messages: Sequence[Message], on_text: Callable[[str], None] = lambda _: None
    ) -> Answer:
        on_text("A disc")
        return Answer("A disc", "stop", 12 * len(messages), 2, 0.1, 0.2)

    async def ask(self, messages: Sequence[Message]) -> Answer:
        return await self.stream(messages)


async def test_an_image_that_does_not_reach_the_model_is_found() -> None:
    blind = _Blind.__new__(_Blind)
    results = {result.name: result.problem async for result in run_checks(blind, list(CHECKS), sees=False)}
    assert results["single image"] == (
        "the prompt has 12 tokens, less than the 256 of its images: the model did not get them"
    )
    assert results["text"] is None
    assert results["streaming"] == "the answer came in one piece"
