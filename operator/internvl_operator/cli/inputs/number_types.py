"""Numbers and lists of the command line, for argparse, each with a message that says what it must be."""

import argparse
from collections.abc import Callable
from math import inf
from typing import TypeVar

Number = TypeVar("Number", int, float)
T = TypeVar("T")


def ratio(text: str) -> float:
    """Return a number between 0 and 1, for argparse."""
    return _checked(text, float, "a number", lambda number: 0 < number < 1, "between 0 and 1")


def positive(text: str) -> int:
    """Return a whole number above zero, for argparse."""
    return _checked(text, int, "a whole number", lambda number: number > 0, "above zero")


def seconds(text: str) -> float:
    """Return a number above zero, for argparse."""
    return _checked(text, float, "a number", lambda number: 0 < number < inf, "above zero")


def temperature(text: str) -> float:
    """Return a temperature of sampling, for argparse."""
    return _checked(text, float, "a number", lambda number: 0 <= number <= 2, "between 0 and 2")


def share(text: str) -> float:
    """Return a number above 0 and at most 1, for argparse."""
    return _checked(text, float, "a number", lambda number: 0 < number <= 1, "above 0 and at most 1")


def _checked(
    text: str, convert: Callable[[str], Number], kind: str, is_right: Callable[[Number], bool], limits: str
) -> Number:
    try:
        number = convert(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not {kind}") from None
    if not is_right(number):
        raise argparse.ArgumentTypeError(f"{text} is not {limits}")
    return number


def listed(item: Callable[[str], T]) -> Callable[[str], tuple[T, ...]]:
    """Return a function for argparse that reads items between commas."""

    def items(text: str) -> tuple[T, ...]:
        return tuple(item(part) for part in text.split(","))

    return items
