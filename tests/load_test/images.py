"""`python -m tests.load_test.images`: what a made image weighs and takes Pillow to decode, beside a JPEG."""

from __future__ import annotations

import io
import time
from random import Random
from statistics import median

from PIL import Image

from internvl_operator.bench.generated_images import png
from tests.speed.requests.pictures import jpeg

WIDTH, HEIGHT = 1344, 896
TIMES = 15


def decode_seconds(content: bytes) -> float:
    """The median time of a decoding to RGB, as LMDeploy does it."""
    taken = []
    for _ in range(TIMES):
        started = time.perf_counter()
        Image.open(io.BytesIO(content)).convert("RGB").load()
        taken.append(time.perf_counter() - started)
    return median(taken)


if __name__ == "__main__":
    for name, content in (("made", png(WIDTH, HEIGHT, Random(0))), ("JPEG", jpeg(WIDTH, HEIGHT, 0))):
        print(f"{name}: {len(content) / 1024:.0f} KiB, {1000 * decode_seconds(content):.0f} ms")
