"""The planner page in Chromium: it answers as ``internvl plan`` does, to everybody."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from internvl_operator.cli.table.plan_table import summary as plan_summary
from internvl_operator.page.answers import description
from internvl_operator.planner.document import plan_from_document
from tests.page.browser import ROOT
from tests.page.questions import QUESTIONS, REFUSALS

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from tests.conftest import Internvl
    from tests.page.browser import PlannerPage

pytestmark = [pytest.mark.page, pytest.mark.timeout(180)]

PICTURES = ROOT / ".local" / "planner-page" / "pictures"
SCREENS = {"desktop": {"width": 1280, "height": 900}, "phone": {"width": 390, "height": 844}}
RUNS = {"size": "26B", "gpu": "A100-80GB", "sessions": "2"}
FAILS = {"size": "76B", "gpu": "T4", "tp": "1"}
REFUSED = {"size": "8B", "gpu": "A100-800GB"}
STATES = {"runs": RUNS, "fails": FAILS, "refused": REFUSED}


def name_of(values: dict[str, str]) -> str:
    return "-".join(values.values())


@pytest.mark.parametrize("values", QUESTIONS, ids=name_of)
def test_the_json_is_that_of_the_command_line(
    planner: PlannerPage, internvl: Internvl, values: dict[str, str]
) -> None:
    planner.follow(values)
    arguments = planner.text("command").split()
    assert arguments[:2] == ["internvl", "plan"]
    _, document, _ = internvl("plan", *arguments[2:], "-o", "json")
    assert planner.text("json").encode() + b"\n" == document.encode()


@pytest.mark.parametrize("values", QUESTIONS[-3:], ids=name_of)
def test_the_plan_is_that_of_the_command_line(
    planner: PlannerPage, internvl: Internvl, values: dict[str, str]
) -> None:
    planner.follow(values)
    _, text, _ = internvl("plan", *planner.text("command").split()[2:])
    assert planner.text("text") + "\n" == text


@pytest.mark.parametrize("values", REFUSALS, ids=name_of)
def test_a_refusal_stands_as_the_planner_writes_it(
    planner: PlannerPage, internvl: Internvl, values: dict[str, str]
) -> None:
    planner.follow(values)
    arguments = [
        values["size"],
        *(word for name, text in values.items() if name != "size" for word in (f"--{name}", text)),
    ]
    _, _, errors = internvl("plan", *arguments)
    assert errors.endswith(planner.text("reason") + "\n")
    assert planner.page.locator("#plan").is_hidden()


def test_the_refused_input_is_marked(planner: PlannerPage) -> None:
    planner.follow(REFUSED)
    assert planner.page.locator("[aria-invalid]").get_attribute("id") == "input-gpu"
    planner.follow(RUNS)
    assert planner.page.locator("[aria-invalid]").count() == 0


def test_a_link_holds_every_input(browser: Browser, address: str) -> None:
    from tests.page.browser import PlannerPage

    values = {
        "size": "8B",
        "gpu": "L4",
        "quantization": "AWQ",
        "session-len": "4096",
        "sessions": "3",
        "tp": "2",
    }
    with browser.new_context() as context:
        first = PlannerPage.in_new_tab(context, address)
        first.open(values)
        assert first.fields() == values
        second = PlannerPage.in_new_tab(context, address)
        second.page.goto(first.page.url)
        second.wait_for_answers(1)
        assert second.fields() == values
        assert second.text("json") == first.text("json")
        assert first.complaints == second.complaints == []


def test_a_change_of_the_form_changes_plan_and_address(planner: PlannerPage) -> None:
    planner.follow({"size": "8B", "gpu": "L4"})
    before = planner.answers()
    planner.page.get_by_label("Size", exact=True).select_option("2B")
    planner.wait_for_answers(before + 1)
    planner.page.get_by_label("Sessions at once").fill("7")
    planner.wait_for_answers(before + 2)
    assert planner.text("command") == "internvl plan 2B --gpu L4 --sessions 7"
    assert planner.page.url.endswith("#size=2B&gpu=L4&sessions=7")


def test_another_series_has_its_own_sizes(planner: PlannerPage) -> None:
    planner.follow({"size": "26B", "gpu": "H200"})
    before = planner.answers()
    planner.page.get_by_label("Series", exact=True).select_option("InternVL3")
    planner.wait_for_answers(before + 1)
    sizes = json.loads(description())["sizes"]["InternVL3"]
    assert planner.page.locator("#input-size option").all_text_contents() == sizes
    assert planner.page.locator("#map tbody th").all_text_contents() == sizes
    assert planner.field("size") in sizes
    planner.wait_for_map()
    assert "InternVL3-" in planner.text("headline")


def test_an_old_answer_is_never_the_last_one_shown(planner: PlannerPage) -> None:
    planner.follow({"size": "8B", "gpu": "L4"})
    for size in ("1B", "2B", "4B", "26B"):
        planner.page.get_by_label("Size", exact=True).select_option(size)
    planner.wait_for_headline("-26B ")
    assert planner.text("command") == "internvl plan 26B --gpu L4"


def test_the_map_has_the_command_lines_plan_in_each_field(planner: PlannerPage, internvl: Internvl) -> None:
    planner.follow({"size": "1B", "gpu": "L4", "sessions": "6"})
    planner.wait_for_map()
    button = planner.page.locator("#map tr[data-size='40B'] button[data-gpu='L4']")
    button.click()
    planner.wait_for_headline("-40B ")
    _, document, _ = internvl("plan", "40B", "--gpu", "L4", "--sessions", "6", "-o", "json")
    plan = json.loads(document)
    summary = plan_summary(plan_from_document(plan))
    rate = f"{plan['speed']['requestsPerSecond']:g} requests/s each"
    assert (button.get_attribute("aria-label") or "").endswith(f", 40B on L4: {summary}, {rate}")
    assert button.get_attribute("aria-pressed") == "true"
    assert planner.page.locator("#map [aria-pressed='true']").count() == 1
    assert (planner.field("size"), planner.field("gpu")) == ("40B", "L4")


def test_the_speed_of_a_load_is_shown(planner: PlannerPage) -> None:
    planner.follow({"size": "8B", "gpu": "H100", "requests-per-second": "50"})
    replicas = json.loads(planner.text("json"))["speed"]["replicas"]
    assert f"replicas: {replicas}\n" in planner.text("yaml")
    assert planner.page.locator("#curve tbody tr").count() == 8
    planner.follow({"size": "8B", "gpu-memory": "80Gi"})
    assert planner.page.locator("#speed").is_hidden()


def test_the_resource_is_copied(planner: PlannerPage) -> None:
    planner.follow(RUNS)
    planner.page.get_by_role("button", name="Copy the resource").click()
    planner.page.get_by_text("Copied", exact=True).wait_for()
    copied = planner.page.evaluate("navigator.clipboard.readText()")
    assert yaml.safe_load(copied)["spec"] == {
        "size": "26B",
        "gpu": {"product": "NVIDIA-A100-SXM4-80GB"},
        "engine": {"sessions": 2},
    }


def test_there_is_nothing_to_apply_where_no_plan_runs(planner: PlannerPage) -> None:
    planner.follow(FAILS)
    assert planner.page.locator("#text").is_visible()
    assert planner.page.locator("#resource").is_hidden()


def test_the_keyboard_reaches_everything(planner: PlannerPage) -> None:
    planner.follow(RUNS)
    planner.wait_for_map()
    shown = planner.page.evaluate(
        "[...document.querySelectorAll('input, select, button, summary, a, pre')]"
        ".filter(element => element.checkVisibility()).length"
    )
    planner.page.evaluate("document.activeElement.blur(); window.scrollTo(0, 0)")
    reached = set()
    for _ in range(shown + 1):  # the frame of the map can be reached too, to scroll it
        planner.page.keyboard.press("Tab")
        reached.add(
            planner.page.evaluate("[...document.querySelectorAll('*')].indexOf(document.activeElement)")
        )
    assert len(reached) == shown + 1
    planner.page.locator("#map tr[data-size='2B'] button[data-gpu='T4']").focus()
    planner.page.keyboard.press("Enter")
    planner.wait_for_headline("-2B ")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("screen", SCREENS)
@pytest.mark.parametrize("state", STATES)
def test_everybody_can_use_it(planner: PlannerPage, state: str, screen: str, scheme: Any) -> None:
    planner.page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    planner.page.set_viewport_size(SCREENS[screen])  # type: ignore[arg-type,unused-ignore]
    planner.follow({**STATES[state], "max-batch-size": "64"})
    planner.follow(STATES[state])
    planner.wait_for_map()
    assert planner.page.locator("#verdict").get_attribute("class") == state
    assert planner.violations() == []
    wide = planner.page.evaluate("document.documentElement.scrollWidth")
    assert wide == SCREENS[screen]["width"], "the page never scrolls sideways, only what is wide on it"
    PICTURES.mkdir(parents=True, exist_ok=True)
    planner.page.screenshot(path=PICTURES / f"{state}-{screen}-{scheme}.png", full_page=True)
