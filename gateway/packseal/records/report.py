"""What a verified bundle or archive says, for a person and as JSON: what was checked, by whose word, and what is not
proven (docs/record.md sections 8, 9 and 13)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, is_dataclass, replace
from enum import Enum
from typing import Any, TypeAlias

from packseal.errors import EvidenceError
from packseal.records.attestation import COUNTS, Attestation, Clock
from packseal.records.bodies import (
    BlockEstimate,
    Boot,
    Config,
    EntryType,
    Estimate,
    Event,
    Gap,
    Key,
    QuantityEstimate,
    Rotation,
    Seal,
    StateOfHealth,
    Time,
    Window,
    margin,
)
from packseal.records.disclosure import Shown
from packseal.records.entries import Entry
from packseal.records.estimate_words import lacks, lines, measure, method
from packseal.records.policy import CLASSES
from packseal.records.printable import printable
from packseal.records.verify import TrustedBundle

Json: TypeAlias = dict[str, Any]

EVENTS = {
    1: "deep discharge", 2: "overcharge", 3: "too hot", 4: "too cold", 5: "the BMS was reset", 6: "a source is silent",
    7: "a sensor is missing", 8: "firmware update", 9: "damage in flash",
}  # fmt: skip
UPDATES = {
    1: "a new version has proven itself", 2: "a new version failed, and the one before runs again",
    3: "refused, because nobody who may has signed it", 4: "refused, because a file is not as signed",
    5: "refused, because it is not newer", 6: "refused, because it is for another board", 7: "refused for want of room",
}  # fmt: skip
DAMAGES = {1: "records of the log", 2: "the configuration", 3: "the firmware in a slot"}
MISSING = {6: "cell block", 7: "temperature sensor"}
PHASES = {1: "begins", 2: "has ended", 3: "happened"}
MOMENTARY = 3
EMPTIED = -1  # in the place of a GAP's cause: no GAP tells of these, a gateway's attestation does
GAP_CAUSES = {
    1: "the log was full",
    2: "the log before was being sealed",
    3: "summed up into longer ones, for want of room",
    EMPTIED: "their values were given up by the gateway, for want of room",
}
SEAL_CAUSES = {1: "the BMS was reset", 2: "the battery changes hands or use", 3: "the board is taken away"}
CLOCKS = {Clock.NEVER_SET: "never set", Clock.SET_ONCE: "set once", Clock.DISCIPLINED: "kept by a time source"}
NOT_PROVEN = (
    "that a sensor told the truth",
    "that the board was on the battery it is bound to",
    "what happened while the board had no power",
    "that the log does not go on behind the checkpoint shown here",
    "that the key was not stolen and used before it was revoked",
)
NOT_IN_SIGHT = "the other values of this record: they are hidden, and none of them was checked"


@dataclass(frozen=True, slots=True)
class Checked:
    """One thing that was checked, and whose word it is."""

    what: str
    by: str


def checked(trusted: TrustedBundle) -> list[Checked]:
    """In the order of docs/record.md section 8."""
    entry, checkpoint, receipt = trusted.entry, trusted.checkpoint, trusted.receipt
    board = f"the key that opened the log, {_short(trusted.genesis.public_key)}"
    if trusted.key != trusted.genesis.verifying_key:
        board = f"key {_short(trusted.key.public_key)}, which {board} handed over to"
    service = f"passport service {_short(trusted.service)}"
    found = [
        Checked(
            f"record {entry.seq} is unchanged, at its place among the {checkpoint.size} of log {trusted.log_id.hex()}",
            board,
        ),
        Checked(f"all {checkpoint.size} records were stored by {utc(receipt.received_unix_ms)}", service),
        Checked(
            f"that receipt is entry {receipt.service_index} of the public log {trusted.log.origin},"
            f" whose signed tree has {trusted.log.size}",
            service,
        ),
    ]
    if checkpoint.nonce is not None:
        words = f"the checkpoint answers nonce {checkpoint.nonce.hex()}: it was signed after that nonce was made"
        found.insert(1, Checked(words, board))
    found += [
        Checked(f"that tree was seen at {utc(1000 * unix_s)} and continues all it was before", f"witness {name}")
        for name, unix_s in trusted.witnesses.items()
    ]
    bound = trusted.bound_by
    by = f"{bound.authority.role.name.lower()} {_short(bound.authority.key.public_key)}" if bound else "your policy"
    found.append(Checked(f"the log belongs to battery {trusted.battery}, class {trusted.evidence_class}", by))
    found.append(Checked(f"no key of the log was revoked up to entry {receipt.service_index}", "bundle and policy"))
    if trusted.not_before_unix_ms is not None:
        words = f"the record was made after {utc(trusted.not_before_unix_ms)}"
        found.append(Checked(words, f"{service}, through the board's own log"))
    if trusted.attested:
        found.append(Checked(_attested(trusted), f"gateway {_short(trusted.attested.gateway)}"))
    return found


def report(trusted: TrustedBundle) -> list[str]:
    """For a person."""
    entry = trusted.entry
    lines = [f"OK  record {entry.seq} ({type_name(entry.type)}) of battery {trusted.battery}"]
    lines += [f"    {line}" for line in said(trusted)]
    lines.append("Checked, and whose word it is:")
    for number, check in enumerate(checked(trusted), 1):
        lines += [f" {number:>2}. {check.what}", f"     says {check.by}"]
    lines += [
        f"Evidence class: {trusted.evidence_class}, {CLASSES[trusted.evidence_class]}",
        f"Completeness: nothing is missing below record {trusted.checkpoint.size}; what lies behind is not in sight",
        f"Made: {interval(trusted)}",
        "Not proven:",
    ]
    hidden = [NOT_IN_SIGHT] if trusted.shown else []
    lines += [f"  - {line}" for line in (*hidden, *NOT_PROVEN)]
    return [printable(line) for line in lines]


def type_name(entry_type: int) -> str:
    """Also of a type that version 1 does not know, whose records are leaves all the same (section 2.2)."""
    return EntryType(entry_type).name if entry_type in set(EntryType) else f"type {entry_type}"


def report_json(trusted: TrustedBundle) -> Json:
    """For a program; keys and reasons are stable."""
    entry, shown = trusted.entry, trusted.shown
    return {
        "verdict": "good",
        "reason": None,
        "battery": trusted.battery,
        "evidence_class": trusted.evidence_class,
        "bound_by": trusted.bound_by.authority.key.public_key.hex() if trusted.bound_by else "policy",
        "log_id": trusted.log_id.hex(),
        "public_key": trusted.key.public_key.hex(),
        "record": {
            "type": type_name(entry.type),
            "seq": entry.seq,
            "boot": entry.boot,
            "uptime_ms": entry.uptime_ms,
            "values": _plain(shown.fields if shown else entry.body),
            "cells_mv": _plain(shown.cells) if shown else None,
            "at_least_soh_capacity_cpct": shown.at_least_cpct if shown else None,
            "at_most_soh_capacity_cpct": shown.at_most_cpct if shown else None,
            "is_disclosure": shown is not None,
        },
        "size": trusted.checkpoint.size,
        "root": trusted.checkpoint.root.hex(),
        "nonce": None if trusted.checkpoint.nonce is None else trusted.checkpoint.nonce.hex(),
        "service": trusted.service.hex(),
        "service_index": trusted.receipt.service_index,
        "log": {"origin": trusted.log.origin, "size": trusted.log.size, "witnesses": dict(trusted.witnesses)},
        "not_before_unix_ms": trusted.not_before_unix_ms,
        "not_after_unix_ms": trusted.not_after_unix_ms,
        "attestation": _attestation(trusted.attested.statement) if trusted.attested else None,
        "checked": [asdict(check) for check in checked(trusted)],
        "not_proven": [*([NOT_IN_SIGHT] if shown else []), *NOT_PROVEN],
    }


def refusal_json(error: EvidenceError) -> Json:
    return {"verdict": "refused", "reason": str(error.reason), "detail": error.detail}


def interval(trusted: TrustedBundle) -> str:
    """Not before and not after, with the width (section 9)."""
    latest = utc(trusted.not_after_unix_ms)
    if trusted.not_before_unix_ms is None:
        return f"not known how long before {latest}; not after it"
    width_s = (trusted.not_after_unix_ms - trusted.not_before_unix_ms) / 1000
    return f"between {utc(trusted.not_before_unix_ms)} and {latest}, an interval of {width(width_s)}"


def said(trusted: TrustedBundle) -> list[str]:
    return shown_words(trusted.shown) if trusted.shown else words_of(trusted.entry)


def shown_words(shown: Shown) -> list[str]:
    """What a disclosure shows, a line each."""
    found = [f"{name} = {_plain_text(value)}{_meaning(name, value)}" for name, value in shown.fields.items()]
    found += [
        f"cell block {block}: {'not available' if mv is None else f'{mv} mV'}" for block, mv in shown.cells.items()
    ]
    if shown.at_least_cpct is not None:
        found.append(f"state of health at least {shown.at_least_cpct / 100:g} %")
    if shown.at_most_cpct is not None:
        found.append(f"state of health at most {shown.at_most_cpct / 100:g} %")
    return found or ["nothing of it is shown"]


def words_of(entry: Entry) -> list[str]:
    """What an entry says, a line each, with units."""
    match entry.body:
        case StateOfHealth() as soh:
            return _health_words(soh)
        case QuantityEstimate() as estimate:
            return lines(estimate)
        case Window() as window:
            return [", ".join(_window_words(window)) or "no value available"]
        case Boot() as boot:
            return [f"start of the board, firmware {_short(boot.firmware_hash)}"]
        case Key() as key:
            return [f"opens the log with key {_short(key.public_key)}"]
        case Rotation() as rotation:
            return [f"from here on key {_short(rotation.key.public_key)} signs"]
        case Gap() as gap:
            return [f"{gap.windows} windows could not be kept: {GAP_CAUSES.get(gap.cause, 'for an unknown cause')}"]
        case Event() as event:
            return [event_words(event)]
        case Time() as time:
            return [f"a receipt of {utc(time.received_unix_ms)} had reached the board"]
        case Seal() as seal:
            return [f"the log ends: {SEAL_CAUSES.get(seal.cause, 'for an unknown cause')}"]
        case Config() as config:
            digest = config.source_digest
            return [f"import of the file with SHA-256 {_short(digest)}…" if digest else "settings, by their digests"]
    return ["a record of a kind that this version does not read"]


def _health_words(soh: StateOfHealth) -> list[str]:
    found = [
        f"state of health {_percent(soh.soh_capacity_cpct)}, remaining capacity"
        f" {_amp_hours(soh.remaining_capacity_mah)} of rated {soh.rated_capacity_mah / 1000:g} Ah",
        f"by {method(soh.method)}, from records {soh.inputs[0]} to {soh.inputs[1]}",
    ]
    blocks = (("weakest", soh.weakest), ("strongest", soh.strongest))
    return found + [f"{name} is cell block {block.cell_block}, {_percent(block)}" for name, block in blocks if block]


def event_words(event: Event) -> str:
    """With value and place, as far as they are known."""
    name = EVENTS.get(event.event, "an event")
    if event.phase != MOMENTARY:
        name = f"{name} {PHASES.get(event.phase, '')}".rstrip()
    return ", ".join([name, *filter(None, _event_details(event))])


def _event_details(event: Event) -> tuple[str, ...]:
    value, place = event.value, event.place
    numbered = "" if place is None else f" {place}"
    if value is None:
        return (f"place{numbered}" if numbered else "",)
    match event.event:
        case 1 | 2:
            return (f"{value} mV", f"cell block{numbered}")
        case 3 | 4:
            return (f"{value / 10:.1f} °C", f"sensor{numbered}")
        case 5:
            return (f"its charge moved by {value / 100:+.1f} %",)
        case 7:
            return (MISSING.get(value, "value") + numbered,)
        case 8:
            return (
                UPDATES.get(value, ""),
                "" if place is None else f"version {place >> 16}.{place >> 8 & 255}.{place & 255}",
            )
        case 9:
            return (DAMAGES.get(value, ""), f"number{numbered}" if numbered else "")
    return (f"value {value}", f"place{numbered}" if numbered else "")


def _attested(trusted: TrustedBundle) -> str:
    if trusted.attested is None:
        return ""
    statement = trusted.attested.statement
    error = "" if statement.clock_error_ms is None else f", off by {statement.clock_error_ms} ms at most"
    lost = statement.counts.get(2, 0)
    return (
        f"the delivery arrived at {utc(statement.arrived_unix_ms)} by a clock {CLOCKS[statement.clock]}{error};"
        f" {lost} frames lost since the gateway started"
    )


def _window_words(window: Window) -> list[str]:
    words = [f"{window.duration_ms / 1000:g} s"]
    if window.pack_voltage_mv:
        words.append(f"{window.pack_voltage_mv.mean / 1000:.2f} V")
    if window.pack_current_ma:
        words.append(f"{window.pack_current_ma.mean / 1000:+.2f} A")
    if window.soc_cpct is not None:
        words.append(f"charged {window.soc_cpct / 100:.1f} %")
    if window.soc_reported_cpct is not None:
        words.append(f"charged {window.soc_reported_cpct / 100:.1f} % says the BMS")
    if window.soh_reported_cpct is not None:
        words.append(f"healthy {window.soh_reported_cpct / 100:.1f} % says the BMS")
    return words


def _percent(value: Estimate | BlockEstimate) -> str:
    return f"{value.value / 100:.1f} % ± {margin(value.uncertainty) / 100:.1f} %"


def _amp_hours(value: Estimate) -> str:
    return f"{value.value / 1000:.2f} Ah ± {margin(value.uncertainty) / 1000:.2f} Ah"


def _plain_text(value: object) -> str:
    if isinstance(value, Estimate | BlockEstimate):
        block = f"cell block {value.cell_block}: " if isinstance(value, BlockEstimate) else ""
        return f"{block}{value.value} ± {margin(value.uncertainty)}"
    return str(_plain(value))


def _meaning(name: str, value: Any) -> str:
    """Of a number that stands for something."""
    words: Mapping[str, Callable[[Any], str]] = {
        "quantity": lambda number: measure(number).name,
        "method": method,
        "lacking": lambda codes: ", ".join(lacks(code)[0] for code in codes),
    }
    return f" ({words[name](value)})" if name in words else ""


def _plain(value: Any) -> Any:
    """As JSON has it: bytes as hexadecimal digits."""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, Enum):
        return value.name.lower()
    if is_dataclass(value) and not isinstance(value, type):
        return _plain(asdict(value))
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value


def _attestation(statement: Attestation) -> Json:
    """Its counts by their names."""
    counts = {COUNTS[key]: count for key, count in statement.counts.items()}
    return {**_plain(replace(statement, emptied=None)), "counts": counts}


def _short(content: bytes) -> str:
    return content.hex()[:16]


def utc(unix_ms: int) -> str:
    """The date by the civil calendar of ISO 8601, counted in eras of 400 years, 146,097 days, that begin on 1 March."""
    days, rest_ms = divmod(unix_ms, 86_400_000)
    era, day = divmod(days + 719_468, 146_097)  # days from 0000-03-01 to 1970-01-01
    year = (day - day // 1460 + day // 36_524 - day // 146_096) // 365
    of_year = day - (365 * year + year // 4 - year // 100)
    month = (5 * of_year + 2) // 153
    date = (year + 400 * era + (month >= 10), (month + 2) % 12 + 1, of_year - (153 * month + 2) // 5 + 1)
    seconds = rest_ms // 1000
    clock = (seconds // 3600, seconds // 60 % 60, seconds % 60)
    return "{:04d}-{:02d}-{:02d} {:02d}:{:02d}:{:02d} UTC".format(*date, *clock)


def width(seconds: float) -> str:
    """A length of time in one unit."""
    for size, unit in ((86_400, "days"), (3600, "hours"), (60, "minutes")):
        if seconds >= 2 * size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.1f} seconds"
