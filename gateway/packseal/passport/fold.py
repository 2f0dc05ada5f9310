"""The fold: verified records, one delivery after the other, become what a passport knows of each log.

State per log is of constant size, so a million records need no more memory than one. A record counts once, by
(log_id, seq): what was folded before is ignored. What the state means to a reader is for document.py.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import reduce

from packseal.passport.contradictions import Contradiction, clock_ran_ahead, counter_fell
from packseal.passport.histograms import with_soc, with_temperature
from packseal.passport.settings import BatterySettings
from packseal.records.bodies import (
    COUNTERS,
    Boot,
    Config,
    Event,
    Gap,
    Key,
    Previous,
    QuantityEstimate,
    Rotation,
    Seal,
    StateOfHealth,
    Time,
    Window,
)
from packseal.records.entries import Entry
from packseal.records.estimate_words import QUANTITIES
from packseal.records.report import EMPTIED


@dataclass(frozen=True, slots=True)
class Delivered:
    """Records [first_seq, size) of one delivery. `entries` are those that can be read; a stored one that was altered
    since is left out and counts as not present."""

    log_id: bytes
    evidence_class: str
    key: Key
    first_seq: int
    size: int
    entries: tuple[Entry, ...]
    checkpoint_uptime_ms: int
    received_unix_ms: int
    good_times: frozenset[int] = frozenset()  # seqs of TIME entries that name a receipt of this service
    emptied: int = 0  # windows whose values a gateway gave up (docs/record.md section 3.4)


@dataclass(frozen=True, slots=True)
class Found:
    """The newest record of a kind: `entry`, and what its delivery says about when it was made.

    Boards know only their uptime. When the delivery came, its checkpoint had been signed, so the record was then at
    least checkpoint_uptime_ms - entry.uptime_ms old by the board's clock.
    """

    entry: Entry
    checkpoint_uptime_ms: int
    received_unix_ms: int
    not_before_unix_ms: int | None = None  # the newest TIME entry before it


@dataclass(frozen=True, slots=True)
class LogState:
    log_id: bytes
    evidence_class: str
    key: Key
    size: int = 0
    records_present: int = 0
    records_bare: int = 0  # in the log by their hash alone; among windows_lost too
    boots: int = 0
    boot: Boot | None = None
    config: Config | None = None
    first_uptime_ms: int | None = None
    last_uptime_ms: int = 0
    windows: int = 0
    windows_ms: int = 0
    samples: int = 0
    slots_missed: int = 0
    values_unavailable: int = 0
    values_missing: int = 0
    windows_lost: dict[int, int] = field(default_factory=dict)  # cause -> windows, as GAP entries state, and EMPTIED
    found: dict[str, Found] = field(default_factory=dict)  # kind of value -> its newest record
    checkpoint_uptime_ms: int = 0
    received_unix_ms: int = 0
    not_before_unix_ms: int | None = None  # for records that come now
    events: dict[tuple[int, int], int] = field(default_factory=dict)  # (event, phase) -> how often
    key_changes: int = 0
    seal: Seal | None = None
    previous: Previous | None = None
    temperature_ms: dict[int, int] = field(default_factory=dict)  # histograms.temperature_bin -> time in windows
    soc_ms: dict[int, int] = field(default_factory=dict)  # histograms.soc_bin -> the same
    counters: tuple[int, ...] = ()  # the newest of each
    not_before_uptime_ms: int = 0  # of the TIME entry that not_before_unix_ms comes from
    contradictions: dict[int, tuple[int, int]] = field(default_factory=dict)  # kind -> first record, how many

    @property
    def is_replay(self) -> bool:
        return self.evidence_class == "D"

    @property
    def is_simulated(self) -> bool:
        return self.boot is not None and self.boot.source == 0

    @property
    def clock_rate(self) -> int:
        """Pack seconds in a second: what divides a difference of uptimes to give real time."""
        return self.boot.clock_rate if self.boot else 1


@dataclass(frozen=True, slots=True)
class Passport:
    """What is known of one battery."""

    battery: BatterySettings
    logs: tuple[LogState, ...] = ()

    def log(self, log_id: bytes) -> LogState | None:
        return next((log for log in self.logs if log.log_id == log_id), None)


_WINDOW_VALUES: dict[str, Callable[[Window], bool]] = {
    "pack_current_ma": lambda window: window.pack_current_ma is not None,
    "pack_voltage_mv": lambda window: window.pack_voltage_mv is not None,
    "cell_mv": lambda window: any(value is not None for value in window.cell_mv),
    "temperature_ddegc": lambda window: any(value is not None for value in window.temperature_ddegc),
    "soc_cpct": lambda window: window.soc_cpct is not None,
    "counters": lambda window: window.counters is not None,
    "all_counters": lambda window: len(window.counters or ()) == len(COUNTERS),
    "soc_reported_cpct": lambda window: window.soc_reported_cpct is not None,
    "soh_reported_cpct": lambda window: window.soh_reported_cpct is not None,
}


ESTIMATE_KINDS = {quantity: f"estimate {quantity}" for quantity in QUANTITIES}  # of others no state is kept


def fold(passport: Passport, delivered: Delivered) -> Passport:
    """The passport with what the delivery adds. ValueError when records before it were never folded."""
    before = passport.log(delivered.log_id) or LogState(delivered.log_id, delivered.evidence_class, delivered.key)
    if delivered.size <= before.size:
        return passport
    if delivered.first_seq > before.size:
        raise ValueError(f"records {before.size} to {delivered.first_seq - 1} have not been folded")
    new = [entry for entry in delivered.entries if entry.seq >= before.size]
    state = reduce(lambda state, entry: _with_entry(state, entry, delivered), new, before)
    state = _with_lost(state, EMPTIED, delivered.emptied, delivered.emptied) if delivered.emptied else state
    state = replace(
        state,
        size=delivered.size,
        records_present=before.records_present + len(new),
        checkpoint_uptime_ms=delivered.checkpoint_uptime_ms,
        received_unix_ms=delivered.received_unix_ms,
    )
    others = [log for log in passport.logs if log.log_id != state.log_id]
    return replace(passport, logs=tuple(sorted([*others, state], key=lambda log: log.log_id)))


def _with_entry(state: LogState, entry: Entry, delivered: Delivered) -> LogState:
    found = Found(entry, delivered.checkpoint_uptime_ms, delivered.received_unix_ms, state.not_before_unix_ms)
    if state.not_before_unix_ms is not None and _ran_ahead(state, found):
        return _with_contradiction(state, Contradiction.CLOCK_RAN_AHEAD, entry.seq)
    first = entry.uptime_ms if state.first_uptime_ms is None else state.first_uptime_ms
    if isinstance(entry.body, Window):  # most records are windows, and to replace a state takes time
        return _with_window(state, first, entry.body, found)
    state = replace(state, first_uptime_ms=first, last_uptime_ms=entry.uptime_ms)
    match entry.body:
        case StateOfHealth() as statement:
            kinds = ["state_of_health"] + ["resistance_uohm"] * (statement.resistance_uohm is not None)
            return replace(state, found=state.found | dict.fromkeys(kinds, found))
        case QuantityEstimate(quantity):
            kind_of_value = ESTIMATE_KINDS.get(quantity)
            return replace(state, found=state.found | {kind_of_value: found}) if kind_of_value else state
        case Boot() as boot:
            return replace(state, boot=boot, boots=state.boots + 1)
        case Gap(cause, windows, _, bare):
            return _with_lost(state, cause, windows, bare[2] if bare else 0)
        case Config() as config:
            return replace(state, config=config)
        case Time() as time if entry.seq in delivered.good_times:
            return replace(state, not_before_unix_ms=time.received_unix_ms, not_before_uptime_ms=entry.uptime_ms)
        case Event(event, phase):
            kind = (event, phase)
            return replace(state, events=state.events | {kind: state.events.get(kind, 0) + 1})
        case Rotation():
            return replace(state, key_changes=state.key_changes + 1)
        case Seal() as seal:
            return replace(state, seal=seal)
        case Key() as key:
            return replace(state, previous=key.previous)
    return state


def _with_lost(state: LogState, cause: int, windows: int, bare: int) -> LogState:
    """bare: of these windows, those that are in the log by their hash."""
    lost = state.windows_lost | {cause: state.windows_lost.get(cause, 0) + windows}
    return replace(state, windows_lost=lost, records_bare=state.records_bare + bare)


def _with_window(state: LogState, first_uptime_ms: int, window: Window, found: Found) -> LogState:
    kinds = [kind for kind, has in _WINDOW_VALUES.items() if has(window)]
    counters = window.counters or ()
    if counter_fell(state.counters, counters):
        state = _with_contradiction(state, Contradiction.COUNTER_FELL, found.entry.seq)
        kinds, counters = [kind for kind in kinds if kind not in _OF_COUNTERS], ()
    return replace(
        state,
        first_uptime_ms=first_uptime_ms,
        last_uptime_ms=found.entry.uptime_ms,
        windows=state.windows + 1,
        windows_ms=state.windows_ms + window.duration_ms,
        samples=state.samples + window.samples,
        slots_missed=state.slots_missed + window.slots_missed,
        values_unavailable=state.values_unavailable + window.values_unavailable,
        values_missing=state.values_missing + window.values_missing,
        found=state.found | dict.fromkeys(kinds, found),
        temperature_ms=with_temperature(state.temperature_ms, window),
        soc_ms=with_soc(state.soc_ms, window),
        counters=(*counters, *state.counters[len(counters) :]),
    )


def _ran_ahead(state: LogState, found: Found) -> bool:
    run_ms = found.entry.uptime_ms - state.not_before_uptime_ms
    passed_ms = found.received_unix_ms - (state.not_before_unix_ms or 0)
    return clock_ran_ahead(run_ms, passed_ms, state.clock_rate)


def _with_contradiction(state: LogState, kind: Contradiction, seq: int) -> LogState:
    first, count = state.contradictions.get(kind, (seq, 0))
    return replace(state, contradictions={**state.contradictions, int(kind): (first, count + 1)})


_OF_COUNTERS = frozenset({"counters", "all_counters"})
