"""What a passport's document says, as far as it can be read: numbers for criteria and rows, or why there is none.

A document is JSON-able and may be cut to a reader's groups, so that every key of it can be missing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from packseal.passport import words

COVERAGE_FACTOR = 1.96  # as records.bodies.margin: about 95 %
UNREADABLE = "is not in the document of this passport"
NO_LIFE = "needs a statement by its operator: packseal passport create"
NO_OPINION = "needs records from which the service can form a second opinion"
NO_INTERVAL = "the record states no interval"
NO_BLOCKS = "the record names no weakest and strongest cell block"
NO_NEW_RESISTANCE = "needs initial_resistance, which nobody has stated"
FROM_FILE = "simulated or replayed from a file"


@dataclass(frozen=True, slots=True)
class Known:
    value: float
    text: str


@dataclass(frozen=True, slots=True)
class Lack:
    """missing: what is needed, in words. is_hidden: this reader is not shown it; then nothing more is known."""

    missing: str = ""
    is_hidden: bool = False


def mapped(content: object) -> Mapping[str, object] | None:
    return content if isinstance(content, Mapping) else None


def listed(content: object) -> list[Mapping[str, object]]:
    """What is a map, of a list."""
    return [one for one in content if isinstance(one, Mapping)] if isinstance(content, list | tuple) else []


def number(content: object) -> float | None:
    if isinstance(content, bool) or not isinstance(content, int | float) or not math.isfinite(content):
        return None
    return float(content)


def decimal_text(value: float, unit: str) -> str:
    """With two decimals, so that what is just below a limit does not read as the limit."""
    return words.number(round(value * 100), unit, 2)


def value_of(document: Mapping[str, object], key: str) -> Mapping[str, object] | Lack:
    """A measured value that is there, with its evidence."""
    values = mapped(document.get("values"))
    if values is None or key not in values:
        return Lack(is_hidden=True)
    found = mapped(values[key])
    if found is None or found.get("value") is None:
        return Lack(missing=str((found or {}).get("missing") or UNREADABLE))
    return found


def unfavourable(document: Mapping[str, object], key: str, end: str, unit: str) -> Known | Lack:
    """end: "low" or "high" of the interval."""
    value = value_of(document, key)
    if isinstance(value, Lack):
        return value
    found = number((mapped(value.get("interval")) or {}).get(end))
    return Lack(missing=NO_INTERVAL) if found is None else Known(found, decimal_text(found, unit))


def spread_points(document: Mapping[str, object]) -> Known | Lack:
    """Health of the strongest block less that of the weakest, and what both are unsure by, in percentage points."""
    value = value_of(document, "soh_capacity_cpct")
    if isinstance(value, Lack):
        return value
    blocks = [mapped(value.get(name)) or {} for name in ("weakest", "strongest")]
    weakest, strongest = (number(block.get("value")) for block in blocks)
    unsure = [number(block.get("standard_uncertainty")) for block in blocks]
    if weakest is None or strongest is None or unsure[0] is None or unsure[1] is None:
        return Lack(missing=NO_BLOCKS)
    upper = max(0.0, strongest - weakest) + COVERAGE_FACTOR * math.hypot(unsure[0], unsure[1])
    return Known(upper, decimal_text(upper, "points"))


def resistance_gained(document: Mapping[str, object]) -> Known | Lack:
    """Upper end of what derived.py finds, in percent. A resistance from a simulator or a file does not count."""
    values = mapped(document.get("values")) or {}
    if "ohmic_resistance" in values and "resistance_increase" not in values:  # nobody has stated anything of it
        return Lack(missing=NO_NEW_RESISTANCE)
    value = value_of(document, "resistance_increase")
    if isinstance(value, Lack):
        return value
    if value.get("replay") is not False or value.get("simulated") is not False:
        return Lack(missing=FROM_FILE)
    return unfavourable(document, "resistance_increase", "high", "%")


def share_percent(document: Mapping[str, object]) -> Known | Lack:
    """The smaller of the shares of records and of time that the evidence covers."""
    complete = mapped(document.get("completeness")) or {}
    pairs = (("records_present", "records_counted"), ("time_covered_ms", "time_elapsed_ms"))
    shares = [_share(number(complete.get(part)), number(complete.get(whole))) for part, whole in pairs]
    known = [share for share in shares if share is not None]
    if len(known) < len(pairs):
        return Lack(missing="no record with it has arrived yet")
    return min(known, key=lambda share: share.value)


def _share(part: float | None, whole: float | None) -> Known | None:
    if part is None or not whole or whole < 0:
        return None
    part = max(0.0, min(part, whole))
    return Known(100 * part / whole, words.share(int(part), int(whole)))


def alarms_found(document: Mapping[str, object]) -> list[Mapping[str, object]] | Lack:
    """Of the second opinion, where it has an opinion itself: one that has seen too little raises no alarm either."""
    second = mapped(document.get("second_opinion"))
    if second is None or "alarms" not in second:
        return Lack(is_hidden=True)
    opinion = mapped(second.get("opinion"))
    missing = opinion.get("missing") if opinion else None
    if opinion is None or not isinstance(missing, list | tuple):
        return Lack(missing=NO_OPINION)
    if missing:
        return Lack(missing="; ".join(str(one) for one in missing))
    return listed(second["alarms"])
