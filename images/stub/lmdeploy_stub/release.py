"""How the HTTP surface differs between releases, beyond what the operator's catalogue says of them.

The sources are LMDeploy's own files at the release's tag, named at each field.
"""

import re
from dataclasses import dataclass

from internvl_operator.catalog.engine import Engine
from internvl_operator.catalog.hardware.image_variants import Release


@dataclass(frozen=True, slots=True)
class Behaviour:
    """What one release does.

    Attributes:
        release: its version as numbers.
        guards_every_path: one middleware asks for the key, for unknown paths too
            (serve/utils/server_utils.py, AuthenticationMiddleware); before, single routes ask.
        refuses_private_addresses: images are not fetched from addresses that are not global
            (vl/media/connection.py, ``_is_safe_url``).
        refuses_while_sleeping: 503 between ``/sleep`` and ``/wakeup`` (EngineSleepingMiddleware).
        answers_prompt_errors: an unusable prompt is answered with status 200 and the finish reason "error"
            (serve/core/async_engine.py, ``generate``); before, with status 500.
        maps_errors: errors of a request have a status each (serve/core/exceptions.py); before, a prompt that
            is too long is an empty answer with the finish reason "length".
        refuses_phi3_on_turbomind: the server ends instead of falling back to the PyTorch backend (archs.py,
            turbomind/models/internvl.py).
    """

    release: Release
    guards_every_path: bool
    refuses_private_addresses: bool
    refuses_while_sleeping: bool
    answers_prompt_errors: bool
    maps_errors: bool
    refuses_phi3_on_turbomind: bool


def behaviour_of(engine: Engine) -> Behaviour:
    """Return what a release of the catalogue does."""
    release = tuple(int(number) for number in re.findall(r"\d+", engine.version))
    return Behaviour(
        release=release,
        guards_every_path=engine.metrics_require_key,
        refuses_private_addresses=release >= (0, 12, 3),
        refuses_while_sleeping=release >= (0, 13),
        answers_prompt_errors=release >= (0, 13),
        maps_errors=release >= (0, 16),
        refuses_phi3_on_turbomind=release >= (0, 14),
    )
