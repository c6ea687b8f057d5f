"""`internvl diff` shows what waits for consent, and how to give it."""

from __future__ import annotations

from internvl_operator.cli.diff_command import diff_text


def test_an_update_is_shown_with_the_field_that_accepts_it() -> None:
    status = {"revision": "aaaa", "updateRevision": "bbbb", "updateChanges": ["spec.hostname: a -> b"]}
    text = diff_text({"metadata": {"name": "captions"}, "status": status})
    assert text.splitlines()[:2] == [
        "captions: revision aaaa runs, this operator would run revision bbbb:",
        "  spec.hostname: a -> b",
    ]
    assert "spec.rollout.acceptedRevision is bbbb" in text


def test_without_an_update_there_is_nothing_to_show() -> None:
    assert diff_text({"metadata": {"name": "captions"}, "status": {"revision": "aaaa"}}) == ""
    assert diff_text({"metadata": {"name": "captions"}}) == ""
