"""What the planner page answers: the output of ``internvl plan`` itself, so that the two never differ."""

import io
import json
import re
import shlex
from collections.abc import Iterator, Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from typing import Any

from internvl_operator import __version__
from internvl_operator.cli.exit_codes import USAGE_ERROR
from internvl_operator.cli.plan import plan_command
from internvl_operator.cli.plan.plan_text import memory_parts
from internvl_operator.cli.table.plan_table import USUAL_GPUS, summary
from internvl_operator.page.inputs import Values, described_inputs, plan_arguments, sizes_by_series
from internvl_operator.page.resource_yaml import resource_yaml
from internvl_operator.page.speed_curve import speed_curve
from internvl_operator.planner.document import Document, plan_from_document
from internvl_operator.planner.plan import Plan


@dataclass(frozen=True, slots=True)
class _Printed:
    """What a run of ``internvl plan`` printed."""

    code: int
    output: str
    errors: str

    @property
    def refusal(self) -> str:
        """The error without the usage before it."""
        return re.sub(r"\A.*?^(?=internvl plan: )", "", self.errors, flags=re.DOTALL | re.MULTILINE).strip()


def description() -> str:
    """Return, as JSON, what the page draws before the first answer: its inputs, and the rows and columns of its map."""
    return json.dumps(
        {
            "version": __version__,
            "inputs": described_inputs(),
            "sizes": sizes_by_series(),
            "gpus": USUAL_GPUS,
        }
    )


def answer(values_json: str) -> str:
    """Return, as JSON, everything that the page shows for some inputs but the map.

    ``refusal`` is what ``internvl plan`` says in place of a plan; without one there are ``text`` and ``json``, its
    outputs as printed, and what the page draws of them. ``yaml`` is the resource, empty for a plan that does not run.

    Args:
        values_json: texts by the name of the input, as a JSON object.
    """
    values: Values = json.loads(values_json)
    try:
        arguments = plan_arguments(values)
    except ValueError as error:
        return json.dumps({"command": "", "code": USAGE_ERROR, "refusal": str(error)})
    command = shlex.join(["internvl", "plan", *arguments])
    printed = _run(arguments)
    if printed.code == USAGE_ERROR:
        return json.dumps({"command": command, "code": printed.code, "refusal": printed.refusal})
    document = _run([*arguments, "--output", "json"]).output.removesuffix("\n")
    parsed: Document = json.loads(document)
    plan = plan_from_document(parsed)
    headline, reason = printed.output.splitlines()[:2]
    return json.dumps(
        {
            "command": command,
            "code": printed.code,
            "refusal": "",
            "headline": headline,
            "reason": reason.strip(),
            "text": printed.output.removesuffix("\n"),
            "json": document,
            "yaml": resource_yaml(values, plan, _replicas(parsed)) if plan.is_ok else "",
            "speed": speed_curve(plan, parsed),
            "total": plan.gpu_memory_mib,
            "memory": [{"name": name, "mib": mib} for name, mib, _ in memory_parts(plan.memory)],
        }
    )


def map_row(values_json: str, size: str) -> str:
    """Return, as JSON, the map's cells of one size: a plan on each usual GPU, with the other inputs as they are."""
    values: Values = json.loads(values_json)
    return json.dumps(list(_cells(values, size)))


def _cells(values: Values, size: str) -> Iterator[dict[str, Any]]:
    for gpu in USUAL_GPUS:
        arguments = plan_arguments({**values, "size": size, "gpu": gpu, "gpu-memory": ""})
        printed = _run([*arguments, "--output", "json"])
        if printed.code == USAGE_ERROR:
            yield {"gpu": gpu, "outcome": "refused", "summary": printed.refusal}
        else:
            yield _cell(gpu, json.loads(printed.output))


def _cell(gpu: str, document: Document) -> dict[str, Any]:
    plan: Plan = plan_from_document(document)
    replicas = _replicas(document)
    words = [summary(plan) if replicas < 2 else f"{replicas} x {summary(plan)}"]
    if "speed" in document:
        words.append(f"{document['speed']['requestsPerSecond']:g} requests/s each")
    if not replicas:
        words.append("no number of replicas carries the load")
    return {
        "gpu": gpu,
        "outcome": str(plan.outcome),
        "gpus": plan.gpus,
        "replicas": replicas,
        "awq": plan.awq,
        "summary": ", ".join(words),
    }


def _replicas(document: Document) -> int:
    """Return how many replicas carry the load, 0 where no number of them does; without a load it is one."""
    replicas: int = document["speed"]["replicas"] if "speed" in document else 1
    return replicas


def _run(arguments: Sequence[str]) -> _Printed:
    output, errors = io.StringIO(), io.StringIO()
    with redirect_stdout(output), redirect_stderr(errors):
        try:
            code = plan_command.main(arguments)
        except SystemExit as end:  # argparse ends the program
            code = int(end.code or 0)
    return _Printed(code, output.getvalue(), errors.getvalue())
