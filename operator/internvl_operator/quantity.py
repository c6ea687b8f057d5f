"""Kubernetes quantities, such as ``80Gi`` or ``1500m``."""

import re
from decimal import ROUND_UP, Decimal

PATTERN = r"^[0-9]+(\.[0-9]+)?(Ki|Mi|Gi|Ti|Pi|k|M|G|T|P|m)?$"
"""The quantities that the resource accepts: a number that is not negative, and a suffix."""

_DECIMAL = {suffix: Decimal(1000) ** power for power, suffix in enumerate(("", "k", "M", "G", "T", "P", "E"))}
_BINARY = {f"{suffix}i": Decimal(1024) ** power for power, suffix in enumerate("KMGTPE", start=1)}
_SMALL = {"m": Decimal("1e-3"), "u": Decimal("1e-6"), "n": Decimal("1e-9")}
_SUFFIXES = _DECIMAL | _BINARY | _SMALL

_GRAMMAR = re.compile(
    r"([+-]?(?:\d+(?:\.\d*)?|\.\d+))(?:[eE]([+-]?\d{1,3})|([KMGTPE]i|[kMGTPEmun]?))", re.ASCII
)

_FINEST = Decimal("1e-9")
_LARGEST = Decimal(2**63 - 1)


def parse_quantity(text: str) -> Decimal:
    """Return the value of a quantity in its base unit (bytes for memory, cores for CPU).

    All spellings of Kubernetes are read, also those that only the API server writes, such as ``100u``. Like
    there, what is finer than a billionth is rounded up, and what is beyond 2^63 - 1 is cut to that.

    Raises:
        ValueError: the text is not a quantity.
    """
    match = _GRAMMAR.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not a Kubernetes quantity: write for example 80Gi or 81920Mi")
    number, exponent, suffix = match.groups()
    scale = Decimal(10) ** int(exponent) if exponent else _SUFFIXES[suffix]
    value = max(-_LARGEST, min(Decimal(number) * scale, _LARGEST))
    return value.quantize(_FINEST, rounding=ROUND_UP)


def memory_mib(text: str) -> int:
    """Return a memory quantity in whole MiB, rounded down.

    Raises:
        ValueError: the text is not a quantity, or is less than 1 MiB.
    """
    mib = int(parse_quantity(text) // 2**20)
    if mib < 1:
        raise ValueError(f"{text!r} is less than 1 MiB: write for example 80Gi or 81920Mi")
    return mib
