"""What the handlers of one server share."""

from dataclasses import dataclass

from internvl_operator.catalog.engine import Engine

from ..command_line import Arguments
from ..generation import Generator
from ..model import ServedModel
from ..prompt.images import ImageLoader
from ..release import Behaviour
from ..settings import Settings
from .metrics import Metrics


@dataclass(frozen=True, slots=True)
class Context:
    """One server: how it was started, what it looks like and what it is doing.

    Attributes:
        opened: the event loop's time at which the port was opened, in seconds.
    """

    settings: Settings
    arguments: Arguments
    engine: Engine
    behaviour: Behaviour
    model: ServedModel
    session_len: int
    generator: Generator
    loader: ImageLoader
    metrics: Metrics
    opened: float
