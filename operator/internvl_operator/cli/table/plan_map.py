"""The plan table as a map of sizes and GPUs. Imported only when one is asked for."""

from collections.abc import Sequence
from pathlib import Path

from internvl_operator.cli.plot.colour_map import MapCell, draw_map, key
from internvl_operator.cli.plot.picture import INK, picture
from internvl_operator.cli.table.plan_table import PlanCell
from internvl_operator.planner.outcome import Outcome
from internvl_operator.planner.plan import Plan

_INCHES_PER_COLUMN, _INCHES_PER_ROW = 1.12, 0.5
_INCHES_BESIDE, _INCHES_ABOVE, _INCHES_BENEATH = 1.0, 0.95, 0.4

_COLOURS = ((1, "#cfe8f7"), (2, "#8cc8ea"), (4, "#f6cf74"), (8, "#ef9f62"))
"""Colours by the most GPUs that each means: light enough for dark text, and distinct for any colour vision."""

_FONT = 8.5
_OUTCOMES = {
    Outcome.NO_KV_FOR_SESSION: "no KV cache\nfor a session",
    Outcome.SESSION_EXCEEDS_KV: "session\nexceeds KV",
}
"""Outcomes that are too long for one line of a cell."""

_TITLES = {
    "Auto": "quantization: Auto (AWQ where full precision does not fit)",
    "None": "quantization: None (full precision)",
    "AWQ": "quantization: AWQ",
}


def draw(cells: Sequence[PlanCell], path: Path) -> None:
    """Write a map for each choice of quantization: a row for each size, a column for each GPU.

    Raises:
        OSError: the file cannot be written.
    """
    by_place = {(cell.asked, cell.plan.model.short_name, cell.gpu): cell.plan for cell in cells}
    choices, sizes, gpus = (list(dict.fromkeys(parts)) for parts in zip(*by_place, strict=True))
    memory = {cell.gpu: round(cell.plan.gpu_memory_mib / 1024) for cell in cells}
    panel = _INCHES_ABOVE + _INCHES_PER_ROW * len(sizes)
    width = _INCHES_BESIDE + _INCHES_PER_COLUMN * max(len(gpus), 5)
    with picture(path, width, _INCHES_BENEATH + panel * len(choices)) as figure:
        panels = figure.subplots(len(choices), 1, squeeze=False).flat
        for axes, asked in zip(panels, choices, strict=True):
            drawn = [[_cell(by_place[asked, size, gpu]) for gpu in gpus] for size in sizes]
            draw_map(axes, sizes, [f"{gpu}\n{memory[gpu]} GiB" for gpu in gpus], drawn, _FONT)
            axes.set_title(_TITLES[asked], loc="left", color=INK, fontsize=11, fontweight="bold", pad=10)
        names = [(_gpus(number), colour) for number, colour in _COLOURS]
        figure.legend(
            handles=key([*names, ("does not run", None)]),
            loc="outside lower left",
            ncols=len(names) + 1,
            frameon=False,
            labelcolor=INK,
        )


def _cell(plan: Plan) -> MapCell:
    if not plan.is_ok:
        return MapCell(_OUTCOMES.get(plan.outcome, str(plan.outcome)), None)
    colour = next(colour for number, colour in _COLOURS if plan.gpus <= number)
    weights = " AWQ" if plan.awq else ""
    sessions = "1 session" if plan.concurrent_sessions == 1 else f"{plan.concurrent_sessions} sessions"
    return MapCell(f"{_gpus(plan.gpus)}{weights}\n{sessions}", colour)


def _gpus(number: int) -> str:
    return "1 GPU" if number == 1 else f"{number} GPUs"
