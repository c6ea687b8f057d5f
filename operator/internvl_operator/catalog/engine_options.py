"""The options of LMDeploy's engine that decide how much memory it takes: their names, defaults and words."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Self

TENSOR_PARALLELISM = (1, 2, 4, 8, 16)
"""The numbers of GPUs over which one replica may be spread."""


def _option(default: int, words: str, choices: tuple[int, ...] = ()) -> Any:
    """Return a field that the command line offers too; without choices it takes any number above zero."""
    return field(default=default, metadata={"help": f"{words} ({default})", "choices": choices})


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineOptions:
    """Options of the engine, named as LMDeploy and ``spec.engine`` name them; lengths in tokens.

    One object goes from the spec through the plan to the command line, so that a further option is a further
    field here. Its name in a resource, in a plan's document and in ``internvl plan`` follows from the field's name.

    Attributes:
        session_len: longest session, prompt and answer.
        max_batch_size: most requests computed at once.
        quant_policy: bits of the KV cache: 4, 8, or 0 for 16.
        cache_max_entry_count: share of the memory free after the weights that the KV cache takes; None derives it.

    Example:
        >>> EngineOptions(session_len=16384).max_batch_size
        128
    """

    session_len: int = _option(8192, "tokens")
    max_batch_size: int = _option(128, "requests")
    quant_policy: int = _option(0, "bits of the KV cache", choices=(0, 4, 8))
    cache_max_entry_count: float | None = None

    @classmethod
    def of(cls, source: object) -> Self:
        """Return the options that stand under the same names on another object, such as ``spec.engine``."""
        return cls(**{name: getattr(source, name) for name in OPTION_NAMES})


OPTION_NAMES = tuple(option.name for option in fields(EngineOptions))

COMMAND_LINE_OPTIONS: Mapping[str, Mapping[str, Any]] = {
    option.name: option.metadata for option in fields(EngineOptions) if option.metadata
}
"""The options that every planning verb of the command line offers: words and choices by name."""

DEFAULT_OPTIONS = EngineOptions()
"""The options of a resource that names none."""
