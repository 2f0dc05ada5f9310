"""The passport as a document: every value with the record it rests on, its method, uncertainty, age and evidence class.

Decides which log answers for a value when several could, and what may be called live. Nothing here is invented: a value
that no record holds is null, with words on what is needed. Equal passports at equal times give equal documents.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TypeAlias

from packseal.passport import words
from packseal.passport.contradictions import WORDS as CONTRADICTIONS
from packseal.passport.contradictions import Contradiction
from packseal.passport.fold import Found, LogState, Passport
from packseal.passport.histograms import SOC, TEMPERATURE, Histogram
from packseal.passport.settings import CATEGORIES
from packseal.passport.values import AMPERE_HOURS, QUANTITIES, Lacking, Quantity, Reading
from packseal.records.bodies import margin
from packseal.records.estimate_words import lacks, needs
from packseal.records.report import EVENTS, PHASES, SEAL_CAUSES, utc, width

Json: TypeAlias = dict[str, object]

COVERAGE = "about 95 %: 1.96 standard uncertainties either way"
AGE_RULE = (
    "at least; counted from when the delivery came, plus how much older the record then was by the board's own clock;"
    " time on the way to the gateway is not in it"
)
NO_UNCERTAINTY = "none stated in the record"
RATED_METHOD = "stated by who runs this passport; not measured"
RATED_MISSING = "was not told to this passport"


def document(passport: Passport, now_unix_ms: int) -> Json:
    """JSON-able. `values` by key; `logs` lists every log, also those no value rests on."""
    logs = passport.logs
    shown = [log for log in logs if log.size]
    return {
        "battery": _battery(passport),
        "as_of_unix_ms": now_unix_ms,
        "simulated": any(log.is_simulated for log in shown),
        "clock_rate": max((log.clock_rate for log in shown if log.is_simulated), default=1),
        "replay": bool(shown) and all(log.is_replay for log in shown),
        "values": {
            "rated_capacity_item": _rated(passport),
            **{quantity.key: _value(quantity, passport, now_unix_ms) for quantity in QUANTITIES},
            TEMPERATURE.key: _histogram(TEMPERATURE, passport, now_unix_ms, lambda log: log.temperature_ms),
            SOC.key: _histogram(SOC, passport, now_unix_ms, lambda log: log.soc_ms),
        },
        "completeness": completeness(logs),
        "logs": [_log(log, now_unix_ms) for log in logs],
        "proven": list(words.PROVEN),
        "not_proven": list(words.NOT_PROVEN),
        "age_rule": AGE_RULE,
    }


def value_of(key: str, passport: Passport, now_unix_ms: int) -> Json:
    """One of the document's values that records hold. Raises KeyError."""
    return _value(_BY_KEY[key], passport, now_unix_ms)


def completeness(logs: Iterable[LogState]) -> Json:
    """Records present of records counted, windows stated as lost, and time covered by windows of time elapsed."""
    logs = tuple(logs)
    lost: dict[int, int] = {}
    for log in logs:
        for cause, count in log.windows_lost.items():
            lost[cause] = lost.get(cause, 0) + count
    present, counted = sum(log.records_present for log in logs), sum(log.size for log in logs)
    counted += sum(lost.values()) - sum(log.records_bare for log in logs)
    covered, elapsed = sum(log.windows_ms for log in logs), sum(map(_elapsed_ms, logs))
    return {
        "records_present": present,
        "records_counted": counted,
        "records_text": f"{present} of {words.plural(counted, 'record')}",
        "records_share": words.share(present, counted),
        "windows_lost": words.gaps(lost),
        "time_covered_ms": covered,
        "time_elapsed_ms": elapsed,
        "time_text": f"{words.span(covered)} of {words.span(elapsed)}",
        "time_share": words.share(min(covered, elapsed), elapsed),
        "samples": sum(log.samples for log in logs),
        "slots_missed": sum(log.slots_missed for log in logs),
        "values_unavailable": sum(log.values_unavailable for log in logs),
        "values_missing": sum(log.values_missing for log in logs),
    }


def _elapsed_ms(log: LogState) -> int:
    return log.last_uptime_ms - (log.first_uptime_ms or 0)


def _battery(passport: Passport) -> Json:
    battery = passport.battery
    return {
        "id": battery.id,
        "name": battery.name,
        "category": battery.category,
        "category_text": CATEGORIES[battery.category],
    }


def _rated(passport: Passport) -> Json:
    rated_mah = passport.battery.rated_capacity_mah
    if rated_mah is None:
        return {"name": "Rated capacity", "value": None, "text": "not stated", "missing": RATED_MISSING}
    rated = Reading(rated_mah, AMPERE_HOURS, RATED_METHOD)
    unknown = {"record": None, "evidence_class": None, "age_ms": None, "made": None}
    return {**_numbers("Rated capacity", rated), **unknown, "replay": False, "simulated": False}


def _value(quantity: Quantity, passport: Passport, now_unix_ms: int) -> Json:
    rated_mah = passport.battery.rated_capacity_mah
    unknown: Json = {"name": quantity.name, "value": None, "text": "not yet known", "missing": quantity.missing}
    lacking_unix_ms: int | None = None  # when a board last said that it does not know: what is older no longer counts
    for log, found in sorted(_candidates(quantity, passport.logs), key=_preference):
        reading = quantity.read(found.entry.body, rated_mah) if found.entry.body else quantity.missing
        if lacking_unix_ms is not None and _made_by_unix_ms(log, found) < lacking_unix_ms:
            continue
        if isinstance(reading, Reading):
            return {**_numbers(quantity.name, reading), **_evidence(log, found, reading.extra_age_ms, now_unix_ms)}
        if isinstance(reading, Lacking):
            lacking_unix_ms = _made_by_unix_ms(log, found)
            unknown |= {**_lacks(reading), **_evidence(log, found, 0, now_unix_ms)}
        else:
            unknown["missing"] = reading
    return unknown


def _histogram(
    histogram: Histogram, passport: Passport, now_unix_ms: int, counted: Callable[[LogState], Mapping[int, int]]
) -> Json:
    """Of the log that the value beside it rests on. `value`: the intervals; `inputs`: the range of records counted."""
    logs = [(log, log.found[histogram.kind]) for log in passport.logs if counted(log) and histogram.kind in log.found]
    if not logs:
        return {"name": histogram.name, "value": None, "text": "not yet known", "missing": histogram.missing}
    log, found = min(logs, key=_preference)
    times = counted(log)
    return {
        "name": histogram.name,
        "value": histogram.intervals(times),
        "unit": "min",
        "text": words.span(sum(times.values())),
        "method": histogram.method,
        "standard_uncertainty": None,
        "interval": None,
        "uncertainty": NO_UNCERTAINTY,
        "inputs": [1, found.entry.seq],
        **_evidence(log, found, 0, now_unix_ms),
    }


def _lacks(said: Lacking) -> Json:
    """In words, and each with what to do about it."""
    named = [(code, *lacks(code)) for code in said.codes]
    return {
        "missing": needs(said.codes),
        "lacking": [{"code": code, "what": what, "cure": cure} for code, what, cure in named],
        "method": said.method,
    }


def _candidates(quantity: Quantity, logs: Iterable[LogState]) -> list[tuple[LogState, Found]]:
    return [(log, found) for log in logs if (found := quantity.found_in(log))]


def _preference(candidate: tuple[LogState, Found]) -> tuple[bool, str, int, bytes]:
    """A real pack before a simulated one, then the better evidence class, then the newest."""
    log, found = candidate
    return log.is_simulated, log.evidence_class, -_made_by_unix_ms(log, found), log.log_id


def _made_by_unix_ms(log: LogState, found: Found) -> int:
    """The record was made no later than this.

    Each delivery at or behind the record bounds it; the first and the newest are kept. (A backlog that waited in a
    gateway arrives late, and then the newest is the closer bound.)
    """
    uptime_ms = found.entry.uptime_ms
    bounds = ((found.received_unix_ms, found.checkpoint_uptime_ms), (log.received_unix_ms, log.checkpoint_uptime_ms))
    return min(received - max(0, checkpoint - uptime_ms) // log.clock_rate for received, checkpoint in bounds)


def _numbers(name: str, reading: Reading) -> Json:
    return {
        "name": name,
        "value": reading.unit.scaled(reading.value),
        "unit": reading.unit.name,
        "text": reading.unit.text(reading.value),
        "method": reading.method,
        **_interval(reading),
        **reading.details,
    }


def _interval(reading: Reading) -> Mapping[str, object]:
    if reading.uncertainty is None:
        return {"standard_uncertainty": None, "interval": None, "uncertainty": NO_UNCERTAINTY}
    beside = margin(reading.uncertainty)
    low, high = reading.value - beside, reading.value + beside
    text = f"{reading.unit.text(low, with_unit=False)} to {reading.unit.text(high)}"
    return {
        "standard_uncertainty": reading.unit.scaled(reading.uncertainty),
        "interval": {
            "low": reading.unit.scaled(low),
            "high": reading.unit.scaled(high),
            "coverage": COVERAGE,
            "text": text,
        },
        "uncertainty": f"± {reading.unit.text(beside)}",
    }


def _evidence(log: LogState, found: Found, extra_age_ms: int, now_unix_ms: int) -> Json:
    age_ms = None if log.is_replay else _age_ms(log, found, extra_age_ms, now_unix_ms)
    return {
        "record": {"log_id": log.log_id.hex(), "seq": found.entry.seq},
        "evidence_class": log.evidence_class,
        "evidence": words.EVIDENCE_CLASSES[log.evidence_class],
        "replay": log.is_replay,
        "simulated": log.is_simulated,
        "age_ms": age_ms,
        "age_text": "replayed from a file; its age is not proven" if age_ms is None else words.age(age_ms),
        "made": None if log.is_replay else _made(found),
    }


def _made(found: Found) -> Json:
    """The interval in which the record was made (docs/record.md section 9): no clock of a board or gateway moves it."""
    first, last = found.not_before_unix_ms, found.received_unix_ms
    if first is None:
        text, width_ms = f"not after {utc(last)}; not known how long before", None
    else:
        width_ms = last - first
        start = utc(first).removesuffix(" UTC")
        end = utc(last) if start[:10] != utc(last)[:10] else utc(last)[11:]
        text = f"{start} to {end}, {width(width_ms / 1000)} wide"
    return {"not_before_unix_ms": first, "not_after_unix_ms": last, "width_ms": width_ms, "text": text}


def _hex(content: bytes | None) -> str | None:
    return content.hex() if content else None


def _age_ms(log: LogState, found: Found, extra_age_ms: int, now_unix_ms: int) -> int:
    return max(0, now_unix_ms - _made_by_unix_ms(log, found)) + extra_age_ms // log.clock_rate


def _log(log: LogState, now_unix_ms: int) -> Json:
    boot = log.boot
    return {
        "log_id": log.log_id.hex(),
        "evidence_class": log.evidence_class,
        "evidence": words.EVIDENCE_CLASSES[log.evidence_class],
        "public_key": log.key.public_key.hex(),
        "origin": log.key.origin.name.lower(),
        "source": words.source(boot.source) if boot else None,
        "firmware_hash": boot.firmware_hash.hex() if boot else None,
        "boots": log.boots,
        "simulated": log.is_simulated,
        "clock_rate": log.clock_rate,
        "replay": log.is_replay,
        "imported_file_sha256": _hex(log.config.source_digest) if log.config else None,
        "settings_sha256": _hex(log.config.settings_digest) if log.config else None,
        "key_changes": log.key_changes,
        "sealed": SEAL_CAUSES.get(log.seal.cause, "for an unknown cause") if log.seal else None,
        "contradictions": [
            {"what": CONTRADICTIONS[Contradiction(kind)], "first_seq": first, "records": count}
            for kind, (first, count) in sorted(log.contradictions.items())
        ],
        "goes_on_from": log.previous.log_id.hex() if log.previous else None,
        "events": [
            {"event": EVENTS.get(event, f"event {event}"), "phase": PHASES.get(phase, ""), "count": count}
            for (event, phase), count in sorted(log.events.items())
        ],
        "records": log.size,
        "received_unix_ms": log.received_unix_ms,
        "silent_ms": None if log.is_replay else max(0, now_unix_ms - log.received_unix_ms),
        "completeness": completeness((log,)),
    }


_BY_KEY = {quantity.key: quantity for quantity in QUANTITIES}
