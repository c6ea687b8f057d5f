"""The language models inside InternVL: what one architecture has in common, and those that several series have."""

from functools import partial

from internvl_operator.catalog.architecture import LanguageModel

# Hidden size, layers, heads, KV heads, head_dim, intermediate size, vocabulary, positions.
internlm2 = partial(LanguageModel, "InternLM2ForCausalLM")
llama = partial(LanguageModel, "LlamaForCausalLM")
phi3 = partial(LanguageModel, "Phi3ForCausalLM")
qwen2 = partial(LanguageModel, "Qwen2ForCausalLM", qkv_bias=True)
qwen3 = partial(LanguageModel, "Qwen3ForCausalLM", qk_norm=True)
qwen3_moe = partial(LanguageModel, "Qwen3MoeForCausalLM", qk_norm=True)
gpt_oss = partial(LanguageModel, "GptOssForCausalLM", qkv_bias=True, output_bias=True, attention_sinks=True)

INTERNLM2_1_8B = internlm2(2048, 24, 16, 8, 128, 8192, 92553, 32768)
INTERNLM2_7B = internlm2(4096, 32, 32, 8, 128, 14336, 92553, 32768)
INTERNLM2_20B = internlm2(6144, 48, 48, 8, 128, 16384, 92553, 32768)
QWEN2_5_0_5B = qwen2(896, 24, 14, 2, 64, 4864, 151674, 32768)
QWEN2_5_32B = qwen2(5120, 64, 40, 8, 128, 27648, 151674, 32768)
QWEN2_5_72B = qwen2(8192, 80, 64, 8, 128, 29568, 151674, 32768)
