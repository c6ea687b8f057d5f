"""InternVL3.5, and its -MPO, -Instruct and -Pretrained variants, which have the same shapes; not -Flash."""

from internvl_operator.catalog.architecture import INTERNVIT_6B, Experts
from internvl_operator.catalog.series.language_models import gpt_oss, qwen3, qwen3_moe
from internvl_operator.catalog.series.published import Row, Series

_QWEN3_30B_EXPERTS = Experts(num_experts=128, num_experts_per_tok=8, moe_intermediate_size=768)
_QWEN3_235B_EXPERTS = Experts(num_experts=128, num_experts_per_tok=8, moe_intermediate_size=1536)
_GPT_OSS_EXPERTS = Experts(num_experts=32, num_experts_per_tok=4, moe_intermediate_size=2880, bias=True)

_ROWS = {  # no AWQ weights found; positions: seen of 8B, base of those with experts
    "1B": Row(qwen3(1024, 28, 16, 8, 128, 3072, 151936, 40960), awq=False),  # base
    "2B": Row(qwen3(2048, 28, 16, 8, 128, 6144, 151936, 40960), awq=False),  # base
    "4B": Row(qwen3(2560, 36, 32, 8, 128, 9728, 151936, 40960), awq=False),  # base
    "8B": Row(qwen3(4096, 36, 32, 8, 128, 12288, 151936, 40960), awq=False),  # seen, with its index
    "14B": Row(qwen3(5120, 40, 40, 8, 128, 17408, 151936, 40960), awq=False),  # base
    "20B-A4B": Row(  # base; not run
        gpt_oss(2880, 24, 64, 8, 64, 2880, 201088, 131072, experts=_GPT_OSS_EXPERTS),
        awq=False,
        called="InternVL3_5-GPT-OSS-20B-A4B-Preview",
        held_back=True,
    ),
    "30B-A3B": Row(
        qwen3_moe(2048, 48, 32, 4, 128, 6144, 151936, 40960, experts=_QWEN3_30B_EXPERTS), awq=False
    ),  # base
    "38B": Row(qwen3(5120, 64, 64, 8, 128, 25600, 151936, 40960), INTERNVIT_6B, awq=False),  # base
    "241B-A28B": Row(  # base; not run
        qwen3_moe(4096, 94, 64, 4, 128, 12288, 151936, 40960, experts=_QWEN3_235B_EXPERTS),
        INTERNVIT_6B,
        awq=False,
        held_back=True,
    ),
}

SERIES = Series(
    name="InternVL3.5",
    since=(0, 10),  # 3886; before, the default backend takes TurboMind, which ends (3907, 3920)
    chat_template="internvl2_5",
    rows=_ROWS,
)
