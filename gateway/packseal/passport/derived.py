"""What follows from a value that was measured and one that its maker stated of the new battery: fades and increases.

Annex IV A and definitions 2 to 5, Annex VII A (4) of Regulation (EU) 2023/1542. Each cites both: the record of what was
measured, the statement of what it was when new. Where one of the two is not known there is no value, never a guess.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import TypeAlias

from packseal.passport.document import COVERAGE
from packseal.records.bodies import COVERAGE_PERCENT

Json: TypeAlias = dict[str, object]
HUNDRED = Decimal(100)
MAX_EXPONENT = 9  # what is larger or smaller is no value of a battery


@dataclass(frozen=True, slots=True)
class Derived:
    """key: of the attribute. measured: key of the document's value; initial: of the stated one, read by `when_new` in
    the unit of the first. is_loss: what is lost counts, else what is gained. of_new: in percent of the new one's."""

    key: str
    name: str
    measured: str
    initial: str
    when_new: Callable[[object], Decimal | None]
    is_loss: bool
    what: str


def _of_pack(value: object) -> Decimal | None:
    """From [{"component": "pack", "ohm": "0.05"}, …]."""
    return _listed(value, "component", "pack", "ohm")


def _at_charge(percent: str) -> Callable[[object], Decimal | None]:
    """From [{"soc_percent": 80, "power_w": "90000"}, …], in kW."""

    def read(value: object) -> Decimal | None:
        found = _listed(value, "soc_percent", percent, "power_w")
        return None if found is None else found / 1000

    return read


def _plain(value: object) -> Decimal | None:
    return _decimal(value)


DERIVED = (
    Derived("power_fade", "Power lost, at 80 % charge", "power_at_80", "original_power", _at_charge("80"), True,
            "power"),
    Derived("resistance_increase", "Resistance gained", "ohmic_resistance", "initial_resistance", _of_pack, False,
            "resistance"),
    Derived("rte_fade", "Round-trip efficiency lost", "round_trip_efficiency", "initial_rte", _plain, True,
            "round-trip efficiency"),
    Derived("self_discharge_evolution", "Change of self-discharge", "self_discharge", "initial_self_discharge", _plain,
            False, "self-discharge"),
)  # fmt: skip


def derived_values(values: Mapping[str, object], stated: Mapping[str, object]) -> Json:
    """values: of a document; stated: "values" of its life. -> by attribute key, what can be told and what lacks.

    The uncertainty is that of the measurement; makers state none.
    """
    return {
        one.key: _derived(one, _mapping(values.get(one.measured)), _mapping(stated.get(one.initial))) for one in DERIVED
    }


def _derived(one: Derived, measured: Mapping[str, object], stated: Mapping[str, object]) -> Json:
    new, now = one.when_new(stated.get("value")), _decimal(measured.get("value"))
    if now is None or new is None or new <= 0:
        missing = f"needs the {one.what} of today" if now is None else f"needs {one.initial}, which nobody has stated"
        return {"name": one.name, "value": None, "text": "not yet known", "missing": missing}
    change = _percent((new - now if one.is_loss else now - new) / new)
    uncertainty = _decimal(measured.get("standard_uncertainty"))
    kept = {key: measured[key] for key in _OF_RECORD if key in measured}
    method = f"{measured.get('method')}; against {one.initial} as stated of the new battery"
    return {
        "name": one.name,
        "value": float(change),
        "unit": "%",
        "text": _text(change),
        "method": method,
        **_interval(change, None if uncertainty is None else _percent(uncertainty / new)),
        **kept,
        "statement": stated.get("statement"),
        "index": stated.get("index"),
    }


_OF_RECORD = (
    "record", "evidence_class", "evidence", "replay", "simulated", "age_ms", "age_text", "made", "soc_span",
    "at_temperature",
)  # fmt: skip


def _interval(change: Decimal, uncertainty: Decimal | None) -> Json:
    if uncertainty is None:
        return {"standard_uncertainty": None, "interval": None, "uncertainty": "none stated in the record"}
    beside = (uncertainty * COVERAGE_PERCENT / HUNDRED).quantize(Decimal("0.01"))
    low, high = change - beside, change + beside
    return {
        "standard_uncertainty": float(uncertainty),
        "interval": {
            "low": float(low), "high": float(high), "coverage": COVERAGE,
            "text": f"{low:.1f} to {_text(high)}",
        },
        "uncertainty": f"± {_text(beside)}",
    }  # fmt: skip


def _percent(share: Decimal) -> Decimal:
    return (HUNDRED * share).quantize(Decimal("0.01"))


def _text(percent: Decimal) -> str:
    return f"{percent:.1f} %"


def _listed(value: object, by: str, wanted: str, key: str) -> Decimal | None:
    rows = [row for row in value if isinstance(row, Mapping)] if isinstance(value, list) else []
    found = [row for row in rows if str(row.get(by)) == wanted]
    return _decimal(found[0].get(key)) if len(found) == 1 else None


def _decimal(value: object) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        found = Decimal(str(value))
    except InvalidOperation:
        return None
    return found if found.is_finite() and -MAX_EXPONENT < found.adjusted() < MAX_EXPONENT else None


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}
