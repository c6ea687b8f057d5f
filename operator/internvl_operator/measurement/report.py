"""Measurements as tables, with the plan's figures to compare."""

from collections.abc import Iterable

from internvl_operator.measurement.measurement import Measurement

_HEADER = ["size", "GPUs", "AWQ", "ratio", "measured MiB", "predicted MiB", "error", "ready after"]

_CSV_PLAN = ["backend", "engine", "gpuMemoryMiB", "sessionLen", "maxBatchSize", "quantPolicy"]
_CSV_HEADER = [
    "size",
    "tp",
    "quantization",
    "cache_max_entry_count",
    "outcome",
    "used_mib",
    "predicted_outcome",
    "predicted_mib",
    "startup_s",
    "backend",
    "engine",
    "gpu_memory_mib",
    "session_len",
    "max_batch_size",
    "quant_policy",
    "product",
]


def report_rows(measurements: Iterable[Measurement]) -> list[list[str]]:
    """Return a table for people, whose first row is its header."""
    return [_HEADER, *(_row(each) for each in measurements)]


def report_csv(measurements: Iterable[Measurement]) -> list[list[str]]:
    """Return a table for programs: the configurations whose outcome was seen, whose first row is its header."""
    return [_CSV_HEADER, *(_csv_row(each) for each in measurements if each.outcome is not None)]


def _row(each: Measurement) -> list[str]:
    configuration, error = each.configuration, each.error_percent
    ratio = (
        each.plan["cacheMaxEntryCount"] if configuration.ratio is None and each.plan else configuration.ratio
    )
    return [
        configuration.model.short_name,
        str(configuration.tp),
        "yes" if configuration.awq else "no",
        "-" if ratio is None else f"{ratio:g}",
        str(each.most_used_mib or each.outcome or each.reason),
        _predicted(each),
        "-" if error is None else f"{error:+.1f} %",
        "-" if each.seconds is None else f"{each.seconds:.0f} s",
    ]


def _predicted(each: Measurement) -> str:
    if each.plan is None:
        return "-"
    return str(each.predicted_mib or each.plan["outcome"])


def _csv_row(each: Measurement) -> list[str]:
    configuration, plan = each.configuration, each.plan or {}
    return [
        configuration.model.short_name,
        str(configuration.tp),
        "awq" if configuration.awq else "none",
        f"{plan.get('cacheMaxEntryCount', configuration.ratio):g}",
        str(each.outcome or ""),
        "" if each.most_used_mib is None else str(each.most_used_mib),
        str(plan.get("outcome", "")),
        "" if each.predicted_mib is None else str(each.predicted_mib),
        "" if each.seconds is None else f"{each.seconds:.1f}",
        *(str(plan.get(name, "")) for name in _CSV_PLAN),
        str(plan.get("product", "")),
    ]
