"""What a series' module says: its name, since which release it is served, and a row for each of its sizes.

Figures are those of the models' published ``config.json`` files. Each row says how sure it is:

- seen: a copy of the published ``config.json``, or of the checkpoint's index.
- base: the numbers of the base model that the series' README names; the parameters or bytes that follow from them
  equal the published ones.
- by analogy: the numbers of the base model, without a published figure to hold them against.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from internvl_operator.catalog.architecture import INTERNVIT_300M, LanguageModel, VisionModel


@dataclass(frozen=True, slots=True)
class Row:
    """A size of a series.

    Attributes:
        awq: whether AWQ weights are published.
        called: the repository's name, where it is not that of the series and the size.
        chat_template: of this size, where it is not that of the series.
        held_back: whether the size is refused until somebody has run it.
    """

    language: LanguageModel
    vision: VisionModel = INTERNVIT_300M
    awq: bool = field(default=True, kw_only=True)
    called: str = field(default="", kw_only=True)
    chat_template: str = field(default="", kw_only=True)
    held_back: bool = field(default=False, kw_only=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """A series of models.

    Attributes:
        name: as ``spec.series`` has it.
        since: the first LMDeploy release that serves it on both backends, as its numbers.
        chat_template: what LMDeploy up to 0.9 calls the template of its conversations (``--chat-template``).
        rows: the sizes, the smallest first.
    """

    name: str
    since: tuple[int, ...]
    chat_template: str
    rows: Mapping[str, Row]

    @property
    def published_name(self) -> str:
        """How the names of its repositories begin: ``InternVL3_5``."""
        return self.name.replace(".", "_")
