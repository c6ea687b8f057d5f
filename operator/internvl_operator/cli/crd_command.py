"""``internvl crd``: prints the CustomResourceDefinition."""

import argparse
from collections.abc import Sequence

import yaml

from internvl_operator.api.crd import custom_resource_definition


def main(arguments: Sequence[str]) -> int:
    """Print the CRD as YAML."""
    argparse.ArgumentParser(
        prog="internvl crd",
        description="Prints the CustomResourceDefinition.",
        epilog="Example: internvl crd | kubectl apply --server-side -f -",
    ).parse_args(arguments)
    print(yaml.safe_dump(custom_resource_definition(), sort_keys=False, width=110), end="")
    return 0
