"""What a replica needs of its node."""

import pytest

from internvl_operator.catalog.models import Backend
from internvl_operator.planner.memory.host_memory import (
    expected_start_seconds,
    host_memory_mib,
    pinned_vision_mib,
    shared_memory_mib,
)


def test_the_weights_are_read_at_200_megabytes_per_second() -> None:
    small, large = (expected_start_seconds(mib, Backend.TURBOMIND) for mib in (0, 15403))
    assert large - small == pytest.approx(15403 * 1.048576 / 200, abs=1)


def test_the_pytorch_backend_takes_longer_to_start() -> None:
    assert expected_start_seconds(8000, Backend.PYTORCH) > expected_start_seconds(8000, Backend.TURBOMIND)


@pytest.mark.parametrize(("batch", "gib"), [(128, 18.7), (384, 19.2), (1024, 20.7)])
def test_one_tile_for_each_token_of_a_step_is_pinned(batch: int, gib: float) -> None:
    assert pinned_vision_mib(8192, batch) / 1024 == pytest.approx(gib, abs=0.1)


def turbomind_mib(tp: int, version: str = "0.18.0") -> int:
    return host_memory_mib(Backend.TURBOMIND, tp, version, 128)


@pytest.mark.parametrize(("version", "pinned"), [("0.15.0", 0), ("0.16.0", 1), ("0.17.0", 1), ("0.18.0", 0)])
@pytest.mark.parametrize("tp", [1, 4])
def test_pinned_memory_counts_for_each_rank_in_the_releases_that_pin_it(
    version: str, pinned: int, tp: int
) -> None:
    assert turbomind_mib(tp, version) - turbomind_mib(tp) == pinned * tp * pinned_vision_mib(8192, 128)


def test_the_pytorch_backend_pins_nothing() -> None:
    pinning, other = (host_memory_mib(Backend.PYTORCH, 2, version, 128) for version in ("0.16.0", "0.18.0"))
    assert pinning == other


def test_shared_memory_grows_with_the_ranks_and_is_part_of_the_memory() -> None:
    assert shared_memory_mib(8) > shared_memory_mib(2) >= shared_memory_mib(1)
    assert turbomind_mib(8) - turbomind_mib(4) > shared_memory_mib(8) - shared_memory_mib(4)
