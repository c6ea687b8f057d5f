"""Random numbers in a checkpoint of zeros: zero weights draw less power, and a GPU computes with them too fast."""

from __future__ import annotations

import json
import os
import struct
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from internvl_operator.catalog.models import Model

_BLOCK_NUMBERS = 8 << 20
_DEVIATION = 0.02
"""Of the weights, about what a trained model has."""


def fill(checkpoint: Path, model: Model) -> None:
    """Write random numbers over every tensor, and a token for each number that the model can answer.

    A server streams no text for numbers without a token, and the time to the first text would not be seen. Needs
    numpy.

    Args:
        checkpoint: directory that ``tests.gpu.checkpoint.write_checkpoint`` has written.
        model: whose shapes the checkpoint has.
    """
    fill_tensors(checkpoint / "model.safetensors")
    path = checkpoint / "tokenizer.json"
    tokenizer = json.loads(path.read_text())
    complete_vocabulary(tokenizer["model"]["vocab"], model.language.vocab_size)
    path.write_text(json.dumps(tokenizer))


def complete_vocabulary(vocabulary: dict[str, int], size: int) -> None:
    """Add words, each behind a space, for the numbers below ``size`` that have no token."""
    missing = set(range(size)) - set(vocabulary.values())
    # The byte-level pre-tokenizer writes a space as this letter.
    vocabulary |= {f"\u0120w{number}": number for number in sorted(missing)}


def fill_tensors(path: Path) -> None:
    """Write random numbers over every tensor of a safetensors file, several tensors at once."""
    blocks = _blocks()
    with path.open("r+b") as file, ThreadPoolExecutor() as pool:
        (length,) = struct.unpack("<Q", file.read(8))
        header: dict[str, Any] = json.loads(file.read(length))
        header.pop("__metadata__", None)

        def write(tensor: dict[str, Any]) -> None:
            begin, end = tensor["data_offsets"]
            block = blocks[tensor["dtype"]]
            done = 0
            while begin + done < end:
                # Wherever the last write has stopped: numbers keep their places.
                rest = block[done % len(block) : end - begin - done]
                done += os.pwrite(file.fileno(), rest, 8 + length + begin + done)

        # Read to the end, or an error would be lost.
        list(pool.map(write, header.values()))


def _blocks() -> dict[str, memoryview]:
    """Return random bytes by a tensor's type: normal numbers, or packed 4-bit weights."""
    import numpy as np

    generator = np.random.default_rng(0)
    numbers = generator.standard_normal(_BLOCK_NUMBERS, dtype=np.float32) * np.float32(_DEVIATION)
    return {
        # bfloat16 is the upper half of float32.
        "BF16": memoryview((numbers.view(np.uint32) >> 16).astype(np.uint16).tobytes()),
        "F16": memoryview(numbers.astype(np.float16).tobytes()),
        "I32": memoryview(generator.bytes(4 * _BLOCK_NUMBERS)),
    }
