"""InternVL2.5, and its -MPO variants, which have the same shapes."""

from internvl_operator.catalog.architecture import INTERNVIT_6B
from internvl_operator.catalog.series.language_models import (
    INTERNLM2_1_8B,
    INTERNLM2_7B,
    INTERNLM2_20B,
    QWEN2_5_0_5B,
    QWEN2_5_32B,
    QWEN2_5_72B,
    qwen2,
)
from internvl_operator.catalog.series.published import Row, Series

_ROWS = {  # positions: seen of 2B, base of 4B and 78B, the others not verified
    "1B": Row(QWEN2_5_0_5B, awq=False),  # base; no AWQ weights found
    "2B": Row(INTERNLM2_1_8B, awq=False),  # seen; AWQ weights mentioned once, by somebody unsure
    "4B": Row(qwen2(2048, 36, 16, 2, 128, 11008, 151674, 32768)),  # base
    "8B": Row(INTERNLM2_7B),  # seen: the total_size of an index
    "26B": Row(INTERNLM2_20B, INTERNVIT_6B),  # by analogy with InternVL2-26B
    "38B": Row(QWEN2_5_32B, INTERNVIT_6B),  # base; the vocabulary by analogy
    "78B": Row(QWEN2_5_72B, INTERNVIT_6B),  # base
}

SERIES = Series(
    name="InternVL2.5",
    since=(0, 6, 4),  # 2832: its chat template
    chat_template="internvl2_5",
    rows=_ROWS,
)
