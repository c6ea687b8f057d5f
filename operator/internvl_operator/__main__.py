"""The command ``internvl``. A verb's module is imported only when the verb is used."""

import argparse
import importlib
import io
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
    "diff": "what a newer operator, or an edit of a file, would change in the pods of a model",
    "chat": "questions to a served model, with images: one, several turns, or a batch",
    "smoke": "whether a served model answers: an image, several, a batch, several turns, streaming",
    "bench": "how fast a served model answers under a load, measured beside its plan",
    "memory": "the GPU memory that models use, measured on this cluster, beside the plan's",
    "gpus": "the GPUs that plans know by name",
    "models": "the models that can be served",
    "check": "whether a cluster is fit for models, and what it lacks",
    "version": "of this command, of the operator in the cluster, and of Kubernetes",
    "crd": "the CustomResourceDefinition",
    "run": "the controller",
}

_FOLDERS = {
    "bench": "bench.",
    "chat": "chat.",
    "check": "check.",
    "gpus": "catalog.",
    "models": "catalog.",
    "plan": "plan.",
    "smoke": "chat.",
    "status": "status.",
    "table": "table.",
    "version": "check.",
}
"""Packages of the verbs that are more than one module."""

EXTRA = ("openai", "tqdm")
"""The packages of the extra ``tools``, which the controller does without."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a verb and return its exit code: 0 done, 1 not so, 2 wrong usage, 3 there is no plan, 130 interrupted."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    _print_what_the_encoding_has()
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
        _drop_output()
        return 0
    except OSError as error:
        # Of the last flush: a full disk, which the interpreter would find again at its end.
        _drop_output()
        sys.stderr.write(f"internvl {verb}: the output cannot be written: {error.strerror}\n")
        return 2
    return code


def _print_what_the_encoding_has() -> None:
    """Let a character that the terminal's encoding lacks, such as a bar's in ASCII, be a question mark and no error."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def _drop_output() -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    sys.exit(main())
