"""Which of a release's published images has code for some GPUs, or why none has."""

from dataclasses import dataclass
from functools import lru_cache

from internvl_operator.catalog.engine import Engine
from internvl_operator.catalog.hardware.image_variants import Capability, ImageVariant, dotted
from internvl_operator.catalog.models import Backend
from internvl_operator.planner.nodes.inventory import GpuPool
from internvl_operator.planner.request import PlanRequest

_OWN_IMAGE = "name an image of your own in spec.engine.image"


@dataclass(frozen=True, slots=True)
class ImageChoice:
    """The image to run.

    Args:
        variant: the suffix of its tag; empty for the release's default, and with an image of the user's own.
        refusal: why no published image runs there.
    """

    variant: str = ""
    refusal: str | None = None


def image_for(request: PlanRequest, release: Engine, pool: GpuPool, backend: Backend) -> ImageChoice:
    """Return the first image of a release that runs on some GPUs; what is not known of them rules none out.

    An image of the user's own may be built for any GPU.
    """
    if request.has_own_image:
        return ImageChoice()
    if pool.processor not in (None, request.gpu.processor):
        return ImageChoice(
            refusal=f"machines with {pool.product} have {pool.processor} processors, and LMDeploy's images are for "
            f"{request.gpu.processor}: {_OWN_IMAGE}"
        )
    with_code = [each for each in release.variants if _has_code(each, pool.compute_capability, backend)]
    if not with_code:
        return ImageChoice(refusal=_no_code(release, pool, backend))
    fit = [each for each in with_code if pool.driver is None or pool.driver >= each.driver]
    if not fit:
        needed, found = (f"{major}.{minor}" for major, minor in (with_code[0].driver, pool.driver or (0, 0)))
        return ImageChoice(
            refusal=f"the image v{release.version}-{with_code[0].name} needs NVIDIA's driver {needed} or later, and "
            f"nodes with {pool.product or pool.resource} have {found}: update the driver"
        )
    return ImageChoice("" if fit[0] is release.variants[0] else fit[0].name)


def has_code(request: PlanRequest, release: Engine, pool: GpuPool, backend: Backend) -> bool:
    """Return whether some image has a backend's code for some GPUs, as far as they are known."""
    return request.has_own_image or any(
        _has_code(each, pool.compute_capability, backend) for each in release.variants
    )


def variant_named(release: Engine, name: str) -> ImageVariant:
    """Return the image of a release by the suffix of its tag; without one the default."""
    return next((each for each in release.variants if each.name == name), release.variants[0])


@lru_cache(256)  # a plan asks for each of its candidates
def _has_code(variant: ImageVariant, capability: Capability | None, backend: Backend) -> bool:
    return capability is None or variant.runs(capability, backend)


def _no_code(release: Engine, pool: GpuPool, backend: Backend) -> str:
    capability = pool.compute_capability or (0, 0)
    codes = {
        code.rstrip("a"): tuple(int(number) for number in code.rstrip("a").split("."))
        for variant in release.variants
        for code in (variant.turbomind if backend is Backend.TURBOMIND else variant.torch)
    }
    known = ", ".join(sorted(codes, key=lambda code: codes[code]))
    return (
        f"{pool.product or pool.resource} has compute capability {dotted(capability)}, for which the images of "
        f"LMDeploy {release.version} have no code on {backend} (they have {known}): choose other GPUs or another "
        f"engine.version, or {_OWN_IMAGE}"
    )
