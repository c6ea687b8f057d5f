"""Rules on how one field is spelled, which say what to write: a pattern in the schema would say the pattern alone."""

import re
from typing import Any

from internvl_operator.api.base import Rule
from internvl_operator.text.quantity import PATTERN, parse_quantity
from internvl_operator.text.spelling import to_python

_QUANTITY = PATTERN.strip("^$").replace(r"\.", "[.]")


def spelled(field: str, pattern: str, message: str) -> Rule:
    """Return the rule that a field, where it is given, is spelled as a pattern says.

    Args:
        field: its name in Kubernetes's spelling.
        pattern: a regular expression of RE2 and Python, without backslashes and quotes.
        message: what to write instead.
    """
    expression = re.compile(pattern)

    def holds(model: Any) -> bool:
        value = getattr(model, to_python(field))
        return value is None or expression.fullmatch(value) is not None

    return Rule(f"!has(self.{field}) || self.{field}.matches('^{pattern}$')", message, holds)


def more_than_1_gib(field: str, message: str) -> Rule:
    """Return the rule that a field, where it is given, is a quantity of more than 1 GiB.

    Args:
        field: its name in Kubernetes's spelling.
        message: what to write instead.
    """
    expression = re.compile(PATTERN)

    def holds(model: Any) -> bool:
        value = getattr(model, to_python(field))
        return value is None or (expression.fullmatch(value) is not None and parse_quantity(value) > 2**30)

    cel = (
        f"!has(self.{field}) || (self.{field}.matches('^{_QUANTITY}$') && "
        f"quantity(self.{field}).isGreaterThan(quantity('1Gi')))"
    )
    return Rule(cel, message, holds)
