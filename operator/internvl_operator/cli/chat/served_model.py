"""The served model that ``chat`` and ``smoke`` ask, and how asking it fails."""

import argparse
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from internvl_operator.chat.model import Model, opened
from internvl_operator.chat.problems import ModelError
from internvl_operator.chat.resource import NotServingError
from internvl_operator.cli.chat.target import endpoint_of
from internvl_operator.kube.port import ClusterError

FAILURES = (ModelError, NotServingError, ClusterError)
"""What says that the model cannot be spoken to now."""


@asynccontextmanager
async def reached(options: argparse.Namespace, sampling: Mapping[str, Any]) -> AsyncIterator[Model]:
    """Yield the model that the options name.

    Args:
        options: those of ``add_target_options``.
        sampling: further parameters of each request.

    Raises:
        ModelError, NotServingError, ClusterError: it cannot be spoken to.
        ValueError: there is no such resource, no cluster, or the URL is none.
        OSError: the file of the certificate authority cannot be read.
    """
    async with endpoint_of(options) as endpoint, opened(endpoint, options.timeout, sampling) as model:
        yield model
