"""The operator's log in JSON: one object a line, with what a collector indexes."""

from __future__ import annotations

import json
import logging
import sys

import pytest

from internvl_operator.__main__ import main
from internvl_operator.text.json_log import JsonFormatter


def formatted(**fields: object) -> dict[str, object]:
    record: dict[str, object] = json.loads(JsonFormatter().format(logging.makeLogRecord(fields)))
    return record


def test_a_line_has_its_time_level_logger_and_message() -> None:
    record = formatted(
        created=0.5, levelname="INFO", name="internvl_operator.reconcile", msg="%s", args=("a\nb",)
    )
    assert record == {
        "time": "1970-01-01T00:00:00.500+00:00",
        "level": "INFO",
        "logger": "internvl_operator.reconcile",
        "message": "a\nb",
    }


def test_what_a_caller_says_beside_the_message_are_fields() -> None:
    record = formatted(namespace="vision", resource="captions", reason="Ready", revision="0a1b")
    assert record.items() >= {"namespace": "vision", "resource": "captions", "reason": "Ready"}.items()


def test_a_traceback_is_a_field_and_no_further_line() -> None:
    try:
        raise ValueError("broken")
    except ValueError:
        text = JsonFormatter().format(logging.makeLogRecord({"exc_info": sys.exc_info()}))
    assert "\n" not in text
    assert "ValueError: broken" in json.loads(text)["traceback"]


def test_an_unknown_format_of_the_environment_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("INTERNVL_LOG_FORMAT", "xml")
    with pytest.raises(SystemExit):
        main(["run", "--check"])
    assert "error: INTERNVL_LOG_FORMAT: 'xml' is neither text nor json" in capsys.readouterr().err
