"""Single values of a SOH in words: names and units as the names of records' fields say them."""

from __future__ import annotations

from typing import Any

from packseal.apps.replay_statements import interval
from packseal.records.bodies import BlockEstimate, Estimate
from packseal.records.estimate_words import method

LABELS = {
    "inputs": "windows",
    "soh_capacity_cpct": "state of health",
    "soc_span_cpct": "between charges of",
    "age_ms": "age",
}
UNITS = (  # what a name ends in -> how many of it are one of the unit shown, that unit, decimals
    ("_mah", 1000, "Ah", 3), ("_wh", 1, "Wh", 0), ("_w", 1, "W", 0), ("_cpct", 100, "%", 2), ("_uohm", 1000, "mΩ", 2),
    ("_ddegc", 10, "°C", 1), ("_mv", 1000, "V", 3), ("_ms", 60_000, "min", 1),
    ("weakest", 100, "%", 2), ("strongest", 100, "%", 2),
)  # fmt: skip


def label(name: str) -> str:
    plain = next((name.removesuffix(end) for end, *_ in UNITS if name.endswith(end) and end.startswith("_")), name)
    return LABELS.get(name) or plain.replace("_", " ")


def shown(name: str, value: Any) -> str:
    """With its unit; an estimate with its 95 % interval."""
    if name == "method":
        return method(value)
    scale, unit, places = next((row[1:] for row in UNITS if name.endswith(row[0])), (1, "", 0))
    if isinstance(value, Estimate | BlockEstimate):
        low, high = interval(Estimate(value.value, value.uncertainty))
        block = f"block {value.cell_block}: " if isinstance(value, BlockEstimate) else ""
        text = f"{block}{value.value / scale:.{places}f} {unit}".rstrip()
        return f"{text} ({low / scale:.{places}f} to {high / scale:.{places}f})"
    if isinstance(value, list | tuple):
        joint = " to " if len(value) == 2 else ", "
        return f"{joint.join(_number(item, scale, places) for item in value)} {unit}".rstrip()
    return f"{_number(value, scale, places)} {unit}".rstrip()


def _number(value: Any, scale: int, places: int) -> str:
    return f"{value / scale:.{places}f}" if isinstance(value, int) and scale != 1 else str(value)
