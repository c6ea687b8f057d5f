"""How long the planner page takes: ``python -m tests.page [--runs N]``, after ``make planner-page``.

Cold is a browser that has never seen the page, warm the same page opened again; both end with the first plan on the
screen, from a server on this machine. A change is from the choice of another size to its plan on the screen.
"""

from __future__ import annotations

import argparse
import time
from statistics import median, quantiles
from typing import TYPE_CHECKING

from internvl_operator.catalog.models import INTERNVL2, sizes_of
from tests.page.browser import BUILT, PlannerPage, chromium, served

if TYPE_CHECKING:
    from playwright.sync_api import Browser

CHANGES = 3
"""How often each size is asked for in a run."""


def main() -> None:
    """Print the median, the 95th percentile and the worst of each."""
    parser = argparse.ArgumentParser(prog="python -m tests.page", description="Time the planner page.")
    parser.add_argument("--runs", type=int, default=5, help="browsers without a cache (5)")
    runs = parser.parse_args().runs
    cold, warm, changes = [], [], []
    with chromium() as browser, served(BUILT) as address:
        for _ in range(runs):
            first, second, changed = _times(browser, address)
            cold.append(first)
            warm.append(second)
            changes += changed
    for name, seconds in (("first plan, cold", cold), ("first plan, warm", warm), ("a change", changes)):
        most = quantiles(seconds, n=20, method="inclusive")[-1]
        print(
            f"{name:17} median {median(seconds):6.3f} s, 95 % within {most:6.3f} s,"
            f" worst {max(seconds):6.3f} s of {len(seconds)}"
        )


def _times(browser: Browser, address: str) -> tuple[float, float, list[float]]:
    """Return the seconds until the first plan in a new browser, until it in the next tab, and for each change."""
    with browser.new_context() as context:
        planner = PlannerPage.in_new_tab(context, address)
        cold = _opened(planner)
        warm = _opened(planner)
        planner.wait_for_map()
        for size in sizes_of(INTERNVL2) * CHANGES:
            planner.follow({"size": size, "gpu": "A100-80GB"})
        # The first one is that of the loading.
        return cold, warm, [milliseconds / 1000 for milliseconds in planner.milliseconds()[1:]]


def _opened(planner: PlannerPage) -> float:
    start = time.perf_counter()
    planner.open()
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
