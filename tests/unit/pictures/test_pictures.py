"""The pictures of `plan`, `table` and `bench`: what is in them, the same file each time, small enough for a page.

What draws is imported by the tests: matplotlib takes a second, in each process that collects this module.
"""

from __future__ import annotations

import re
import struct
import sys
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree

import pytest

from internvl_operator import plan
from internvl_operator.bench.latency_figures import Figures, Percentiles
from internvl_operator.bench.measured_load import MeasuredLoad
from internvl_operator.bench.offered_load import OfferedLoad
from internvl_operator.cli.table.plan_table import USUAL_GPUS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.conftest import Internvl

SVG = "{http://www.w3.org/2000/svg}"
LARGEST_SVG, LARGEST_PNG = 400_000, 400_000

COMMANDS: dict[str, Sequence[str]] = {
    "plan": ("plan", "8B", "--gpu", "L40S"),
    "plan that does not fit": ("plan", "76B", "--gpu", "L4", "--max-gpus", "1"),
    "table": ("table", "--gpu", "A100-80GB", "--sizes", "1B,8B,40B"),
    "table of one cell": ("table", "--gpu", "T4", "--sizes", "1B", "--max-gpus", "1", "--ratios", "0.5"),
    "plans": ("table", "--plans", "--sizes", "1B,40B"),
    "plans on one GPU": ("table", "--plans", "--sizes", "40B", "--gpu-memory", "24Gi"),
}


def texts(path: Path) -> list[str]:
    """The texts of an SVG, in the order in which they stand in it."""
    elements = ElementTree.parse(path).getroot().iter(f"{SVG}text")
    return ["".join(element.itertext()) for element in elements]


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the pictures are that have been drawn: drawing takes a second."""
    return tmp_path_factory.mktemp("pictures")


def drawn(internvl: Internvl, directory: Path, name: str, suffix: str = ".svg") -> Path:
    path = directory / f"{name}{suffix}"
    if path.exists():
        return path
    code, output, errors = internvl(*COMMANDS[name], "--plot", str(path))
    assert code in (0, 3), errors
    assert output, "the text is printed too"
    return path


@pytest.mark.parametrize("name", COMMANDS)
def test_the_same_picture_is_the_same_small_file(
    name: str, internvl: Internvl, pictures: Path, tmp_path: Path
) -> None:
    first = drawn(internvl, pictures, name).read_bytes()
    assert len(first) < LARGEST_SVG
    assert drawn(internvl, tmp_path, name).read_bytes() == first


@pytest.mark.parametrize("name", ["plan", "table", "plans"])
def test_a_png_is_large_enough_to_read_and_no_larger_than_a_page_takes(
    name: str, internvl: Internvl, pictures: Path
) -> None:
    content = drawn(internvl, pictures, name, ".png").read_bytes()
    width, height = struct.unpack(">II", content[16:24])
    assert 1200 <= width <= 2000
    assert 200 <= height <= 1200
    assert len(content) < LARGEST_PNG


def test_a_plan_names_each_part_of_the_memory_with_its_amount(internvl: Internvl, pictures: Path) -> None:
    path = drawn(internvl, pictures, "plan")
    found = texts(path)
    parts = ["weights", "overhead", "KV cache", "working memory", "free"]
    assert [text for text in found if text in parts] == parts
    memory = plan("8B", gpu="L40S").memory
    assert f"{memory.kv_cache_mib / 1024:.1f} GiB" in found
    assert f"{memory.reserve_mib / 1024:.1f} GiB reserved for the first requests" in found
    ids = {element.get("id") for element in ElementTree.parse(path).getroot().iter(f"{SVG}g")}
    assert {*parts, "reserve"} <= ids


def test_a_plan_that_does_not_fit_shows_what_is_missing(internvl: Internvl, pictures: Path) -> None:
    found = texts(drawn(internvl, pictures, "plan that does not fit"))
    assert "InternVL2-76B, AWQ, on 1 x NVIDIA-L4: oom" in found
    assert "missing" in found
    assert "KV cache" not in found
    assert not [text for text in found if "reserved" in text]


def test_the_bar_is_as_long_as_the_parts_are(internvl: Internvl, pictures: Path) -> None:
    path = drawn(internvl, pictures, "plan")
    widths = {
        group.get("id"): _width(group)
        for group in ElementTree.parse(path).getroot().iter(f"{SVG}g")
        if group.get("id") in ("weights", "KV cache", "free")
    }
    memory = plan("8B", gpu="L40S").memory
    assert widths["weights"] / widths["KV cache"] == pytest.approx(
        memory.weights_mib / memory.kv_cache_mib, rel=0.01
    )
    assert widths["free"] / widths["KV cache"] == pytest.approx(
        memory.free_mib / memory.kv_cache_mib, rel=0.01
    )


def _width(group: ElementTree.Element) -> float:
    """The width of the path of a group."""
    (path,) = group.iter(f"{SVG}path")
    places = [float(x) for x in re.findall(r"[ML] (\S+) \S+", path.get("d", ""))]
    return max(places) - min(places)


def test_speed_is_drawn_beneath_the_memory_where_it_is_known(tmp_path: Path) -> None:
    from internvl_operator.cli.plan.plan_picture import PlanPicture, SpeedPoint, draw

    points = [SpeedPoint(number, 2.0 * number, 0.1 * number) for number in (1, 2, 4)]
    path = tmp_path / "speed.svg"
    draw([PlanPicture(plan("8B", gpu="H100"), points), PlanPicture(plan("1B", gpu="H100"))], path)
    found = texts(path)
    assert found.count("requests in flight at one replica") == 2
    assert "time to first token, s" in found
    assert sum(text.startswith("InternVL2-") for text in found) == 2


def test_the_memory_table_is_a_map_with_a_text_in_each_cell(internvl: Internvl, tmp_path: Path) -> None:
    path = tmp_path / "map.svg"
    arguments = ("table", "--gpu", "A100-80GB", "--sizes", "8B,40B", "--max-gpus", "2", "--ratios", "0.8,0.2")
    code, output, _ = internvl(*arguments, "-o", "csv", "--plot", str(path))
    assert code == 0
    found = texts(path)
    short = {"oom": "oom", "no_kv_for_session": "no KV", "rejected": "-"}
    for line in output.splitlines()[1:]:
        *_, outcome, used = line.split(",")
        assert (f"{int(used) / 1024:.1f}" if used else short[outcome]) in found
    assert [text for text in found if text in ("1 GPU", "2 GPUs")] == ["1 GPU", "2 GPUs"]
    assert [text for text in found if text in ("8B", "8B AWQ", "40B", "40B AWQ")] == [
        "8B",
        "8B AWQ",
        "40B",
        "40B AWQ",
    ]


def test_the_plans_are_a_map_of_sizes_and_gpus_for_each_quantization(
    internvl: Internvl, pictures: Path
) -> None:
    found = texts(drawn(internvl, pictures, "plans"))
    assert found.count("1B") == found.count("40B") == 3
    for gpu in USUAL_GPUS:
        assert found.count(gpu) == 3
    assert (
        sum("session" in text for text in found) + found.count("oom") + found.count("rejected")
        >= 2 * 8 * 3 - 1
    )


def test_a_model_of_a_further_series_is_named_as_such(internvl: Internvl, tmp_path: Path) -> None:
    path = tmp_path / "plan.svg"
    assert internvl("plan", "InternVL3.5-8B", "--gpu", "L40S", "--plot", str(path))[0] == 0
    assert any(text.startswith("InternVL3.5-8B, full precision") for text in texts(path))


def test_sizes_of_several_series_have_rows_of_their_own(internvl: Internvl, tmp_path: Path) -> None:
    path, sizes = tmp_path / "plans.svg", ("8B", "InternVL3-8B", "InternVL3.5-8B")
    given = ("--plans", "--sizes", ",".join(sizes), "--gpu", "L40S")
    assert internvl("table", *given, "--plot", str(path))[0] == 0
    assert [texts(path).count(size) for size in sizes] == [3, 3, 3]


def measured(concurrency: int | None) -> MeasuredLoad:
    rate = 2.0 * (concurrency or 1)
    times = Percentiles(0.1 * rate, 0.2 * rate, 0.3 * rate)
    load = OfferedLoad(concurrency=concurrency, requests_per_second=None if concurrency else rate)
    figures = Figures(100, rate, 128 * rate, 4.0, 1900, times, Percentiles(0.01, 0.02, 0.03), times, {}, 0.0)
    return MeasuredLoad("InternVL2-8B", load, 30.0, 10.0, figures)


@pytest.mark.parametrize("concurrencies", [(None,), (1, 4, 2)])
def test_times_are_drawn_over_the_rate(concurrencies: tuple[int | None, ...], tmp_path: Path) -> None:
    from internvl_operator.cli.bench import latency_picture

    path = tmp_path / "latency.svg"
    latency_picture.draw([measured(number) for number in concurrencies], path)
    found = texts(path)
    assert [text for text in found if text in ("p50", "p95", "p99")] == ["p50", "p95", "p99"]
    assert {"time to first token, s", "time per token, ms", "whole request, s"} <= set(found)
    assert path.stat().st_size < LARGEST_SVG


def luminance(colour: str) -> float:
    """Relative luminance (WCAG 2.2)."""
    channels = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in channels]
    return sum(weight * value for weight, value in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


@pytest.mark.parametrize("name", ["plan", "table", "plans"])
def test_text_stands_out_from_every_area(name: str, internvl: Internvl, pictures: Path) -> None:
    """At least 4.5 to 1 (WCAG 2.2, level AA), with the ink on each colour that fills something."""
    from internvl_operator.cli.plot.picture import BLUE, INK

    content = drawn(internvl, pictures, name).read_text()
    fills = set(re.findall(r"fill: (#[0-9a-f]{6})", content)) - {INK, "#000000", BLUE}
    assert len(fills) > 2
    ink = luminance(INK)
    for colour in fills:
        assert (luminance(colour) + 0.05) / (ink + 0.05) >= 4.5, colour


@pytest.mark.parametrize(
    ("file", "message"),
    [("x.jpg", "does not end with .png, .svg, .pdf"), ("none/x.png", "there is no directory none")],
)
def test_a_file_that_cannot_be_written_is_refused_at_once(
    file: str, message: str, internvl: Internvl
) -> None:
    code, _, errors = internvl("plan", "8B", "--gpu", "L4", "--plot", file)
    assert code == 2
    assert message in errors


@pytest.mark.parametrize(
    "command", [COMMANDS["plan"], COMMANDS["table"], COMMANDS["plans"], ("bench", "http://x")]
)
def test_without_matplotlib_a_plot_says_how_to_get_it(
    command: Sequence[str], internvl: Internvl, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in [name for name in sys.modules if name.startswith(("matplotlib", "internvl_operator.cli."))]:
        if name.startswith("matplotlib") or name.endswith(("_picture", "_map", ".picture")):
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    code, _, errors = internvl(*command, "--plot", str(tmp_path / "x.png"))
    assert code == 2
    assert "a plot needs matplotlib: pip install '.[plot]' in a checkout" in errors
