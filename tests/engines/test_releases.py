"""The catalogue against the released packages themselves."""

import json
from collections.abc import Iterator
from importlib.resources import files

import pytest

from internvl_operator.catalog.engine import Engine, Flag, FlagGroup
from internvl_operator.catalog.engines import engine
from internvl_operator.catalog.flags import check_extra_args
from internvl_operator.catalog.models import Backend
from internvl_operator.catalog.spec_flags import OPERATOR_FLAGS
from tests.engines.generate import engine_data
from tests.engines.parse import parse_errors

pytestmark = [pytest.mark.network, pytest.mark.timeout(600)]

VALID = {"int": "7", "float": "0.5", "json": '{"a": 1}', "str": "text", "custom": "8"}
DOUBTFUL = {"int": "7.5", "float": "half", "json": "{", "str": "other", "custom": "many"}


def _spellings(flag: Flag) -> Iterator[list[str]]:
    """Yield right and wrong ways to write one flag."""
    name = flag.name
    yield [name]
    yield [name.replace("-", "_").replace("__", "--", 1)]
    yield [name, "stray"]
    yield [name, "two", "values"]
    if flag.type == "flag":
        yield [f"{name}=true"]
        return
    valid = str(flag.choices[0]) if flag.choices else VALID[flag.type]
    yield [name, valid]
    yield [f"{name}={valid}"]
    yield [f"{name}={valid}", "stray"]
    yield [name, valid, "stray"]
    yield [f"{name}={DOUBTFUL[flag.type]}"]
    yield [f"{name}=-1"]
    yield [name, "-1"]
    yield [f"{name}="]


def _free_flags(release: Engine) -> list[Flag]:
    """Return the flags that extraArgs may hold and that some backend reads."""
    return [
        flag
        for flag in release.flags.values()
        if flag.name not in OPERATOR_FLAGS and flag.group is not FlagGroup.UNUSED
    ]


def test_the_catalogue_says_what_the_released_parser_says(released: str) -> None:
    committed = files("internvl_operator.catalog") / "engine_data" / f"{released}.json"
    assert engine_data(released) == committed.read_text()


def _verdicts(
    version: str, written: list[tuple[Flag, list[str]]]
) -> Iterator[tuple[list[str], str | None, bool]]:
    """Yield each argument list with the released parser's error and whether the check finds a problem."""
    release = engine(version)
    errors = parse_errors(version, [["/models/InternVL2-8B", *args] for _, args in written])
    for (flag, args), error in zip(written, errors, strict=True):
        backend = Backend.PYTORCH if flag.group is FlagGroup.PYTORCH else Backend.TURBOMIND
        yield args, error, bool(check_extra_args(release, backend, args))


def test_extra_arguments_are_refused_exactly_where_the_released_parser_refuses_them(released: str) -> None:
    written = [(flag, args) for flag in _free_flags(engine(released)) for args in _spellings(flag)]
    verdicts = _verdicts(released, written)
    assert [(args, error) for args, error, refused in verdicts if refused != bool(error)] == []


def test_abbreviated_flags_and_keys_of_flags_pass_only_where_the_released_parser_accepts_them(
    released: str,
) -> None:
    flags = _free_flags(engine(released))
    written = [(flag, [flag.name[:-1], "1"]) for flag in flags]
    written += [(flag, [f"{flag.name}.key", "1"]) for flag in flags]
    written += [(flag, [f"{flag.name}.key.deeper=1"]) for flag in flags]
    verdicts = _verdicts(released, written)
    assert [(args, error) for args, error, refused in verdicts if error and not refused] == []


def test_the_parser_that_is_asked_is_the_released_one(released: str) -> None:
    accepted, refused = parse_errors(released, [["/models/m", "--tp", "2"], ["/models/m", "--no-such-flag"]])
    assert accepted is None
    assert refused is not None
    assert "--no-such-flag" in refused


def test_the_data_files_hold_one_flag_a_line(released: str) -> None:
    lines = engine_data(released).splitlines()
    flags = json.loads("".join(lines))["flags"]
    assert sum(line.startswith('    "--') for line in lines) == len(flags)
