"""Checks arguments that a spec gives against the flags of the LMDeploy release that will read them.

LMDeploy ends with a usage error at a flag that it does not know and ignores a flag of its other backend, so
both are found here, before a pod is made. The rules of reading are those of LMDeploy's parser: Python's
argparse, from 0.9 on with underscores for dashes and ``--json-flag.key value`` (lmdeploy: ``cli/utils.py``).
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from types import MappingProxyType

from internvl_operator.catalog import engines
from internvl_operator.catalog.engine import Engine, Flag, FlagGroup
from internvl_operator.catalog.models import Backend
from internvl_operator.catalog.spec_flags import OPERATOR_FLAGS

_CONVERSIONS: Mapping[str, Callable[[str], object]] = MappingProxyType(
    {"str": str, "int": int, "float": float, "json": json.loads, "custom": str}
)

_MOST_PROBLEMS = 5
"""The most mistakes that one message names: for each, all flags are searched for what was meant."""

_LONGEST_FLAG = 64
"""Characters; more than the longest flag has. A longer text is not compared with the flags."""

_NUMBER_OR_DASH = re.compile(r"-(\d++(\.\d++)?|\.\d++)?")
"""A text that begins with a dash and that argparse takes for a value: a negative number, or the dash alone."""

_TITLES = MappingProxyType({"turbomind": "TurboMind", "pytorch": "PyTorch"})
"""The backends as ``spec.engine.backend`` spells them."""


@dataclass(frozen=True, slots=True)
class _Use:
    """One use of a flag in the arguments.

    Attributes:
        written: the flag as the user spells it, without a value.
        flag: its name in the catalogue.
        key: what follows the first point in it: the path of one key of a JSON value.
        assigned: the value after ``=``.
        following: the arguments up to the next flag.
    """

    written: str
    flag: str
    key: str
    assigned: str | None
    following: list[str] = field(default_factory=list)


def check_extra_args(engine: Engine, backend: Backend, args: Sequence[str]) -> tuple[str, ...]:
    """Return what is wrong with extra arguments, a sentence with a way out each; empty when nothing is.

    Args:
        engine: the release that will read them.
        backend: the backend that will serve.
        args: the arguments, each flag and each value an element of its own, or joined with ``=``. A value
            with ``$(NAME)``, which Kubernetes replaces, is not looked into.
    """
    strays, uses = _split(args)
    problems = [
        f"{stray!r} is no flag: extraArgs holds flags and their values alone."
        for stray in strays[:_MOST_PROBLEMS]
    ]
    seen: set[str] = set()
    for number, use in enumerate(uses):
        if len(problems) >= _MOST_PROBLEMS:
            return (*problems, f"{len(uses) - number} more flags were not looked at.")
        problem = _problem(engine, backend, use)
        if problem is None and use.flag in seen and not use.key:
            problem = f"{use.flag} is given twice, and LMDeploy reads the last alone: leave the others out."
        if problem is not None:
            problems.append(problem)
        seen.add(use.flag)
    return tuple(problems)


def check_plain_flags(engine: Engine, backend: Backend, args: Sequence[str]) -> tuple[str, ...]:
    """Return what is wrong with the flags that fields of the spec write as they are, as ``check_extra_args`` does."""
    _, uses = _split(args)
    problems = (_wrong_use(engine, backend, use) for use in uses)
    return tuple(problem for problem in problems if problem is not None)


def flag_of(argument: str) -> str:
    """Return the flag in an argument, spelt with dashes: ``--session-len`` for ``--session_len=8192``."""
    return argument.partition("=")[0].partition(".")[0].replace("_", "-")


def _split(args: Sequence[str]) -> tuple[list[str], list[_Use]]:
    """Return the arguments before the first flag, and the flags with what follows them."""
    strays: list[str] = []
    uses: list[_Use] = []
    for argument in args:
        if argument.startswith("-") and not _NUMBER_OR_DASH.fullmatch(argument):
            written, equals, value = argument.partition("=")
            key = written.partition(".")[2]
            uses.append(_Use(written, flag_of(argument), key, value if equals else None))
        else:
            (uses[-1].following if uses else strays).append(argument)
    return strays, uses


def _problem(engine: Engine, backend: Backend, use: _Use) -> str | None:
    """Return the first thing that is wrong with a flag, if any is."""
    if use.flag in OPERATOR_FLAGS:
        return f"{use.flag} is not for extraArgs: {OPERATOR_FLAGS[use.flag]}."
    return _wrong_use(engine, backend, use)


def _wrong_use(engine: Engine, backend: Backend, use: _Use) -> str | None:
    flag = engine.flags.get(use.flag)
    if flag is None:
        return _unknown(engine, use.flag)
    return _misspelt(engine, flag, use) or _unread(engine, backend, flag) or _wrong_values(flag, use)


def _unknown(engine: Engine, flag: str) -> str:
    """Say that the release lacks the flag, and which release has it or what may have been meant."""
    lacking = f"LMDeploy {engine.version} has no flag {flag}"
    versions = engines.SUPPORTED_VERSIONS
    having = [version for version in versions if engines.engine(version).supports(flag)]
    if not having:
        return lacking + _did_you_mean(flag, engine.version)
    if versions.index(having[0]) > versions.index(engine.version):
        return f"{lacking}, which {having[0]} has: set spec.engine.version to that or later, or leave it out."
    return f"{lacking}, which {having[-1]} was the last to have: leave it out."


@lru_cache(256)  # a plan asks for each of its candidates
def _did_you_mean(flag: str, version: str) -> str:
    if len(flag) > _LONGEST_FLAG:
        return ": leave it out."
    from difflib import get_close_matches  # an error's cost, not a plan's

    nearest = get_close_matches(flag, engines.engine(version).flags, n=1, cutoff=0.7)
    return f": did you mean {nearest[0]}?" if nearest else ": leave it out."


def _misspelt(engine: Engine, flag: Flag, use: _Use) -> str | None:
    if use.key and not (engine.accepts_underscores and flag.type == "json"):
        return f"LMDeploy {engine.version} does not read {use.written}: write {flag.name} and its value."
    if "_" in use.written and not engine.accepts_underscores:
        return f"LMDeploy {engine.version} does not read underscores in flags: write {flag.name}."
    return None


def _unread(engine: Engine, backend: Backend, flag: Flag) -> str | None:
    """Say that the server accepts the flag and ignores it."""
    if flag.reaches(backend):
        return None
    if flag.group is FlagGroup.UNUSED:
        return f"LMDeploy {engine.version} accepts {flag.name} and does not use it: leave it out."
    other = _TITLES[flag.group]
    return (
        f"{flag.name} is for the {other} backend and ignored by {_TITLES[backend]}, which serves this model: "
        f"leave it out, or set spec.engine.backend to {other}."
    )


def _wrong_values(flag: Flag, use: _Use) -> str | None:
    """Say what is wrong with the number or the form of a flag's values."""
    if flag.type == "flag" and use.assigned is not None:
        return f"{flag.name} takes no value: write it alone."
    values, strays = _values(flag, use)
    if strays:
        takes = "no value" if flag.type == "flag" else "one value"
        return f"{flag.name} takes {takes}: leave out {' '.join(map(repr, strays))}."
    if not values and flag.type != "flag" and flag.nargs != "*":
        return f"{flag.name} needs a value: write it after the flag."
    converted_as = "str" if use.key else flag.type
    return next((wrong for value in values if (wrong := _wrong_value(flag, converted_as, value))), None)


def _values(flag: Flag, use: _Use) -> tuple[list[str], list[str]]:
    """Return the values that argparse gives to the flag, and the arguments that are left over."""
    if use.assigned is not None:
        return [use.assigned], use.following
    if flag.nargs in ("+", "*"):
        return use.following, []
    taken = 0 if flag.type == "flag" else 1
    return use.following[:taken], use.following[taken:]


def _wrong_value(flag: Flag, converted_as: str, value: str) -> str | None:
    if "$(" in value:
        return None
    try:
        converted = _CONVERSIONS[converted_as](value)
    except (ValueError, RecursionError):
        return f"{flag.name} needs {_KINDS[flag.type]}, not {value!r}."
    if flag.choices and converted not in flag.choices:
        return f"{flag.name} must be one of {', '.join(map(str, flag.choices))}, not {value!r}."
    return None


_KINDS = MappingProxyType({"int": "a whole number", "float": "a number", "json": "a JSON value"})
"""The types whose conversion can fail, in words."""
