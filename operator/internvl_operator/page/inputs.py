"""The inputs of the planner page: each is an option of ``internvl plan`` and a field of ``spec``.

The page draws its form from ``described_inputs``. A further option of the planner is a further row of ``INPUTS``: its
choices and its words come from the parser of ``internvl plan``.
"""

from argparse import Action
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from internvl_operator.catalog.gpus import GPUS
from internvl_operator.catalog.hardware.gpu_names import gpu_called
from internvl_operator.catalog.models import INTERNVL2, SERIES, sizes_of
from internvl_operator.cli.plan.plan_command import plan_parser
from internvl_operator.cli.table.plan_table import USUAL_GPUS

Values = Mapping[str, str]
"""What a person entered, by the input's name; an input that is absent or blank is not given."""


@dataclass(frozen=True, slots=True)
class Input:
    """One input of the page.

    Attributes:
        name: in the page's address, and as an option of ``internvl plan``, there behind ``--``.
        label: what the page calls it.
        field: where its value stands in ``spec``, with dots.
        value: makes the field's value of the text; a number's type tells the page to ask for a number.
        initial: what the page begins with.
        choices: values of which the page takes one, where the option itself does not name them.
        suggestions: values that the page offers; any other is accepted too.
        further: whether the page shows it only when asked.
        fields: makes the fields of the text where the text says which they are.
    """

    name: str
    label: str
    field: str
    value: Callable[[str], Any] = str
    initial: str = ""
    choices: tuple[str, ...] = ()
    suggestions: tuple[str, ...] = ()
    further: bool = False
    fields: Callable[[str], Mapping[str, Any]] | None = None

    def written(self, text: str) -> Mapping[str, Any]:
        """Return the fields of ``spec`` that say the same as a text."""
        return {self.field: self.value(text)} if self.fields is None else self.fields(text)


_GPU_NAMES = tuple(dict.fromkeys((*USUAL_GPUS, *(gpu.names[0] for gpu in GPUS))))


def _gpu_fields(name: str) -> Mapping[str, Any]:
    gpu = gpu_called(name)
    if gpu.product is None:
        return {"gpu.resource": gpu.resource}
    memory = {} if gpu.memory_mib is None else {"gpu.memory": f"{gpu.memory_mib}Mi"}
    return {"gpu.product": gpu.product, **memory}


INPUTS = (
    Input("series", "Series", "series"),
    Input("size", "Size", "size", initial="8B", choices=sizes_of(INTERNVL2)),
    Input("gpu", "GPU", "gpu.product", initial="A100-80GB", suggestions=_GPU_NAMES, fields=_gpu_fields),
    Input("gpu-memory", "Memory of one GPU", "gpu.memory"),
    Input("quantization", "Quantization", "quantization"),
    Input("session-len", "Session length", "engine.sessionLen", int),
    Input("sessions", "Sessions at once", "engine.sessions", int),
    Input("requests-per-second", "Requests per second", "load.requestsPerSecond", float),
    Input("images", "Images of a request", "load.images", int, further=True),
    Input("image-size", "Size of an image", "load.imageSize", further=True),
    Input("prompt-tokens", "Tokens of text", "load.promptTokens", int, further=True),
    Input("output-tokens", "Tokens of an answer", "load.outputTokens", int, further=True),
    Input("ttft", "Seconds to the first token", "load.timeToFirstTokenSeconds", float, further=True),
    Input("max-gpus", "Most GPUs", "gpu.maxCount", int, further=True),
    Input("tp", "Tensor parallelism", "engine.tp", int, further=True),
    Input("backend", "Backend", "engine.backend", further=True),
    Input("engine", "LMDeploy", "engine.version", further=True),
    Input("quant-policy", "KV cache bits", "engine.quantPolicy", int, further=True),
    Input("max-batch-size", "Requests computed at once", "engine.maxBatchSize", int, further=True),
    Input("cache-max-entry-count", "KV cache's share", "engine.cacheMaxEntryCount", float, further=True),
)


_KEYBOARDS: Mapping[Callable[[str], Any], str] = {int: "numeric", float: "decimal"}
"""The keyboard that a phone shows, as HTML's ``inputmode`` names it."""


def sizes_by_series() -> dict[str, tuple[str, ...]]:
    """Return the sizes that the page offers by the series that is chosen, which is blank where none is."""
    return {"": sizes_of(INTERNVL2), **{series: sizes_of(series) for series in SERIES}}


def described_inputs() -> list[dict[str, Any]]:
    """Return the inputs as the page draws them, as JSON.

    An input with ``choices`` takes one of them; ``suggestions`` are offered, and any other text is accepted.
    ``help`` is the option's help in ``internvl plan --help``.
    """
    options = _options()
    return [
        {
            "name": each.name,
            "label": each.label,
            "help": options[each.name].help if options[each.name].option_strings else "",
            "choices": [str(choice) for choice in options[each.name].choices or each.choices],
            "required": not options[each.name].option_strings,
            "suggestions": each.suggestions,
            "mode": _KEYBOARDS.get(each.value, "text"),
            "initial": each.initial,
            "further": each.further,
        }
        for each in INPUTS
    ]


def given_inputs(values: Values) -> dict[Input, str]:
    """Return the inputs that are given, with their texts.

    Raises:
        ValueError: a text would be read as another option.
    """
    given = {each: values.get(each.name, "").strip() for each in INPUTS}
    for each, text in given.items():
        if text.startswith("-"):
            raise ValueError(f"{each.label}: {text!r} begins with a dash")
    return {each: text for each, text in given.items() if text}


def plan_arguments(values: Values) -> list[str]:
    """Return the arguments of ``internvl plan`` that ask what the page asks.

    Raises:
        ValueError: a text would be read as another option.

    Example:
        >>> plan_arguments({"size": "8B", "gpu": "L4", "sessions": "2"})
        ['8B', '--gpu', 'L4', '--sessions', '2']
    """
    options = _options()
    arguments: list[str] = []
    for each, text in given_inputs(values).items():
        arguments += [*options[each.name].option_strings[:1], text]
    return arguments


@cache
def _options() -> dict[str, Action]:
    """Return the options of ``internvl plan`` by name; argparse has no public list of them."""
    return {action.dest.replace("_", "-"): action for action in plan_parser()._actions}
