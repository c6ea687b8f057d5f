"""What the tests ask the planner page: inputs by name, as its address holds them."""

from __future__ import annotations

QUESTIONS: tuple[dict[str, str], ...] = (
    {"size": "1B", "gpu": "T4"},
    {"size": "2B", "gpu": "RTX-5090", "sessions": "32"},
    {"size": "4B", "gpu": "A10G", "backend": "PyTorch"},
    {"size": "8B", "gpu": "L4", "session-len": "16384"},
    {"size": "8B", "gpu-memory": "16Gi", "quantization": "AWQ"},
    {"size": "26B", "gpu": "A100-80GB", "requests-per-second": "50", "image-size": "896x896"},
    {"series": "InternVL3.5", "size": "38B", "gpu": "H100", "engine": "0.18.0"},
    {"size": "76B", "gpu": "H200", "quant-policy": "8", "cache-max-entry-count": "0.5"},
    {"size": "8B", "gpu": "mig-3g.40gb"},
    {"size": "1B", "gpu": "NVIDIA-A100-SXM4-80GB-MIG-3g.40gb"},
    {"size": "1B", "gpu": "mig-3g.40gb", "gpu-memory": "20Gi"},
    {"size": "8B", "gpu": "mig-3g.40gb", "requests-per-second": "2"},
    # No plan runs: the outcome is another than ok.
    {"size": "76B", "gpu": "T4", "tp": "1"},
    {"size": "4B", "gpu": "L4", "quantization": "AWQ"},
)

REFUSALS: tuple[dict[str, str], ...] = (
    {"size": "8B"},
    {"size": "9B", "gpu": "L4"},
    {"size": "8B", "gpu": "A100-800GB"},
    {"size": "8B", "gpu-memory": "much"},
    {"size": "8B", "gpu": "L4", "sessions": "0"},
    {"size": "8B", "gpu": "L4", "requests-per-second": "many"},
)
