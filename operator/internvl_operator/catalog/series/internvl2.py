"""InternVL2."""

from internvl_operator.catalog.architecture import INTERNVIT_6B
from internvl_operator.catalog.series.language_models import (
    INTERNLM2_1_8B,
    INTERNLM2_7B,
    INTERNLM2_20B,
    llama,
    phi3,
    qwen2,
)
from internvl_operator.catalog.series.published import Row, Series

_ROWS = {
    "1B": Row(qwen2(896, 24, 14, 2, 64, 4864, 151655, 32768), awq=False),
    "2B": Row(INTERNLM2_1_8B),
    "4B": Row(phi3(3072, 32, 32, 32, 96, 8192, 32020, 131072), awq=False, chat_template="internvl2-phi3"),
    "8B": Row(INTERNLM2_7B),
    "26B": Row(INTERNLM2_20B, INTERNVIT_6B),
    "40B": Row(llama(7168, 60, 56, 8, 128, 20480, 64007, 32768), INTERNVIT_6B),
    "76B": Row(llama(8192, 80, 64, 8, 128, 28672, 128265, 8192), INTERNVIT_6B, called="InternVL2-Llama3-76B"),
}

SERIES = Series(
    name="InternVL2",
    since=(0, 5, 3),
    chat_template="internvl2-internlm2",
    rows=_ROWS,
)
