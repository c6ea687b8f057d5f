import pytest

from internvl_operator.catalog.engines import SUPPORTED_VERSIONS, engine
from internvl_operator.catalog.flags import check_extra_args, flag_of
from internvl_operator.catalog.models import Backend
from internvl_operator.catalog.spec_flags import OPERATOR_FLAGS


def check(*args: str, version: str = "0.18.0", backend: Backend = Backend.TURBOMIND) -> str:
    return " ".join(check_extra_args(engine(version), backend, args))


@pytest.mark.parametrize(
    "args",
    [
        [],
        ["--log-level", "INFO"],
        ["--log-level=INFO"],
        ["--log_level=INFO"],
        ["--enable-prefix-caching"],
        ["--allow-origins", "https://a.example", "https://b.example", "--enable-prefix-caching"],
        ["--max-log-len", "-1"],
        ["--rope-scaling-factor", "2"],
        ["--hf-overrides", '{"llm_config": {"rope_scaling": null}}'],
        ["--hf-overrides.llm_config.rope_theta", "1000000", "--hf-overrides.dtype=float16"],
        ["--max-log-len", "$(LOG_LENGTH)"],
        ["--max-log-len=$(LOG_LENGTH)"],
    ],
)
def test_flags_that_the_release_reads_pass(args: list[str]) -> None:
    assert check(*args) == ""


def test_an_unknown_flag_is_refused_with_the_nearest_right_one() -> None:
    assert check("--enable-prefix-cache") == (
        "LMDeploy 0.18.0 has no flag --enable-prefix-cache: did you mean --enable-prefix-caching?"
    )


def test_an_unknown_flag_unlike_any_other_is_refused_without_a_guess() -> None:
    assert check("--abracadabra") == "LMDeploy 0.18.0 has no flag --abracadabra: leave it out."


def test_an_abbreviated_flag_is_refused_though_argparse_would_complete_it() -> None:
    assert "did you mean --enable-prefix-caching?" in check("--enable-prefix")


def test_a_flag_of_a_later_release_names_that_release() -> None:
    assert check("--async", "1", version="0.10.2") == (
        "LMDeploy 0.10.2 has no flag --async, which 0.12.3 has: "
        "set spec.engine.version to that or later, or leave it out."
    )


def test_a_flag_of_an_earlier_release_names_the_last_one_that_had_it() -> None:
    assert check("--enable-metrics") == (
        "LMDeploy 0.18.0 has no flag --enable-metrics, which 0.10.2 was the last to have: leave it out."
    )


@pytest.mark.parametrize(
    ("args", "problem"),
    [
        (["--max-log-len", "long"], "--max-log-len needs a whole number, not 'long'."),
        (["--max-log-len="], "--max-log-len needs a whole number, not ''."),
        (["--rope-scaling-factor=x"], "--rope-scaling-factor needs a number, not 'x'."),
        (["--hf-overrides", "{"], "--hf-overrides needs a JSON value, not '{'."),
        (["--communicator", "mpi"], "--communicator must be one of nccl, native, cuda-ipc, not 'mpi'."),
        (["--max-log-len"], "--max-log-len needs a value: write it after the flag."),
        (["--allow-origins"], "--allow-origins needs a value: write it after the flag."),
        (
            ["--max-log-len", "--enable-prefix-caching"],
            "--max-log-len needs a value: write it after the flag.",
        ),
        (["--enable-prefix-caching=true"], "--enable-prefix-caching takes no value: write it alone."),
        (["--enable-prefix-caching", "true"], "--enable-prefix-caching takes no value: leave out 'true'."),
        (["--max-log-len", "3", "4"], "--max-log-len takes one value: leave out '4'."),
        (["--allow-origins=a", "b"], "--allow-origins takes one value: leave out 'b'."),
        (
            ["OpenGVLab/InternVL2-8B"],
            "'OpenGVLab/InternVL2-8B' is no flag: extraArgs holds flags and their values alone.",
        ),
        (["-x"], "LMDeploy 0.18.0 has no flag -x: leave it out."),
        (["--"], "LMDeploy 0.18.0 has no flag --: leave it out."),
        (
            ["--log-level", "INFO", "--log-level", "ERROR"],
            "--log-level is given twice, and LMDeploy reads the last alone: leave the others out.",
        ),
        (
            ["--log-level.a", "1"],
            "LMDeploy 0.18.0 does not read --log-level.a: write --log-level and its value.",
        ),
    ],
)
def test_what_the_parser_would_refuse_or_misread_is_refused(args: list[str], problem: str) -> None:
    assert check(*args) == problem


def test_a_flag_of_the_other_backend_is_refused_because_it_would_be_ignored() -> None:
    assert check("--eager-mode") == (
        "--eager-mode is for the PyTorch backend and ignored by TurboMind, which serves this model: "
        "leave it out, or set spec.engine.backend to PyTorch."
    )
    assert check("--eager-mode", backend=Backend.PYTORCH) == ""
    assert "set spec.engine.backend to TurboMind" in check("--communicator", "nccl", backend=Backend.PYTORCH)


def test_a_flag_that_the_release_never_reads_is_refused() -> None:
    assert check("--num-tokens-per-iter", "1", version="0.9.2") == (
        "LMDeploy 0.9.2 accepts --num-tokens-per-iter and does not use it: leave it out."
    )


def test_underscores_are_refused_where_the_release_does_not_read_them() -> None:
    assert check("--max_log_len", "3", version="0.8.0") == (
        "LMDeploy 0.8.0 does not read underscores in flags: write --max-log-len."
    )


def test_each_problem_is_told() -> None:
    problems = check_extra_args(
        engine("0.18.0"), Backend.TURBOMIND, ["stray", "--tp=2", "--max-log-len", "x"]
    )
    assert len(problems) == 3


@pytest.mark.parametrize("flag", sorted(OPERATOR_FLAGS))
@pytest.mark.parametrize("spelling", ["{}", "{}=1", "{}.key=1"])
def test_the_operators_own_flags_are_refused_with_what_to_do_instead(flag: str, spelling: str) -> None:
    refusal = f"{flag} is not for extraArgs: {OPERATOR_FLAGS[flag]}."
    for version in SUPPORTED_VERSIONS:
        for written in (flag, flag.replace("-", "_").replace("__", "--", 1)):
            assert check(spelling.format(written), version=version) == refusal


@pytest.mark.parametrize("flag", sorted(OPERATOR_FLAGS))
def test_no_abbreviation_of_an_operators_flag_passes(flag: str) -> None:
    for length in range(3, len(flag)):
        assert check(flag[:length], "1") != ""


def test_every_flag_of_the_operator_exists_in_some_release() -> None:
    known = {name for version in SUPPORTED_VERSIONS for name in engine(version).flags}
    assert set(OPERATOR_FLAGS) - known == set()


@pytest.mark.parametrize(
    ("argument", "flag"),
    [
        ("--tp", "--tp"),
        ("--tp=2", "--tp"),
        ("--session_len=8_192", "--session-len"),
        ("--hf-overrides.a_b=c.d", "--hf-overrides"),
    ],
)
def test_the_flag_of_an_argument_is_spelt_with_dashes(argument: str, flag: str) -> None:
    assert flag_of(argument) == flag
