"""How long the manifest of a Deployment takes to render: ``python -m tests.bench.render``.

Beside the way that is used it times what the alternatives would add: parsing for each object, as text with values
would need it (docs/design/003-slots-in-templates.md).
"""

import timeit
from collections.abc import Callable
from typing import Any

import yaml

from internvl_operator.api.parsing import parse
from internvl_operator.manifests import template
from internvl_operator.manifests.objects.deployment import deployment
from tests.cluster.specs.table import resource
from tests.rendering import plan_of

_SPEC = {"size": "8B"}


def main() -> None:
    """Print the milliseconds of each way, the least of five series."""
    parsed, plan = parse(resource(_SPEC)), plan_of(_SPEC)

    def render() -> Any:
        return deployment(parsed, plan)

    def render_and_parse() -> Any:
        template._parsed.cache_clear()
        return render()

    text = yaml.safe_dump(render())
    ways: dict[str, Callable[[], Any]] = {
        "slots, parsed once": render,
        "slots, parsed each time": render_and_parse,
        "text, parsed by libyaml": lambda: yaml.load(text, Loader=yaml.CSafeLoader),
        "text, parsed by PyYAML": lambda: yaml.load(text, Loader=yaml.SafeLoader),
    }
    for name, way in ways.items():
        number = 20
        seconds = min(timeit.repeat(way, number=number, repeat=5)) / number
        print(f"{name:24} {1000 * seconds:7.2f} ms")


if __name__ == "__main__":
    main()
