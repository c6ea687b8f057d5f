"""The command ``internvl``. A verb's module is imported only when the verb is used."""

import argparse
import importlib
import os
import sys
from collections.abc import Sequence

from internvl_operator import __version__
from internvl_operator.cli.printable_output import printable_output

VERBS = {
    "plan": "what a model needs: GPUs, tp, quantization, memory, and the command line",
    "table": "the memory of every size on a GPU, or the plans for the usual GPUs, as a table",
    "render": "the manifests that the controller would apply for a resource",
    "status": "what runs, what it waits for, and what a fresh plan would say",
    "diff": "what a newer operator would change in the pods of a model",
    "chat": "questions to a served model, with images: one, several turns, or a batch",
    "smoke": "whether a served model answers: an image, several, a batch, several turns, streaming",
    "bench": "how fast a served model answers under a load, measured beside its plan",
    "memory": "the GPU memory that models use, measured on this cluster, beside the plan's",
    "crd": "the CustomResourceDefinition",
    "run": "the controller",
}

_FOLDERS = {
    "bench": "bench.",
    "chat": "chat.",
    "plan": "plan.",
    "smoke": "chat.",
    "status": "status.",
    "table": "table.",
}
"""Packages of the verbs that are more than one module."""

EXTRA = ("openai", "tqdm")
"""The packages of the extra ``tools``, which the controller does without."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a verb and return its exit code: 0 done, 2 wrong usage, 3 there is no plan."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    parser = argparse.ArgumentParser(
        prog="internvl",
        description="Plans, renders and runs InternVL models on LMDeploy in Kubernetes.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="verbs:\n" + "\n".join(f"  {verb:8} {summary}" for verb, summary in VERBS.items()),
    )
    parser.add_argument("--version", action="version", version=f"internvl {__version__}")
    parser.add_argument("verb", choices=VERBS, metavar="VERB", help="one of the verbs below")
    verb = parser.parse_args(given[:1]).verb
    try:
        module = importlib.import_module(f"internvl_operator.cli.{_FOLDERS.get(verb, '')}{verb}_command")
    except ModuleNotFoundError as error:
        if error.name not in EXTRA:
            raise
        sys.stderr.write(
            f"internvl {verb}: {error.name} is missing: pip install '.[tools]' in a checkout of the operator\n"
        )
        return 2
    try:
        with printable_output(sys.stdout, sys.stderr):
            code: int = module.main(given[1:])
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader has seen enough, as `head` does; nothing is left to flush at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return code


if __name__ == "__main__":
    sys.exit(main())
