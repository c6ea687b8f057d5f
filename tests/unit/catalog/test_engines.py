import subprocess
import sys
from importlib.resources import files

import pytest

from internvl_operator.catalog.engine import Engine, FlagGroup
from internvl_operator.catalog.engine_options import EngineOptions
from internvl_operator.catalog.engines import (
    DEFAULT_VERSION,
    SUPPORTED_VERSIONS,
    UnknownEngineError,
    engine,
)
from internvl_operator.catalog.models import INTERNVL2, INTERNVL3_5, MODELS, Backend

ENGINES = [engine(version) for version in SUPPORTED_VERSIONS]


def numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))


def versions_with(attribute: str) -> list[str]:
    return [release.version for release in ENGINES if getattr(release, attribute)]


def since(version: str) -> list[str]:
    return list(SUPPORTED_VERSIONS[SUPPORTED_VERSIONS.index(version) :])


def until(version: str) -> list[str]:
    return list(SUPPORTED_VERSIONS[: SUPPORTED_VERSIONS.index(version) + 1])


def warnings(
    version: str,
    size: str,
    backend: Backend = Backend.TURBOMIND,
    tp: int = 1,
    quant: int = 0,
    series: str = INTERNVL2,
) -> str:
    return " ".join(
        engine(version).warnings_for(MODELS[series, size], backend, tp, EngineOptions(quant_policy=quant))
    )


def test_one_release_of_each_minor_is_supported_from_0_5_to_0_18() -> None:
    assert [numbers(version)[:2] for version in SUPPORTED_VERSIONS] == [(0, minor) for minor in range(5, 19)]
    assert SUPPORTED_VERSIONS[-1] == DEFAULT_VERSION


def test_there_is_a_data_file_for_each_supported_release_and_no_other() -> None:
    data = files("internvl_operator.catalog") / "engine_data"
    assert sorted(file.name for file in data.iterdir()) == sorted(
        f"{version}.json" for version in SUPPORTED_VERSIONS
    )


def test_the_catalogue_imports_nothing_slow() -> None:
    program = (
        "import sys; from internvl_operator.catalog import engines, flags, gpus;"
        "engines.engine(engines.DEFAULT_VERSION); print(*sys.modules)"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    ).stdout
    assert not {"pydantic", "kopf", "aiohttp", "kubernetes", "jinja2", "difflib", "tempfile"} & set(
        loaded.split()
    )


@pytest.mark.parametrize(
    ("unknown", "closest"),
    [
        ("0.12.0", "0.12.3"),
        ("0.9.2.post1", "0.9.2"),
        ("v0.18.0", "0.18.0"),
        ("0.19.0", "0.18.0"),
        ("1.0.0", "0.18.0"),
        ("0.4.2", "0.5.3"),
        ("latest", "0.18.0"),
    ],
)
def test_an_unknown_release_is_refused_with_the_closest_supported_one(unknown: str, closest: str) -> None:
    with pytest.raises(UnknownEngineError, match=rf"the closest is {closest}\.$"):
        engine(unknown)


@pytest.mark.parametrize(
    ("attribute", "expected"),
    [
        ("health_is_real", since("0.14.0")),
        ("requires_trust_remote_code", since("0.13.0")),
        ("truncates_session", until("0.14.0")),
        ("native_vision", since("0.16.0")),
        ("pins_vision_memory", ["0.16.0", "0.17.0"]),
        ("replicates_vocabulary", ["0.5.3"]),
        ("kv_heads_may_repeat", since("0.6.5")),
        ("accepts_underscores", since("0.9.2")),
        ("metrics_flag", ["0.9.2", "0.10.2"]),
        ("metrics_backends", since("0.9.2")),
        ("metrics_require_key", since("0.12.3")),
        ("goes_by_directory", until("0.9.2")),
    ],
)
def test_behaviour_belongs_to_these_releases(attribute: str, expected: list[str]) -> None:
    assert versions_with(attribute) == expected


@pytest.mark.parametrize("release", ENGINES, ids=SUPPORTED_VERSIONS)
def test_every_release_has_the_flags_that_the_operator_always_sets(release: Engine) -> None:
    always = ["--model-name", "--backend", "--server-port", "--tp", "--session-len", "--max-batch-size"]
    always += ["--cache-max-entry-count", "--quant-policy", "--model-format"]
    assert [flag for flag in always if not release.supports(flag)] == []


def test_flags_carry_what_the_parser_declares() -> None:
    flags = engine("0.18.0").flags
    assert (flags["--tp"].type, flags["--tp"].default, flags["--tp"].group) == ("int", 1, FlagGroup.ENGINE)
    assert flags["--backend"].choices == ("pytorch", "turbomind")
    assert flags["--allow-origins"].nargs == "+"
    assert flags["--allow-origins"].default == ("*",)
    assert flags["--enable-prefix-caching"].type == "flag"
    assert flags["--hf-overrides"].type == "json"


def test_a_flag_reaches_the_backends_whose_configuration_holds_it() -> None:
    flags = engine("0.18.0").flags
    reached = {
        name: [backend for backend in Backend if flags[name].reaches(backend)]
        for name in ("--log-level", "--tp", "--eager-mode", "--communicator")
    }
    assert reached == {
        "--log-level": list(Backend),
        "--tp": list(Backend),
        "--eager-mode": [Backend.PYTORCH],
        "--communicator": [Backend.TURBOMIND],
    }


def test_a_flag_that_a_release_accepts_and_never_reads_reaches_no_backend() -> None:
    flag = engine("0.9.2").flags["--num-tokens-per-iter"]
    assert not any(flag.reaches(backend) for backend in Backend)
    assert engine("0.10.2").flags["--num-tokens-per-iter"].reaches(Backend.TURBOMIND)


def test_a_flag_that_was_removed_never_comes_back() -> None:
    for name in {name for release in ENGINES for name in release.flags}:
        presence = "".join("x" if release.supports(name) else "." for release in ENGINES)
        assert "." not in presence.strip("."), f"{name}: {presence}"


@pytest.mark.parametrize(
    ("version", "image"),
    [
        ("0.5.3", "openmmlab/lmdeploy:v0.5.3-cu12"),
        ("0.9.2", "openmmlab/lmdeploy:v0.9.2-cu12"),
        ("0.10.2", "openmmlab/lmdeploy:v0.10.2-cu12.8"),
        ("0.18.0", "openmmlab/lmdeploy:v0.18.0-cu12.8"),
    ],
)
def test_the_default_image_is_the_one_that_runs_on_the_most_gpus(version: str, image: str) -> None:
    assert engine(version).image == image


def test_images_without_a_cuda_minor_end_with_0_15() -> None:
    assert [r.version for r in ENGINES if any(i.endswith("-cu12") for i in r.images)] == until("0.15.0")
    assert [r.version for r in ENGINES if any(i.endswith("-cu13.0") for i in r.images)] == since("0.16.0")


@pytest.mark.parametrize("release", ENGINES, ids=SUPPORTED_VERSIONS)
def test_phi_3_runs_on_pytorch_alone(release: Engine) -> None:
    assert release.backends_for("Phi3ForCausalLM") == (Backend.PYTORCH,)


@pytest.mark.parametrize("size", ["2B", "8B", "26B", "40B", "76B"])
@pytest.mark.parametrize("release", ENGINES, ids=SUPPORTED_VERSIONS)
def test_turbomind_is_preferred_for_heads_of_dimension_128(release: Engine, size: str) -> None:
    backends = release.backends_for(MODELS[INTERNVL2, size].language.architecture)
    assert backends == (Backend.TURBOMIND, Backend.PYTORCH)


def test_turbomind_runs_1b_since_it_has_heads_of_dimension_64() -> None:
    architecture = MODELS[INTERNVL2, "1B"].language.architecture
    on_turbomind = [r.version for r in ENGINES if Backend.TURBOMIND in r.backends_for(architecture)]
    assert on_turbomind == since("0.6.5")


@pytest.mark.parametrize(
    ("version", "product", "size"),
    [
        ("0.18.0", "NVIDIA-A100-SXM4-80GB", 384),
        ("0.18.0", "NVIDIA-A800-SXM4-80GB", 384),
        ("0.18.0", "NVIDIA-H100-80GB-HBM3", 1024),
        ("0.18.0", "NVIDIA-H200", 1024),
        ("0.18.0", "NVIDIA-GH200-480GB", 1024),
        ("0.18.0", "NVIDIA-L20Y", 1024),
        ("0.18.0", "NVIDIA-L20", 128),
        ("0.18.0", "NVIDIA-H20", 128),
        ("0.18.0", "NVIDIA-L4", 128),
        ("0.9.2", "NVIDIA-A100-SXM4-80GB", 256),
        ("0.9.2", "NVIDIA-H100-80GB-HBM3", 512),
        ("0.9.2", "NVIDIA-H200", 128),
        ("0.5.3", "NVIDIA-A100-SXM4-80GB", 128),
    ],
)
def test_the_default_batch_size_follows_the_gpu(version: str, product: str, size: int) -> None:
    assert engine(version).default_max_batch_size(product) == size


@pytest.mark.parametrize("release", ENGINES, ids=SUPPORTED_VERSIONS)
def test_a_prefill_step_has_8192_tokens_by_default(release: Engine) -> None:
    assert release.default_max_prefill_token_num == 8192


def test_metrics_of_0_9_are_those_of_the_pytorch_backend() -> None:
    assert engine("0.9.2").metrics_backends == (Backend.PYTORCH,)
    assert engine("0.10.2").metrics_backends == tuple(Backend)


def test_waiting_requests_are_counted_in_the_server_too_from_0_12() -> None:
    assert engine("0.11.1").waiting_requests_metrics == ("lmdeploy:num_requests_waiting",)
    assert "lmdeploy:num_api_requests_waiting" in engine("0.12.3").waiting_requests_metrics


@pytest.mark.parametrize(
    ("version", "series", "size", "template"),
    [
        ("0.5.3", INTERNVL2, "8B", '{"model_name": "internvl2-internlm2"}'),
        ("0.9.2", INTERNVL2, "1B", "internvl2-internlm2"),
        ("0.9.2", INTERNVL2, "4B", "internvl2-phi3"),
        ("0.6.5", "InternVL2.5", "8B", "internvl2_5"),
        ("0.9.2", "InternVL3", "9B", "internvl2_5"),
        ("0.10.2", INTERNVL2, "8B", None),
        ("0.10.2", INTERNVL3_5, "8B", None),
    ],
)
def test_the_chat_template_is_named_where_the_directory_would_decide(
    version: str, series: str, size: str, template: str | None
) -> None:
    assert engine(version).chat_template_for(MODELS[series, size]) == template


@pytest.mark.parametrize("version", SUPPORTED_VERSIONS)
@pytest.mark.parametrize(("size", "tp"), [("8B", 2), ("40B", 1), ("40B", 2), ("76B", 4)])
def test_flash_attention_is_asked_for_with_internvit_6b_on_several_gpus_up_to_0_15(
    version: str, size: str, tp: int
) -> None:
    expected = size != "8B" and tp > 1 and version in until("0.15.0")
    assert ("Flash Attention" in warnings(version, size, tp=tp)) is expected


@pytest.mark.parametrize("version", SUPPORTED_VERSIONS)
def test_timm_is_missing_from_images_up_to_0_11_0(version: str) -> None:
    assert ("timm" in warnings(version, "8B")) is (version in until("0.10.2"))


@pytest.mark.parametrize("version", SUPPORTED_VERSIONS)
def test_private_image_addresses_are_refused_from_0_12_3(version: str) -> None:
    is_refused = version in since("0.12.3")
    assert ("that resolve to a private address" in warnings(version, "8B")) is is_refused
    assert ("may lead to private addresses" in warnings(version, "8B")) is not is_refused


def test_pytorch_before_0_7_is_warned_of_with_internvit_6b_on_several_gpus() -> None:
    assert "attention" in warnings("0.6.5", "26B", Backend.PYTORCH, tp=2)
    assert "normalises" not in warnings("0.7.3", "26B", Backend.PYTORCH, tp=2)
    assert "normalises" not in warnings("0.6.5", "26B", Backend.PYTORCH, tp=1)


def test_tensor_parallelism_beside_the_python_vision_encoder_may_hang() -> None:
    assert "hang" in warnings("0.15.0", "8B", tp=2)
    assert "hang" not in warnings("0.16.0", "8B", tp=2)
    assert "hang" not in warnings("0.15.0", "4B", Backend.PYTORCH, tp=2)
