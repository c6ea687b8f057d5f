"""The requests of a workload, with images that are made here."""

from __future__ import annotations

import base64
import io
import json
import random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.speed.requests.workloads import Workload

DIFFERENT = 24
"""Requests that differ, so that no cache of the server has seen all that it is asked."""

_BLOB = 16
"""Pixels of one spot of colour: an image compresses about as well as a photograph."""

_QUALITY = 88


def bodies(workload: Workload, model: str, number: int = DIFFERENT) -> list[bytes]:
    """Return bodies of streamed chat completions.

    Args:
        workload: what each request holds.
        model: the served name.
        number: of bodies.
    """
    lengths = _lengths(workload, number)
    return [_body(workload, model, seed, lengths[seed]) for seed in range(number)]


def _lengths(workload: Workload, number: int) -> list[int]:
    """Return the tokens of the answers, as far from each other as from the next, in no order."""
    ends = [2 * (place + 0.5) / number - 1 for place in range(number)]
    random.Random(number).shuffle(ends)
    return [round(workload.output_tokens * (1 + workload.answers_spread * end)) for end in ends]


def jpeg(width: int, height: int, seed: int) -> bytes:
    """Return a JPEG of spots of colour. Needs Pillow, as LMDeploy does."""
    from PIL import Image

    columns, rows = max(1, width // _BLOB), max(1, height // _BLOB)
    spots = Image.frombytes("RGB", (columns, rows), random.Random(seed).randbytes(3 * columns * rows))
    file = io.BytesIO()
    spots.resize((width, height), Image.Resampling.BICUBIC).save(file, "JPEG", quality=_QUALITY)
    return file.getvalue()


def _body(workload: Workload, model: str, seed: int, output_tokens: int) -> bytes:
    chosen = random.Random(seed)
    words = " ".join(chosen.choice("abcdefghij") * 3 for _ in range(workload.words))
    content: list[dict[str, object]] = [{"type": "text", "text": words}]
    for number in range(workload.images):
        image = jpeg(workload.width, workload.height, seed * workload.images + number)
        url = f"data:image/jpeg;base64,{base64.b64encode(image).decode()}"
        content.append({"type": "image_url", "image_url": {"url": url}})
    body = {
        "model": model,
        "messages": [{"role": "user", "content": content}],
        "max_tokens": output_tokens,
        "ignore_eos": True,
        "temperature": 0.8,
        "top_p": 0.8,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    return json.dumps(body).encode()
