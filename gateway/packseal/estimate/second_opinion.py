"""The whole second opinion behind four calls: add an entry, ask for the opinion, ask for the alarms, keep the state.

Decides which part looks at which entry, and in which order. Entries come in the order of their log, verified by whoever
calls; one that was seen is ignored. When a log ends and another of the same battery goes on, its KEY entry says so.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from packseal.estimate.alarms.alarm import Alarm, AlarmLog, Severity
from packseal.estimate.alarms.drift import FIRST_MARK_MV, MARK_MV, MARKS, mark_of
from packseal.estimate.alarms.fingerprint import BALANCE_SPREAD, Trait
from packseal.estimate.alarms.health import HealthLevel
from packseal.estimate.alarms.raising import (
    raise_claim,
    raise_drift,
    raise_offset,
    raise_reset,
    raise_rise,
    raise_setting,
    raise_swap,
)
from packseal.estimate.blocks import shares
from packseal.estimate.charges import ChargeCurve
from packseal.estimate.chemistry import Chemistry, candidates
from packseal.estimate.judge import judge
from packseal.estimate.opinion import Opinion
from packseal.estimate.pack import FIRST_CHARGES, FIRST_WEEKS_MS, HELD_INPUTS, Pack, new_pack
from packseal.estimate.readings import Reading
from packseal.estimate.rests import Rest
from packseal.estimate.state import dump, load
from packseal.estimate.steps import Step
from packseal.records.bodies import Boot, Config, Event, Key, StateOfHealth, Window
from packseal.records.entries import Entry

F64 = npt.NDArray[np.float64]

VERSION = "packseal/second-opinion/1"
EVENT_BMS_RESET, EVENT_UPDATE = 5, 8
IN_CHARGES, IN_RESTS = "in charges", "in rests"
MOST_SHARE_UNCERTAINTY = 0.04  # of an estimate by one charge that is compared with those before


@dataclass(slots=True)
class State:
    rated_mah: float
    is_rated_told: bool
    is_new: bool
    chemistry: str
    last_seq: int = -1
    last_uptime_ms: int = 0
    rated_setting_mah: int = 0
    cell_blocks: int = 0
    settings_digest: str = ""
    is_updated: bool = False  # the firmware changed since the last settings digest
    firmware: str = ""
    bms_resets: int = -1
    board_health: HealthLevel = field(default_factory=HealthLevel)
    alarms: AlarmLog = field(default_factory=AlarmLog)
    pack: Pack | None = None


class SecondOpinion:
    """Of one battery. rated_capacity_mah as the passport has it; without it, that of the board's first BOOT. is_new:
    the battery was new when its first record came, so what it held then is what it held when new."""

    def __init__(
        self, chemistry: Chemistry | None = None, rated_capacity_mah: int | None = None, *, is_new: bool = False
    ) -> None:
        self._chemistry = chemistry
        self._held = candidates(chemistry) if chemistry else None
        name = chemistry.name if chemistry else ""
        self._state = State(float(rated_capacity_mah or 0), rated_capacity_mah is not None, is_new, name)
        self._opinion: Opinion | None = None  # of the newest entry, once it was asked for; alarms never look at it

    # ---- state

    def to_bytes(self) -> bytes:
        return dump(self._state, VERSION)

    @classmethod
    def from_bytes(cls, content: bytes, chemistry: Chemistry | None = None) -> SecondOpinion:
        """Raises ValueError for what is no such state, or one of another chemistry: start over from the records."""
        state = load(content, State, VERSION)
        if state.chemistry != (chemistry.name if chemistry else ""):
            raise ValueError(f"a state of chemistry {state.chemistry or 'not told'}; start over from the records")
        result = cls(chemistry)
        result._state = state  # its own class
        return result

    # ---- entries

    def add(self, entry: Entry) -> None:
        state = self._state
        if isinstance(entry.body, Key) and state.last_seq >= 0:
            self._begin_log()
        if entry.seq <= state.last_seq:
            return
        state.last_seq, state.last_uptime_ms = entry.seq, entry.uptime_ms
        self._opinion = None
        match entry.body:
            case Window() as window:
                self._window(entry, window)
            case Boot() as boot:
                self._boot(entry, boot)
            case Config() as config:
                self._config(entry, config)
            case Event() as event:
                self._event(entry, event)
            case StateOfHealth() as statement:
                self._statement(entry, statement)

    def opinion(self) -> Opinion:
        if self._opinion is None:
            self._opinion = judge(self._state.pack, self._chemistry, self._state.rated_mah)
        age_ms = self._state.last_uptime_ms - self._state.pack.newest_ms if self._state.pack else 0
        return self._opinion.aged(age_ms)

    def alarms(self) -> tuple[Alarm, ...]:
        """Oldest first."""
        return tuple(self._state.alarms.alarms)

    # ---- what a board says of itself

    def _begin_log(self) -> None:
        state = self._state
        state.last_seq, state.bms_resets = -1, -1
        state.alarms.log += 1
        if state.pack:
            state.pack.reader.boot = 0

    def _boot(self, entry: Entry, boot: Boot) -> None:
        state = self._state
        rated, blocks = boot.rated_capacity_mah, boot.cell_blocks
        if state.rated_setting_mah not in (0, rated):
            words = f"The rated capacity was edited from {state.rated_setting_mah / 1000:g} to {rated / 1000:g} Ah"
            numbers = {"before_mah": float(state.rated_setting_mah), "now_mah": float(rated)}
            raise_setting(state.alarms, entry.seq, entry.uptime_ms, words, numbers)
        if state.cell_blocks not in (0, blocks):
            words = f"The number of cell blocks was edited from {state.cell_blocks} to {blocks}"
            numbers = {"before": float(state.cell_blocks), "now": float(blocks)}
            raise_setting(state.alarms, entry.seq, entry.uptime_ms, words, numbers)
            state.pack = None
        firmware = boot.firmware_hash.hex()
        state.is_updated |= state.firmware not in ("", firmware)
        state.firmware, state.rated_setting_mah, state.cell_blocks = firmware, rated, blocks
        if not state.rated_mah:
            state.rated_mah = float(rated)

    def _config(self, entry: Entry, config: Config) -> None:
        state = self._state
        digest = config.settings_digest.hex() if config.settings_digest else state.settings_digest
        if state.settings_digest not in ("", digest):
            words, severity = "The settings of the board were changed", Severity.WARNING
            if state.is_updated:
                words, severity = "The settings of the board changed together with its firmware", Severity.NOTE
            raise_setting(state.alarms, entry.seq, entry.uptime_ms, words, {}, severity)
        state.settings_digest, state.is_updated = digest, False

    def _event(self, entry: Entry, event: Event) -> None:
        if event.event == EVENT_BMS_RESET:
            numbers = {} if event.value is None else {"jump_percent": event.value / 100}
            raise_reset(self._state.alarms, entry.seq, entry.uptime_ms, "the board saw the BMS reset", numbers)

    def _statement(self, entry: Entry, statement: StateOfHealth) -> None:
        state, soh = self._state, statement.soh_capacity_cpct
        if state.rated_setting_mah not in (0, statement.rated_capacity_mah):
            words = f"A statement of health counts in parts of {statement.rated_capacity_mah / 1000:g} Ah"
            numbers = {"before_mah": float(state.rated_setting_mah), "now_mah": float(statement.rated_capacity_mah)}
            raise_setting(state.alarms, entry.seq, entry.uptime_ms, words, numbers)
        state.rated_setting_mah = statement.rated_capacity_mah
        rise = state.board_health.add(soh.value / 10_000, soh.uncertainty / 10_000, entry.seq)
        if rise:
            raise_rise(state.alarms, rise, entry.uptime_ms, "the board's own estimate")

    # ---- windows

    def _window(self, entry: Entry, window: Window) -> None:
        state = self._state
        if state.pack is None:
            if not (window.cell_mv and state.rated_mah > 0):
                return
            state.pack = new_pack(len(window.cell_mv), state.rated_mah, state.is_new)
        pack = state.pack
        reading = pack.reader.read(entry, window)
        if reading is None:
            return
        if pack.first_ms < 0:
            pack.first_ms = reading.uptime_ms
        self._claims(pack, reading)
        if pack.before is not None and reading.is_next:
            step = pack.steps.add(pack.before, reading)
            if step is not None:
                self._step(pack, step)
        pack.before = reading
        curve = pack.trace.add(reading, pack.resistance)
        if curve is not None:
            self._charge(pack, curve)
        rest = pack.rests.add(reading)
        if rest is not None:
            self._rest(pack, rest)

    def _claims(self, pack: Pack, reading: Reading) -> None:
        state = self._state
        charge = pack.charge_claim.add(reading)
        for finding in [*([charge] if charge else []), *pack.health_claim.add(reading)]:
            if finding.what == "reset":
                text = f"claimed value jumps from {finding.before / 100:.1f} to {finding.now / 100:.1f} %"
                numbers = {"before_percent": finding.before / 100, "now_percent": finding.now / 100}
                raise_reset(state.alarms, finding.seq, reading.uptime_ms, text, numbers)
            else:
                raise_claim(state.alarms, finding, reading.uptime_ms)
        resets = reading.bms_resets
        if resets is not None:
            if 0 <= state.bms_resets < resets:
                numbers = {"resets": float(resets)}
                raise_reset(state.alarms, reading.seq, reading.uptime_ms, "the board counted a reset", numbers)
            state.bms_resets = resets
        if pack.known_cpct is not None:
            apart = pack.health_claim.compare(reading, *pack.known_cpct)
            if apart is not None:
                raise_claim(state.alarms, apart, reading.uptime_ms)

    def _step(self, pack: Pack, step: Step) -> None:
        low_mv, high_mv = pack.resistance.open_mv(step)
        look = pack.resistance.add(step, np.minimum(pack.late.flatness(low_mv), pack.late.flatness(high_mv)))
        if look is not None:
            self._fingerprint(pack, pack.fingerprint.resistance, look.ratios, look.inputs[1], look.uptime_ms)

    def _fingerprint(
        self, pack: Pack, trait: Trait, values: F64, seq: int, uptime_ms: int, spread: float | None = None
    ) -> bool:
        """Whether the cells turned out to be others."""
        swap = pack.fingerprint.look(trait, values, seq, uptime_ms, spread)
        if swap is None:
            return False
        raise_swap(self._state.alarms, swap, uptime_ms)
        pack.forget_cells(uptime_ms)
        return True

    def _charge(self, pack: Pack, curve: ChargeCurve) -> None:
        seq, uptime_ms = curve.inputs[1], curve.uptime_ms
        marks, parts, passed = _at_marks(curve, pack.rated_mah)
        taken = pack.charge_balance.stretch(marks, parts, passed)
        is_swapped = taken and self._fingerprint(pack, pack.fingerprint.share, taken[0], seq, uptime_ms, taken[1])
        if is_swapped or self._imbalance(pack, IN_CHARGES, marks, parts, seq, uptime_ms):
            return
        now = shares(curve)
        if now is not None:
            pack.shares.add(now)
        self._capacity(pack, curve)

    def _capacity(self, pack: Pack, curve: ChargeCurve) -> None:
        if self._held is not None:
            alone = pack.capacity.add(self._held, curve, pack.rated_mah)
            if pack.capacity.misfits:
                return
            if alone is not None and alone.uncertainty_mah <= MOST_SHARE_UNCERTAINTY * pack.rated_mah:
                part, error = alone.capacity_mah / pack.rated_mah, alone.uncertainty_mah / pack.rated_mah
                rise = pack.own_health.add(part, error, curve.inputs[1])
                if rise is not None:
                    raise_rise(self._state.alarms, rise, curve.uptime_ms, "the gateway's estimate")
        pack.late.add(curve, 0.15)
        self._first_weeks(pack, curve)
        pack.charges += 1
        pack.inputs = [*pack.inputs, curve.inputs][-HELD_INPUTS:]
        pack.newest_ms, pack.celsius, pack.span_mv = curve.uptime_ms, curve.celsius, curve.span_mv
        known = judge(pack, self._chemistry, self._state.rated_mah).soh_capacity_cpct
        pack.known_cpct = (known.value, known.uncertainty) if known else None

    def _first_weeks(self, pack: Pack, curve: ChargeCurve) -> None:
        if not pack.is_first_weeks:
            return
        pack.first.add(curve, 0.0)
        if pack.charges + 1 >= FIRST_CHARGES and curve.uptime_ms - pack.first_ms >= FIRST_WEEKS_MS:
            pack.is_first_weeks = False
            if self._held is not None and pack.capacity.is_new:
                pack.capacity.learn_scale(self._held, curve.uptime_ms, pack.rated_mah)

    def _rest(self, pack: Pack, rest: Rest) -> None:
        slope = pack.late.slope(rest.mean_mv)
        pairs = pack.offset.add(rest, slope)
        if pairs:
            raise_offset(self._state.alarms, pairs, pack.offset.usual_rate(), pack.rated_mah)
        if slope is None:
            return
        parts = (rest.cells - np.nanmedian(rest.cells)) * slope.mah_per_mv / pack.rated_mah
        marks = [mark_of(rest.mean_mv)]
        self._imbalance(pack, IN_RESTS, marks, parts[:, None], rest.seq, rest.uptime_ms)

    def _imbalance(self, pack: Pack, where: str, marks: list[int], parts: F64, seq: int, uptime_ms: int) -> bool:
        """Likewise."""
        balance, trait = pack.rest_balance, pack.fingerprint.rest_balance
        if where == IN_CHARGES:
            balance, trait = pack.charge_balance, pack.fingerprint.charge_balance
        residual = balance.residual(marks, parts, uptime_ms) if marks else None
        if residual is None:
            return False
        if self._fingerprint(pack, trait, residual, seq, uptime_ms, BALANCE_SPREAD):
            return True
        for drifting in balance.drifting(residual, parts, seq, uptime_ms):
            raise_drift(self._state.alarms, drifting, seq, uptime_ms, where)
        return False


def _at_marks(curve: ChargeCurve, rated_mah: float) -> tuple[list[int], F64, F64]:
    """(marks of balance, how much more than the others each block holds at them [blocks, marks], what the mean block
    has taken up to them [marks]), in parts of rated capacity."""
    columns = [index for index, mark in enumerate(curve.marks_mv) if (int(mark) - FIRST_MARK_MV) % MARK_MV == 0]
    columns = [index for index in columns if 0 <= mark_of(float(curve.marks_mv[index])) < MARKS]
    marks = [mark_of(float(curve.marks_mv[index])) for index in columns]
    sooner = curve.block_mah[:, columns]
    return marks, -(sooner - np.nanmedian(sooner, axis=0)) / rated_mah, curve.mean_mah[columns] / rated_mah
