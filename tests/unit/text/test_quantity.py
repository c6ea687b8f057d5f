"""Kubernetes quantities in every spelling that the API server reads or writes."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from internvl_operator.text.quantity import memory_mib, parse_quantity


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0", "0"),
        ("5", "5"),
        ("0.5", "0.5"),
        (".5", "0.5"),
        ("5.", "5"),
        ("+5", "5"),
        ("-5", "-5"),
        ("1500m", "1.5"),
        ("100u", "0.0001"),
        ("7n", "0.000000007"),
        ("2k", "2000"),
        ("2M", "2000000"),
        ("1.5G", "1500000000"),
        ("3T", "3000000000000"),
        ("4P", "4000000000000000"),
        ("5E", "5000000000000000000"),
        ("1Ki", "1024"),
        ("1Mi", "1048576"),
        ("1.5Gi", "1610612736"),
        ("1Ti", "1099511627776"),
        ("1Pi", "1125899906842624"),
        ("1Ei", "1152921504606846976"),
        ("12e6", "12000000"),
        ("12E6", "12000000"),
        ("5e-3", "0.005"),
    ],
)
def test_each_spelling_has_its_value(text: str, value: str) -> None:
    assert parse_quantity(text) == Decimal(value)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " 1",
        "1 ",
        "1\n",
        "80GB",
        "1ki",
        "1K",
        "1e",
        "Gi",
        ".",
        "1.2.3",
        "0x10",
        "1e6Ki",
        "٣",
        "NaN",
        "1e9999",
    ],
)
def test_what_is_no_quantity_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match="is not a Kubernetes quantity: write for example 80Gi"):
        parse_quantity(text)


def test_what_is_finer_than_a_billionth_is_rounded_away_from_zero() -> None:
    assert parse_quantity("0.0000000001") == parse_quantity("1n")
    assert parse_quantity("-0.0000000001") == parse_quantity("-1n")


def test_what_is_beyond_64_bits_is_cut() -> None:
    assert parse_quantity("100E") == parse_quantity("1e300") == 2**63 - 1


@given(st.integers(0, 10**6), st.sampled_from([("", "k"), ("k", "M"), ("M", "G"), ("m", "")]))
def test_a_thousand_of_a_suffix_is_one_of_the_next(number: int, suffixes: tuple[str, str]) -> None:
    smaller, larger = suffixes
    assert parse_quantity(f"{1000 * number}{smaller}") == parse_quantity(f"{number}{larger}")


@given(st.integers(0, 10**6), st.sampled_from([("Ki", "Mi"), ("Mi", "Gi"), ("Gi", "Ti"), ("", "Ki")]))
def test_1024_of_a_binary_suffix_are_one_of_the_next(number: int, suffixes: tuple[str, str]) -> None:
    smaller, larger = suffixes
    assert parse_quantity(f"{1024 * number}{smaller}") == parse_quantity(f"{number}{larger}")


@pytest.mark.parametrize(
    ("text", "mib"), [("80Gi", 81920), ("81250Mi", 81250), ("85899345920", 81920), ("24G", 22888), ("1Mi", 1)]
)
def test_memory_is_counted_in_whole_mib(text: str, mib: int) -> None:
    assert memory_mib(text) == mib


@pytest.mark.parametrize("text", ["80", "1023Ki", "0", "-1Gi"])
def test_memory_below_a_mib_is_most_likely_without_its_unit_and_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is less than 1 MiB: write for example 80Gi"):
        memory_mib(text)
