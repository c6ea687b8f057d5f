"""InternVL3, and its -Instruct and -Pretrained variants, which have the same shapes."""

from internvl_operator.catalog.architecture import INTERNVIT_6B
from internvl_operator.catalog.series.language_models import (
    QWEN2_5_0_5B,
    QWEN2_5_32B,
    QWEN2_5_72B,
    internlm2,
    qwen2,
)
from internvl_operator.catalog.series.published import Row, Series

_ROWS = {
    "1B": Row(QWEN2_5_0_5B),  # seen
    "2B": Row(qwen2(1536, 28, 12, 2, 128, 8960, 151674, 32768)),  # seen
    "8B": Row(qwen2(3584, 28, 28, 4, 128, 18944, 151674, 32768)),  # seen
    # base: internlm3-8b-instruct in InternLM2's code; the tokens added to its vocabulary are not verified
    "9B": Row(internlm2(4096, 48, 32, 2, 128, 10240, 128512, 32768)),
    "14B": Row(qwen2(5120, 48, 40, 8, 128, 13824, 151674, 32768)),  # base
    "38B": Row(QWEN2_5_32B, INTERNVIT_6B),  # base
    "78B": Row(QWEN2_5_72B, INTERNVIT_6B),  # base
}

SERIES = Series(
    name="InternVL3",
    since=(0, 7, 3),  # the architecture of InternVL2.5 (3424); its chat template by name alone from 0.8 on
    chat_template="internvl2_5",
    rows=_ROWS,
)
