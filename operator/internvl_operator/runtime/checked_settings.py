"""What the settings name, read and checked before anything is watched: the same for a start and for a check."""

from internvl_operator.api.platform_defaults import PlatformDefaults, read_platform_defaults
from internvl_operator.catalog.gpus import UnknownGpuError, find_gpu
from internvl_operator.settings import Settings


def checked_platform_defaults(settings: Settings) -> PlatformDefaults:
    """Return the platform defaults that the settings name, once the settings' GPUs have been checked too.

    Raises:
        OSError: the file of the platform defaults cannot be read.
        ValueError: the platform defaults are not what they should be, or a GPU could never be planned for; the
            message names the variable, or the file and the fields.
    """
    _check_default_gpu(settings.default_gpu)
    for product, _ in settings.inventory:
        _check_listed_product(product)
    return read_platform_defaults(settings.platform_defaults)


def _check_default_gpu(name: str | None) -> None:
    if name is None:
        return
    try:
        find_gpu(name)
    except UnknownGpuError as error:
        raise ValueError(f"INTERNVL_DEFAULT_GPU: {error}") from None


def _check_listed_product(name: str) -> None:
    """Refuse a nickname: the models' pods select their nodes by the listed name, as the label has it.

    A product that the catalogue does not know is allowed, as a resource may give its memory.
    """
    try:
        gpu = find_gpu(name)
    except UnknownGpuError:
        return
    if name in gpu.nicknames:
        raise ValueError(
            f"INTERNVL_INVENTORY: write {gpu.product} in place of {name}: pods select nodes by the label's value"
        )
