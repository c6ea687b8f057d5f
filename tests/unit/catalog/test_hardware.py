"""Each GPU of the catalogue with each release of the engine: the image that has code for it, or the refusal."""

from __future__ import annotations

from dataclasses import replace

import pytest

from internvl_operator.catalog.engines import SUPPORTED_VERSIONS, engine
from internvl_operator.catalog.gpus import GPUS, Gpu, find_gpu
from internvl_operator.catalog.models import Backend
from internvl_operator.planner.images import image_for
from internvl_operator.planner.nodes.inventory import GpuPool, Inventory, given_gpu
from internvl_operator.planner.outcome import Outcome
from internvl_operator.planner.plan import Plan, make_plan
from internvl_operator.planner.request import GpuRequest, PlanRequest

EARLY, CU12_8, LATE = SUPPORTED_VERSIONS[:5], SUPPORTED_VERSIONS[5:11], SUPPORTED_VERSIONS[11:]


def expected_image(gpu: Gpu, version: str) -> str | None:
    """What runs 2B there on TurboMind, written down by hand from the releases' build files; None: nothing does."""
    capability = gpu.compute_capability
    if gpu.processor != "amd64":
        return None
    if capability <= (9, 0):
        return "cu12" if version in EARLY else "cu12.8"
    blackwell = {
        (10, 0): SUPPORTED_VERSIONS[SUPPORTED_VERSIONS.index("0.13.0") :],
        (12, 0): (*CU12_8, *LATE),
    }
    if version not in blackwell.get(capability, ()):
        return None
    return "cu13.0" if version in LATE else "cu12.8"


def plan(gpu: str, version: str, size: str = "2B", **request: object) -> Plan:
    asked = PlanRequest(size, engine=version, gpu=GpuRequest(product=gpu), **request)  # type: ignore[arg-type]
    return make_plan(asked, given_gpu(asked.gpu))


@pytest.mark.parametrize("version", SUPPORTED_VERSIONS)
@pytest.mark.parametrize("gpu", GPUS, ids=lambda gpu: gpu.product)
def test_each_gpu_with_each_release(gpu: Gpu, version: str) -> None:
    chosen = plan(gpu.product, version, backend=Backend.TURBOMIND)
    wanted = expected_image(gpu, version)
    if wanted is None:
        assert chosen.outcome is Outcome.REJECTED
        assert "spec.engine.image" in chosen.reason
        assert gpu.product in chosen.reason
    else:
        assert chosen.is_ok, chosen.reason
        assert engine(version).image_of(chosen.image_variant) == f"openmmlab/lmdeploy:v{version}-{wanted}"


def test_the_default_image_is_not_written_down() -> None:
    assert plan("A100-80GB", "0.18.0").image_variant == ""
    assert plan("RTX-5090", "0.18.0").image_variant == "cu13.0"


def test_a_gpu_for_which_turbomind_has_no_code_runs_on_pytorch_unless_turbomind_is_asked_for() -> None:
    assert plan("B200", "0.12.3").backend is Backend.PYTORCH
    assert plan("B200", "0.13.0").backend is Backend.TURBOMIND
    assert plan("B200", "0.12.3", backend=Backend.TURBOMIND).outcome is Outcome.REJECTED


def test_of_two_gpus_the_one_with_code_is_taken_and_the_other_alone_is_refused_by_its_numbers() -> None:
    p40 = GpuPool("Tesla-P40", 22919, 4, compute_capability=(6, 1))
    rtx = GpuPool("NVIDIA-GeForce-RTX-3090", 24576, 4, compute_capability=(8, 6))
    assert make_plan(PlanRequest("8B"), Inventory((p40, rtx))).product == rtx.product
    refused = make_plan(PlanRequest("8B"), Inventory((p40,)))
    assert refused.outcome is Outcome.REJECTED
    assert "Tesla-P40 has compute capability 6.1" in refused.reason
    assert "7.0" in refused.reason


def test_an_image_of_the_users_own_may_be_for_any_gpu() -> None:
    p40 = GpuPool("Tesla-P40", 22919, 4, compute_capability=(6, 1))
    assert make_plan(PlanRequest("8B", has_own_image=True), Inventory((p40,))).is_ok


@pytest.mark.parametrize(
    ("driver", "variant"), [((525, 60), ""), ((470, 82), None), ((450, 36), None), (None, "")]
)
def test_a_driver_that_is_too_old_is_refused_by_its_version(
    driver: tuple[int, int] | None, variant: str | None
) -> None:
    gpu = find_gpu("A100-80GB")
    pool = GpuPool(gpu.product, gpu.memory_mib, 8, compute_capability=(8, 0), driver=driver)
    chosen = make_plan(PlanRequest("8B"), Inventory((pool,)))
    if variant is None:
        assert driver is not None
        assert f"needs NVIDIA's driver 525.60 or later, and nodes with {gpu.product} have" in chosen.reason
    else:
        assert (chosen.is_ok, chosen.image_variant) == (True, variant)


BOUNDARIES = {
    (variant.driver, major_minor): variant
    for version in SUPPORTED_VERSIONS
    for variant in engine(version).variants
    for major_minor in (variant.driver, (variant.driver[0], variant.driver[1] - 1))
}


@pytest.mark.parametrize(("needed", "driver"), BOUNDARIES)
def test_the_minor_number_of_a_driver_counts(needed: tuple[int, int], driver: tuple[int, int]) -> None:
    """The last driver that an image does not run on, and the first one that it runs on, of each CUDA version."""
    variant = BOUNDARIES[needed, driver]
    release = replace(engine(SUPPORTED_VERSIONS[-1]), variants=(variant,))
    pool = GpuPool("A100", 81920, 8, compute_capability=(8, 0), driver=driver)
    refusal = image_for(PlanRequest("8B"), release, pool, Backend.TURBOMIND).refusal or ""
    wanted = f"driver {needed[0]}.{needed[1]} or later, and nodes with A100 have {driver[0]}.{driver[1]}"
    assert bool(refusal) is (driver < needed)
    assert wanted in refusal or driver == needed


def test_a_gpu_that_only_the_newest_image_has_code_for_needs_the_newest_driver() -> None:
    pools = {
        driver: GpuPool("RTX-5090", 32607, 1, compute_capability=(12, 0), driver=driver)
        for driver in ((575, 57), (580, 64), (580, 65))
    }
    plans = {driver: make_plan(PlanRequest("4B"), Inventory((pool,))) for driver, pool in pools.items()}
    assert "needs NVIDIA's driver 580.65 or later" in plans[575, 57].reason
    assert "have 580.64: update the driver" in plans[580, 64].reason
    assert plans[580, 65].image_variant == "cu13.0"


def test_an_older_image_is_taken_for_an_older_driver() -> None:
    gpu = find_gpu("A100-80GB")
    pool = GpuPool(gpu.product, gpu.memory_mib, 8, compute_capability=(8, 0), driver=(470, 82))
    assert make_plan(PlanRequest("8B", engine="0.10.2"), Inventory((pool,))).image_variant == "cu11"


def test_a_virtual_gpu_is_warned_of() -> None:
    pool = GpuPool("GRID-A100-40C", 40960, 1, compute_capability=(8, 0), is_virtual=True)
    assert any(
        "is a virtual GPU" in each for each in make_plan(PlanRequest("8B"), Inventory((pool,))).warnings
    )
