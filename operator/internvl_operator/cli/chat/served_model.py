"""How ``chat`` and ``smoke`` reach the served model, and the errors when they cannot."""

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
"""The errors that mean that the model cannot be reached now."""


@asynccontextmanager
async def reached(options: argparse.Namespace, sampling: Mapping[str, Any]) -> AsyncIterator[Model]:
    """Yield the model that the options name.

    Args:
        options: those of ``add_target_options``.
        sampling: further parameters of each request.

    Raises:
        ModelError, NotServingError, ClusterError: the model cannot be reached.
        ValueError: there is no such resource or no cluster, or the URL is not valid.
        OSError: the file of the certificate authority cannot be read.
    """
    async with endpoint_of(options) as endpoint, opened(endpoint, options.timeout, sampling) as model:
        yield model
