"""A row of the table of flags is all that a flag needs beside its field."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from internvl_operator.api.v1alpha1 import InternVLDeploymentSpec
from internvl_operator.catalog.engines import engine
from internvl_operator.catalog.flags import check_plain_flags
from internvl_operator.catalog.models import Backend
from internvl_operator.catalog.spec_flags import OPERATOR_FLAGS, SPEC_FLAGS, SpecFlag, plain_arguments
from internvl_operator.text.spelling import to_kubernetes, to_python

PLAIN = (
    SpecFlag("--cache-block-seq-len", "engine.cacheBlockSeqLen"),
    SpecFlag("--enable-prefix-caching", "engine.enablePrefixCaching"),
)


def spec(tokens: int | None, caching: bool | None) -> SimpleNamespace:
    return SimpleNamespace(engine=SimpleNamespace(cache_block_seq_len=tokens, enable_prefix_caching=caching))


@pytest.mark.parametrize(
    ("tokens", "caching", "arguments"),
    [
        (None, None, ()),
        (128, False, ("--cache-block-seq-len", "128")),
        (None, True, ("--enable-prefix-caching",)),
        (64, True, ("--cache-block-seq-len", "64", "--enable-prefix-caching")),
    ],
)
def test_a_plain_flag_is_written_with_the_value_of_its_field_and_left_out_with_it(
    tokens: int | None, caching: bool | None, arguments: tuple[str, ...]
) -> None:
    assert plain_arguments(spec(tokens, caching), PLAIN) == arguments


def test_a_plain_flag_that_the_release_lacks_is_refused_with_the_release_that_has_it() -> None:
    (problem,) = check_plain_flags(engine("0.5.3"), Backend.TURBOMIND, ("--enable-metrics",))
    assert problem.startswith("LMDeploy 0.5.3 has no flag --enable-metrics, which ")


def test_a_plain_flag_that_the_release_reads_is_not_refused_though_extra_args_must_not_hold_it() -> None:
    assert check_plain_flags(engine("0.18.0"), Backend.TURBOMIND, ("--cache-block-seq-len", "128")) == ()
    assert "--cache-block-seq-len" in OPERATOR_FLAGS


@pytest.mark.parametrize("row", [row for row in SPEC_FLAGS if row.field], ids=lambda row: row.flag)
def test_the_field_of_a_flag_is_one_of_the_spec(row: SpecFlag) -> None:
    model = InternVLDeploymentSpec
    *sections, field = map(to_python, row.field.split("."))
    for section in sections:
        model = model.model_fields[section].annotation  # type: ignore[assignment]
    assert field in model.model_fields


def test_no_flag_stands_in_the_table_twice() -> None:
    flags = [row.flag for row in SPEC_FLAGS]
    assert len(set(flags)) == len(flags)


@pytest.mark.parametrize("name", ["tp", "session_len", "gpu_memory_mib", "api_key_secret_ref"])
def test_a_name_survives_the_spelling_of_kubernetes(name: str) -> None:
    assert to_python(to_kubernetes(name)) == name
