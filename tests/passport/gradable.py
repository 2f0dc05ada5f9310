"""A document of a pack that is fit for grade A, and packs that are less good in one way."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from packseal.passport.derived import derived_values

DAY_MS = 86_400_000


def gradable(
    soh: float = 95.0,
    unsure: float = 1.0,
    age_days: int = 3,
    spread: float = 1.0,
    rise_percent: float = 10.0,
    self_discharge: float = 1.5,
    records_lost: int = 0,
    evidence_class: str = "B",
    severities: tuple[str, ...] = (),
    name: str = "A used pack",
) -> dict[str, Any]:
    """As access.visible leaves it for who may see the individual battery."""
    evidence = {
        "record": {"log_id": "ab" * 16, "seq": 12}, "evidence_class": evidence_class, "evidence": "signed",
        "replay": False, "simulated": False, "age_ms": age_days * DAY_MS, "age_text": f"{age_days} d",
        "made": {"text": "2026-09-21 14:13:10 to 14:13:20 UTC, 10 s wide"}, "method": "charge counted",
    }  # fmt: skip
    ohm = 0.02 * (1 + rise_percent / 100)
    resistance = measured("Resistance of the pack", ohm, "Ohm", 0.0, f"{1000 * ohm:.2f} mΩ")
    values = {
        "soh_capacity_cpct": {
            **measured("State of health", soh, "%", unsure), **evidence,
            "weakest": block(3, soh), "strongest": block(5, soh + spread),
        },
        "remaining_capacity": {**measured("Remaining capacity", 0.6 * soh, "Ah", 0.3), **evidence},
        "ohmic_resistance": {**resistance, "standard_uncertainty": 0.0, **evidence},
        "self_discharge": {**measured("Self-discharge", self_discharge, "% in 30 days", 0.0), **evidence},
        "full_cycles": {**measured("Full cycles", 812.5, "cycles", None), **evidence},
        "soh_reported_cpct": {**measured("Health, as claimed", 99.0, "%", None), **evidence},
        "power_at_80": {"name": "Power", "value": None, "text": "not yet known", "missing": "needs a board"},
    }  # fmt: skip
    stated = {"initial_resistance": {"group": 1, "value": [{"component": "pack", "ohm": "0.02"}]}}
    return {
        "battery": {"id": "pack-1", "name": name, "category": "EV", "category_text": "electric vehicle"},
        "as_of_unix_ms": 1_790_000_000_000, "simulated": False, "clock_rate": 1, "replay": False,
        "values": {**values, **derived_values(values, stated)},
        "completeness": {
            "records_present": 1000 - records_lost, "records_counted": 1000, "time_covered_ms": 999_999,
            "time_elapsed_ms": 1_000_000, "records_text": f"{1000 - records_lost} of 1 000 records",
            "time_text": "16 min 39 s of 16 min 40 s", "windows_lost": [],
        },
        "logs": [{"log_id": "ab" * 16, "sealed": None, "records": 1000}],
        "second_opinion": {
            "opinion": {"missing": [], "soh_capacity": {"value": soh}},
            "alarms": [{"severity": severity, "words": "It was exchanged"} for severity in severities],
        },
        "verification": {"state": "verified", "headline": "Verified"},
        "life": {
            "status": "original", "stage": "original", "originals": [], "sealed": [], "values": stated,
        },
    }  # fmt: skip


def measured(name: str, value: float, unit: str, margin: float | None, text: str = "") -> dict[str, Any]:
    interval = None if margin is None else interval_of(value - margin, value + margin)
    said = text or f"{value:.1f} {unit}"
    return {"name": name, "value": value, "unit": unit, "text": said, "interval": interval}


def interval_of(low: float, high: float) -> dict[str, Any]:
    return {"low": low, "high": high, "text": f"{low:.1f} to {high:.1f} %"}


def block(number: int, value: float) -> Mapping[str, Any]:
    text = f"cell block {number}, {value:.1f} % ± 0.2 %"
    return {"cell_block": number, "value": value, "standard_uncertainty": 0.1, "text": text}
