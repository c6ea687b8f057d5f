"""Which GPUs and processors each published image of LMDeploy has code for, and the driver that it needs.

An image holds machine code for some CUDA architectures and nothing to compile for others (no PTX of TurboMind). Where
the code is missing, CUDA says "no kernel image is available for execution on the device" after the start.

Sources, all at the release's tag: ``CMakeLists.txt`` (TurboMind's architectures by the version of the CUDA compiler),
``docker/Dockerfile`` and ``docker/install.sh`` (the CUDA version of the compiler and of PyTorch in each image),
``.github/workflows/docker.yml`` (which images are published, and that they are for amd64 alone);
``.ci/manywheel/build_cuda.sh`` of PyTorch (the architectures of its wheels); the table of minor version compatibility
in NVIDIA's CUDA toolkit release notes (the drivers).
"""

from dataclasses import dataclass

from internvl_operator.catalog.models import Backend

Release = tuple[int, ...]
"""A version as its numbers, so that 0.6.5 < 0.10.2."""

Capability = tuple[int, int]
"""A compute capability, or the version of a driver: major and minor number."""

PROCESSOR = "amd64"
"""The only one that images are published for, as the node label ``kubernetes.io/arch`` names it."""

MAJORS = (3, 5, 6, 7, 8, 9, 10, 11, 12)
"""The major numbers of all compute capabilities so far."""

_UNTIL_ADA = ("7.0", "7.5", "8.0", "8.6", "8.9")
_UNTIL_HOPPER = (*_UNTIL_ADA, "9.0a")
_TORCH_CUDA_11 = _TORCH_CUDA_12_6 = ("7.0", "7.5", "8.0", "8.6", "9.0")
_TORCH_CUDA_12_8 = (*_TORCH_CUDA_12_6, "10.0", "12.0")
_TORCH_CUDA_13 = ("7.5", "8.0", "8.6", "9.0", "10.0", "12.0")
_DRIVER = {11: (450, 80), 12: (525, 60), 13: (580, 65)}


@dataclass(frozen=True, slots=True)
class ImageVariant:
    """One of the images of a release.

    Attributes:
        name: the suffix of its tag, such as ``cu12.8``.
        cuda: the CUDA version of PyTorch in it.
        turbomind: architectures of TurboMind's code; one with an ``a`` at its end runs on itself alone.
        torch: architectures of PyTorch's code, from 7.0 on, the oldest that its Triton kernels compile for.

    Example:
        >>> new = variants_of((0, 18))[1]
        >>> new.name, new.runs((12, 0), Backend.TURBOMIND), new.runs((7, 5), Backend.TURBOMIND)
        ('cu13.0', True, False)
    """

    name: str
    cuda: Capability
    turbomind: tuple[str, ...]
    torch: tuple[str, ...]

    @property
    def driver(self) -> Capability:
        """The oldest driver that it runs on."""
        return _DRIVER[self.cuda[0]]

    def runs(self, capability: Capability, backend: Backend) -> bool:
        """Return whether a backend has code for a GPU; TurboMind's server uses PyTorch too."""
        needed = (self.torch, self.turbomind) if backend is Backend.TURBOMIND else (self.torch,)
        return all(any(_runs(code, capability) for code in codes) for codes in needed)


def _runs(code: str, capability: Capability) -> bool:
    """Return whether code for one architecture runs on a GPU: on later minor versions too, unless it ends with a."""
    major, minor = (int(number) for number in code.rstrip("a").split("."))
    return capability[0] == major and (
        capability[1] == minor if code.endswith("a") else capability[1] >= minor
    )


def variants_of(release: Release) -> tuple[ImageVariant, ...]:
    """Return the published images of a release, the default first.

    The oldest CUDA is the default from 0.16 on, before it CUDA 12.8 where there is such an image: both run on the most
    GPUs that people have.
    """
    turbomind_12_8 = (*_UNTIL_HOPPER, "12.0a", *(("10.0a",) if release >= (0, 13) else ()))
    if release >= (0, 16):
        return (
            # Named after the compiler of TurboMind; PyTorch 2.12 has no wheel for CUDA 12.8.
            ImageVariant("cu12.8", (12, 6), turbomind_12_8, _TORCH_CUDA_12_6),
            ImageVariant("cu13.0", (13, 0), tuple(c for c in turbomind_12_8 if c[0] != "7"), _TORCH_CUDA_13),
        )
    newest = ImageVariant("cu12.8", (12, 8), turbomind_12_8, _TORCH_CUDA_12_8)
    if release >= (0, 12):
        return (newest, ImageVariant("cu12", (12, 6), _UNTIL_HOPPER, _TORCH_CUDA_12_6))
    # From 0.9 on the code for Hopper is 9.0a, which CUDA 11.8 does not compile.
    hopper, hopper_11 = (_UNTIL_HOPPER, _UNTIL_ADA) if release >= (0, 9) else ((*_UNTIL_ADA, "9.0"),) * 2
    older = (
        ImageVariant("cu12", (12, 4), hopper, _TORCH_CUDA_12_6),
        ImageVariant("cu11", (11, 8), hopper_11, _TORCH_CUDA_11),
    )
    return (newest, *older) if release >= (0, 10) else older


def awq_capability(release: Release) -> Capability:
    """Return the oldest compute capability of TurboMind's AWQ kernels (docs/en/quantization/w4a16.md)."""
    return (7, 0) if release >= (0, 6) else (7, 5)


def dotted(capability: Capability) -> str:
    """Return a compute capability as NVIDIA writes it."""
    return f"{capability[0]}.{capability[1]}"
