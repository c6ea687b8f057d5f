import re

import pytest

from internvl_operator.catalog import gpus
from internvl_operator.catalog.gpus import GPUS, Gpu, UnknownGpuError, find_gpu, mig_profile


@pytest.mark.parametrize(
    ("name", "memory_mib"),
    [
        ("T4", 15360),
        ("L4", 23034),
        ("RTX-5090", 32607),
        ("A100-40GB", 40960),
        ("L40S", 46068),
        ("A100-80GB", 81920),
        ("H100", 81559),
        ("H100-NVL", 95830),
        ("H200", 143771),
    ],
)
def test_memory_is_what_nvidia_smi_shows(name: str, memory_mib: int) -> None:
    assert find_gpu(name).memory_mib == memory_mib


@pytest.mark.parametrize("gpu", GPUS, ids=lambda gpu: gpu.product)
def test_a_gpu_is_found_by_its_label_by_its_device_name_and_by_its_aliases(gpu: Gpu) -> None:
    names = (gpu.product, gpu.product.replace("-", " "), gpu.product.lower(), *gpu.aliases)
    assert {find_gpu(name) for name in names} == {gpu}


def test_no_name_belongs_to_two_gpus() -> None:
    names = [name.lower() for gpu in GPUS for name in {gpu.product, *gpu.aliases}]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("gpu", GPUS, ids=lambda gpu: gpu.product)
def test_products_are_label_values(gpu: Gpu) -> None:
    assert re.fullmatch(r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?", gpu.product)


@pytest.mark.parametrize("gpu", GPUS, ids=lambda gpu: gpu.product)
def test_a_gpu_has_no_more_memory_than_its_name_says(gpu: Gpu) -> None:
    stated = re.search(r"(?<!RTX-)\b(\d+)GB", gpu.product)
    if stated and not gpu.product.startswith("NVIDIA-GH200"):  # which counts the memory of its CPU
        assert 0.97 * int(stated[1]) * 1024 < gpu.memory_mib <= int(stated[1]) * 1024


@pytest.mark.parametrize(
    ("label", "product"),
    [
        ("nvidia-tesla-t4", "Tesla-T4"),
        ("nvidia-tesla-v100", "Tesla-V100-SXM2-16GB"),
        ("nvidia-l4", "NVIDIA-L4"),
        ("nvidia-tesla-a100", "NVIDIA-A100-SXM4-40GB"),
        ("nvidia-a100-80gb", "NVIDIA-A100-SXM4-80GB"),
        ("nvidia-h100-80gb", "NVIDIA-H100-80GB-HBM3"),
        ("nvidia-h100-mega-80gb", "NVIDIA-H100-80GB-HBM3"),
        ("nvidia-h200-141gb", "NVIDIA-H200"),
        ("nvidia-b200", "NVIDIA-B200"),
        ("nvidia-rtx-pro-6000", "NVIDIA-RTX-PRO-6000-Blackwell-Server-Edition"),
    ],
)
def test_gke_accelerators_are_known(label: str, product: str) -> None:
    assert find_gpu(label).product == product


@pytest.mark.parametrize(
    ("label", "product"),
    [
        ("t4", "Tesla-T4"),
        ("t4g", "NVIDIA-T4G"),
        ("v100", "Tesla-V100-SXM2-16GB"),
        ("a10g", "NVIDIA-A10G"),
        ("l4", "NVIDIA-L4"),
        ("l40s", "NVIDIA-L40S"),
        ("a100", "NVIDIA-A100-SXM4-40GB"),
        ("h100", "NVIDIA-H100-80GB-HBM3"),
        ("h200", "NVIDIA-H200"),
        ("b200", "NVIDIA-B200"),
    ],
)
def test_karpenter_gpu_names_are_known(label: str, product: str) -> None:
    assert find_gpu(label).product == product


@pytest.mark.parametrize(
    ("name", "capability"),
    [
        ("V100", (7, 0)),
        ("T4", (7, 5)),
        ("A100", (8, 0)),
        ("A10", (8, 6)),
        ("L4", (8, 9)),
        ("H100", (9, 0)),
        ("B200", (10, 0)),
        ("RTX-5090", (12, 0)),
    ],
)
def test_each_architecture_has_its_compute_capability(name: str, capability: tuple[int, int]) -> None:
    assert find_gpu(name).compute_capability == capability


def test_an_unknown_gpu_is_refused_with_the_nearest_names() -> None:
    with pytest.raises(UnknownGpuError, match=r"'A100-80G' is not known; the nearest are A100-80GB"):
        find_gpu("A100-80G")


def test_an_unknown_gpu_unlike_any_other_is_refused_without_a_guess() -> None:
    with pytest.raises(UnknownGpuError, match=r"'abacus' is not known$"):
        find_gpu("abacus")


@pytest.mark.parametrize(
    ("resource", "memory_mib", "capability"),
    [
        ("nvidia.com/mig-1g.5gb", 4864, (8, 0)),
        ("nvidia.com/mig-3g.20gb", 20096, (8, 0)),
        ("nvidia.com/mig-3g.40gb", 40192, (8, 0)),
        ("nvidia.com/mig-1g.10gb.me", 9728, (8, 0)),
        ("nvidia.com/mig-3g.47gb", 47232, (9, 0)),
    ],
)
def test_a_mig_profile_has_the_memory_of_its_slice(
    resource: str, memory_mib: int, capability: tuple[int, int]
) -> None:
    profile = mig_profile(resource)
    assert (profile.memory_mib, profile.compute_capability) == (memory_mib, capability)
    assert resource.startswith(f"nvidia.com/{profile.product}")


def test_a_mig_profile_that_is_not_listed_counts_with_less_than_its_name_says() -> None:
    assert 0.85 * 71 * 1024 < mig_profile("nvidia.com/mig-3g.71gb").memory_mib < 71 * 1024


@pytest.mark.parametrize("profile", sorted(gpus._MIG_PROFILES))
def test_the_bound_for_profiles_that_are_not_listed_holds_for_those_that_are(profile: str) -> None:
    gigabytes = int(profile.partition(".")[2].removesuffix("gb"))
    memory_mib = mig_profile(f"nvidia.com/mig-{profile}").memory_mib
    assert gpus._LEAST_MIB_PER_GB * gigabytes <= memory_mib <= 1024 * gigabytes


@pytest.mark.parametrize(
    "resource", ["nvidia.com/gpu", "mig-3g.40gb", "nvidia.com/mig-3g", "amd.com/mig-3g.40gb"]
)
def test_what_is_no_mig_profile_is_refused_with_an_example(resource: str) -> None:
    with pytest.raises(
        UnknownGpuError, match=r"is no MIG profile: write one such as nvidia\.com/mig-3g\.40gb"
    ):
        mig_profile(resource)
