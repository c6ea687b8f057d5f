"""Wrong specs that a model rules out: by its series, its size, or what it cannot do."""

from __future__ import annotations

from tests.cluster.specs.table import Spec, WrongSpec


def _breaks(name: str, message: str, spec: Spec) -> WrongSpec:
    """A spec that breaks one rule; the API server and the parser say the same of it."""
    return WrongSpec(name, spec, message, message)


_SIZES = {
    "InternVL2": (
        "size of InternVL2 (the series where none is written) is 1B, 2B, 4B, 8B, 26B, 40B or 76B",
        "14B",
    ),
    "InternVL2.5": ("size of InternVL2.5 is 1B, 2B, 4B, 8B, 26B, 38B or 78B", "40B"),
    "InternVL3": ("size of InternVL3 is 1B, 2B, 8B, 9B, 14B, 38B or 78B", "4B"),
    "InternVL3.5": ("size of InternVL3.5 is 1B, 2B, 4B, 8B, 14B, 30B-A3B or 38B", "78B"),
}
"""What each series says, and a size that it lacks."""

_HELD_BACK = (
    "InternVL3.5-20B-A4B and InternVL3.5-241B-A28B are refused until they were run on GPUs: write another size of "
    "InternVL3.5"
)
_AWQ = "quantization AWQ: InternVL2 has no published AWQ weights of 1B and 4B: write None or Auto"
_AWQ_ON_PYTORCH = "quantization AWQ runs on TurboMind only: write engine.backend Auto or TurboMind"
_NO_TURBOMIND = "engine.backend TurboMind does not run InternVL2-4B: write Auto or PyTorch"
_NARROW_HEADS = "engine.quantPolicy must be 0 for InternVL2-1B, InternVL2.5-1B and InternVL3-1B on TurboMind"

OF_MODELS: tuple[WrongSpec, ...] = (
    *(
        _breaks(f"{series} {size}", message, {"series": series, "size": size})
        for series, (message, size) in _SIZES.items()
    ),
    _breaks("a size of another series without a series", _SIZES["InternVL2"][0], {"size": "38B"}),
    *(
        _breaks(f"a model that nobody has run, {size}", _HELD_BACK, {"series": "InternVL3.5", "size": size})
        for size in ("20B-A4B", "241B-A28B")
    ),
    *(
        _breaks(
            f"{series} on LMDeploy {version}",
            f"engine.version is too old for {series}: write {oldest} or later",
            {"series": series, "size": "8B", "engine": {"version": version}},
        )
        for series, version, oldest in (
            ("InternVL2.5", "0.5.3", "0.6.5"),
            ("InternVL3", "0.6.5", "0.7.3"),
            ("InternVL3.5", "0.9.2", "0.10.2"),
        )
    ),
    _breaks("AWQ for 1B", _AWQ, {"size": "1B", "quantization": "AWQ"}),
    _breaks("AWQ for 4B", _AWQ, {"size": "4B", "quantization": "AWQ"}),
    _breaks(
        "AWQ of InternVL2.5-1B",
        "quantization AWQ: InternVL2.5 has no published AWQ weights of 1B and 2B",
        {"series": "InternVL2.5", "size": "1B", "quantization": "AWQ"},
    ),
    _breaks(
        "AWQ of InternVL3.5",
        "quantization AWQ: InternVL3.5 has no published AWQ weights of 1B, 2B, 4B, 8B, 14B, 30B-A3B and 38B",
        {"series": "InternVL3.5", "size": "8B", "quantization": "AWQ", "model": {}},
    ),
    _breaks(
        "AWQ on PyTorch",
        _AWQ_ON_PYTORCH,
        {"size": "8B", "quantization": "AWQ", "engine": {"backend": "PyTorch"}},
    ),
    _breaks(
        "AWQ of a repository that only PyTorch runs",
        _AWQ_ON_PYTORCH,
        {"size": "4B", "quantization": "AWQ", "model": {"repository": "acme/photos-AWQ"}},
    ),
    _breaks("4B on TurboMind", _NO_TURBOMIND, {"size": "4B", "engine": {"backend": "TurboMind"}}),
    *(
        _breaks(
            f"tp {tp} for {series}-{size}",
            message,
            {"series": series, "size": size, "engine": {"tp": tp}},
        )
        for series, size, tp, message in (
            (
                "InternVL2",
                "1B",
                4,
                "engine.tp for InternVL2-1B, InternVL2.5-1B and InternVL3-1B is at most 2",
            ),
            ("InternVL2", "40B", 16, "engine.tp for InternVL2-40B is at most 8"),
            ("InternVL3", "2B", 8, "engine.tp for InternVL3-2B is at most 4"),
            ("InternVL3", "8B", 8, "engine.tp for InternVL3-8B is at most 4"),
            (
                "InternVL3.5",
                "14B",
                16,
                "engine.tp for InternVL2.5-38B, InternVL3-14B, InternVL3-38B and InternVL3.5-14B is at most 8",
            ),
        )
    ),
    _breaks("tp 4 for 1B without a series", "it has to divide the 14", {"size": "1B", "engine": {"tp": 4}}),
    _breaks("4-bit KV cache for 1B", _NARROW_HEADS, {"size": "1B", "engine": {"quantPolicy": 4}}),
    _breaks(
        "4-bit KV cache for InternVL3-1B",
        _NARROW_HEADS,
        {"series": "InternVL3", "size": "1B", "engine": {"quantPolicy": 4}},
    ),
)
