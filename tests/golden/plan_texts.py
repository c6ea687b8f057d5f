"""Plans for a load as people read them, kept as files."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path

from internvl_operator.__main__ import main

PLANS = Path(__file__).parent / "plans"

COMMANDS = {
    "8b-on-h100": "8B --gpu H100 --requests-per-second 40 --images 1 --ttft 2",
    "1b-on-l4": "1B --gpu L4 --requests-per-second 20 --image-size 448x448 --output-tokens 32",
    "26b-on-a100": "26B --gpu A100-80GB --requests-per-second 2 --ttft 3",
    "76b-in-flight": "76B --gpu H200 --concurrency 16 --images 2 --tiles 13 --output-tokens 512",
    "text-on-l40s": "8B --gpu L40S --images 0 --prompt-tokens 1023 --output-tokens 256 --concurrency 128",
    "not-carried": "26B --gpu L4 --max-gpus 2 --requests-per-second 1 --ttft 1",
}
"""The arguments of `internvl plan` by the name of the file."""


def printed(arguments: str) -> str:
    """Return the command, what it prints, and its exit code."""
    output = io.StringIO()
    with contextlib.redirect_stdout(output):
        code = main(["plan", *arguments.split()])
    return f"$ internvl plan {arguments}\n{output.getvalue()}$ echo $?\n{code}\n"
