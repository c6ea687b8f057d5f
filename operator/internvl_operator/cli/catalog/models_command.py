"""``internvl models``: the models that can be served."""

import argparse
import json
from collections.abc import Sequence

from internvl_operator.catalog.models import MODELS, SERIES, Model
from internvl_operator.cli.exit_codes import exit_code_of
from internvl_operator.cli.text_table import aligned


def main(arguments: Sequence[str]) -> int:
    """Print the models; return 0."""
    parser = argparse.ArgumentParser(
        prog="internvl models",
        description="Lists the models that can be served: what spec.series and spec.size take, and the weights.",
        epilog="Example: internvl models --series InternVL3.5",
    )
    parser.add_argument("--series", choices=SERIES, help="those of one series (all)")
    parser.add_argument("-o", "--output", choices=["table", "json"], default="table")
    options = parser.parse_args(arguments)
    return exit_code_of("models", lambda: _printed(options))


def _printed(options: argparse.Namespace) -> int:
    models = [model for model in MODELS.values() if options.series in (None, model.series)]
    if options.output == "json":
        print(json.dumps([_document(model) for model in models], indent=2))
    else:
        head = ("SERIES", "SIZE", "WEIGHTS", "AWQ WEIGHTS")
        rows = [
            (model.series, model.size, model.repository, model.awq_repository or "none are published")
            for model in models
        ]
        print("\n".join(aligned([head, *rows])))
    return 0


def _document(model: Model) -> dict[str, str | None]:
    return {
        "series": model.series,
        "size": model.size,
        "repository": model.repository,
        "awqRepository": model.awq_repository,
    }
