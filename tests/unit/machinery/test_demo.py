"""What the demo shows of the resources it follows."""

from __future__ import annotations

import io
from typing import Any

from tests.demo.display import Lines, LiveTable, display_on
from tests.demo.progress import Progress, table


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def body(
    name: str, size: str, ready: str | None = None, observed: int = 1, reason: str = ""
) -> dict[str, Any]:
    """A resource of generation 1; without `ready` it has no status yet."""
    condition = {"type": "Ready", "status": ready, "reason": reason, "observedGeneration": observed}
    plan = {"quantization": "None", "gpus": 2, "tp": 2}
    status = {"conditions": [condition], "plan": plan, "endpoint": f"http://{name}.default.svc:23333/v1"}
    return {
        "metadata": {"name": name, "generation": 1},
        "spec": {"size": size},
        **({"status": status} if ready else {}),
    }


READY = Progress(body("b", "8B"), 10.0).seen(body("b", "8B", "True", reason="Ready"), 12.5)


class TestProgress:
    def test_counts_the_seconds_from_creation_to_the_first_ready(self) -> None:
        assert READY.seconds == 2.5
        assert READY.seen(READY.body, 99.0).seconds == 2.5

    def test_is_not_ready_by_a_status_of_an_older_spec(self) -> None:
        stale = Progress(body("a", "1B"), 0.0).seen(body("a", "1B", "True", observed=0), 1.0)
        assert not stale.is_ready
        assert stale.seconds is None

    def test_shows_the_series_of_a_model_that_has_one(self) -> None:
        resource = body("a", "30B-A3B")
        resource["spec"]["series"] = "InternVL3.5"
        rows = table([Progress(resource, 0.0), Progress(body("b", "8B"), 0.0)])
        assert [row.split()[1] for row in rows[1:]] == ["8B", "InternVL3.5-30B-A3B"]

    def test_is_new_without_a_status(self) -> None:
        assert Progress(body("a", "1B"), 0.0).cells() == ("a", "1B", "-", "-", "-", "New", "-", "-")


class TestTable:
    def test_has_the_columns_below_each_other_and_the_smallest_model_first(self) -> None:
        assert table([Progress(body("long-name", "26B"), 0.0), READY]) == [
            "NAME       SIZE  QUANT  GPUS  TP  STATE  SECONDS  ENDPOINT",
            "b          8B    None   2     2   Ready  2.5      http://b.default.svc:23333/v1",
            "long-name  26B   -      -     -   New    -        -",
        ]


class TestDisplay:
    def test_is_a_live_table_on_a_terminal_only(self) -> None:
        assert isinstance(display_on(Terminal()), LiveTable)
        assert isinstance(display_on(io.StringIO()), Lines)

    def test_draws_the_live_table_over_the_previous_one(self) -> None:
        screen = Terminal()
        display = LiveTable(screen)
        display.update([READY])
        display.finish([READY])
        drawing = "\n".join(table([READY])) + "\n"
        assert screen.getvalue() == f"{drawing}\x1b[2F\x1b[J{drawing}"

    def test_keeps_the_live_table_within_the_terminal(self, monkeypatch: Any) -> None:
        monkeypatch.setenv("COLUMNS", "20")
        monkeypatch.setenv("LINES", "3")
        screen = Terminal()
        LiveTable(screen).update([READY, READY, READY])
        assert [len(line) for line in screen.getvalue().splitlines()] == [19, 19]

    def test_prints_each_state_once_as_a_line_elsewhere(self) -> None:
        stream = io.StringIO()
        display = Lines(stream)
        deploying = Progress(body("b", "8B", "False", reason="Deploying"), 10.0)
        for state in (Progress(body("b", "8B"), 10.0), deploying, deploying, READY, READY):
            display.update([state])
        assert stream.getvalue() == "  b: Deploying\n  b: Ready after 2.5 s\n"
