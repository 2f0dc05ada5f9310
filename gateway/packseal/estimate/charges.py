"""Steady charges -> how much charge each block took between marks of voltage.

Decides what a steady charge is: current within limits and changing slowly, for long enough and over enough voltage,
with every ampere-hour counted. Each voltage is brought nearer to the open-circuit voltage by current times the block's
resistance (resistance.py); what is left of slow polarisation shifts a whole curve and is the estimators' to allow for.
The marks lie on a grid that all charges share, so that two charges are compared between the same ones.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from packseal.estimate.readings import Reading
from packseal.estimate.resistance import Resistance

F64 = npt.NDArray[np.float64]
F32 = npt.NDArray[np.float32]

GRID_MV = 10  # the finer of what sources on incremental capacity use with BMS voltages (Weng et al. 2013: 5 to 10 mV)
LEAST_RATE, MOST_RATE = 1 / 20, 1.0  # of rated_capacity / 1 h: below, an offset counts too much; above, polarisation
MOST_CHANGE = 0.06  # of the current, from window to window: a charger's taper at constant voltage is faster
MOST_SPREAD = 0.35  # of the current, inside a window
MOST_PAUSE_MS = 600_000  # windows that are missing or without a value, with the charge over them counted
SETTLING_MS = 600_000  # polarisation grows in the first minutes of a charge
LEAST_MS = 1_200_000
LEAST_RISE_MV = 50
MOST_ROWS = 512
MIN_SHARE = 0.5  # of blocks that have to be sound


@dataclass(slots=True)
class ChargeCurve:
    """marks_mv [m] rise by GRID_MV. block_mah [blocks, m]: charge since the beginning at which each block passed each
    mark, NaN where it did not. mean_mah [m]: the same for the mean block, from 0 at the first mark."""

    marks_mv: F64
    block_mah: F64
    mean_mah: F64
    current_ma: float
    celsius: float
    correction_mv: float  # how much current times resistance was taken off, mean of the blocks
    hours: float
    inputs: tuple[int, int]
    uptime_ms: int

    @property
    def span_mv(self) -> tuple[int, int]:
        return int(self.marks_mv[0]), int(self.marks_mv[-1])


@dataclass(slots=True)
class ChargeTrace:
    """A charge under way. At most MOST_ROWS windows are held: then every second is let go, and only every second of
    those that follow is kept."""

    blocks: int
    rated_mah: float
    rows: int = 0
    stride: int = 1
    skipped: int = 0
    charge_mah: float = 0.0
    first_seq: int = 0
    last_seq: int = 0
    begun_ms: int = 0
    last_ms: int = 0
    last_ma: float = 0.0
    cells: F32 = field(default_factory=lambda: np.zeros((0, 0), np.float32))
    columns: F64 = field(default_factory=lambda: np.zeros((0, 0)))  # charge, current, temperature

    def __post_init__(self) -> None:
        if self.cells.shape != (MOST_ROWS, self.blocks):
            self.cells = np.zeros((MOST_ROWS, self.blocks), np.float32)
            self.columns = np.zeros((MOST_ROWS, 3))

    def add(self, reading: Reading, resistance: Resistance) -> ChargeCurve | None:
        """The curve of the charge that this reading has ended, if one ended and was good enough."""
        if self._goes_on(reading):
            self._append(reading)
            return None
        curve = None
        if self.rows and not self._is_pause(reading):
            curve = self._curve(resistance)
            self.rows = 0
        if not self.rows and self._can_begin(reading):
            self._begin(reading)
        return curve

    def _is_steady(self, reading: Reading) -> bool:
        rate = reading.current_ma / self.rated_mah
        return LEAST_RATE <= rate <= MOST_RATE and reading.spread_ma <= MOST_SPREAD * reading.current_ma

    def _goes_on(self, reading: Reading) -> bool:
        return (
            self.rows > 0
            and self._is_steady(reading)
            and abs(reading.current_ma - self.last_ma) <= MOST_CHANGE * self.last_ma
            and not np.isnan(reading.flow_mah)
            and reading.uptime_ms - self.last_ms <= MOST_PAUSE_MS + reading.duration_ms
        )

    def _is_pause(self, reading: Reading) -> bool:
        """A window without a current, inside of a charge: its charge is counted with the next one's."""
        is_known = not np.isnan(reading.current_ma)
        if is_known or np.isnan(reading.flow_mah) or reading.uptime_ms - self.last_ms > MOST_PAUSE_MS:
            return False
        self.charge_mah += reading.flow_mah
        return True

    def _can_begin(self, reading: Reading) -> bool:
        return reading.is_next and self._is_steady(reading) and not np.isnan(reading.flow_mah)

    def _begin(self, reading: Reading) -> None:
        self.stride, self.skipped, self.charge_mah = 1, 0, 0.0
        self.first_seq, self.begun_ms = reading.seq, reading.uptime_ms - reading.duration_ms
        self._append(reading)

    def _append(self, reading: Reading) -> None:
        # a window's mean voltage belongs to its middle
        self.charge_mah += reading.flow_mah
        self.last_seq, self.last_ms, self.last_ma = reading.seq, reading.uptime_ms, reading.current_ma
        self.skipped += 1
        if self.skipped < self.stride or reading.uptime_ms - self.begun_ms < SETTLING_MS:
            self.rows = max(self.rows, 1)
            return
        self.skipped = 0
        if self.rows == MOST_ROWS:
            self._thin()
        middle_mah = self.charge_mah - reading.current_ma * reading.duration_ms / 7_200_000
        self.cells[self.rows] = reading.cells
        self.columns[self.rows] = middle_mah, reading.current_ma, reading.celsius
        self.rows += 1

    def _thin(self) -> None:
        half = MOST_ROWS // 2
        self.cells[1:half] = self.cells[2::2]
        self.columns[1:half] = self.columns[2::2]
        self.rows, self.stride = half, 2 * self.stride

    def _curve(self, resistance: Resistance) -> ChargeCurve | None:
        """Row 0 only says that a charge is under way: rows are kept from 1 on, once polarisation has settled."""
        if self.rows < 10 or self.last_ms - self.begun_ms < LEAST_MS:
            return None
        charge, current, celsius = self.columns[1 : self.rows].T
        mean_celsius = float(np.nanmean(celsius)) if np.isfinite(celsius).any() else np.nan
        each_mohm = resistance.at(25.0 if np.isnan(mean_celsius) else mean_celsius)
        if each_mohm is None or not (np.diff(charge) >= 0).all():
            return None
        drop_mv = current[:, None] * each_mohm[None, :] / 1000
        volts = self.cells[1 : self.rows].astype(np.float64) - drop_mv
        curve = _between_marks(volts, charge)
        if curve is None:
            return None
        marks_mv, block_mah, mean_mah = curve
        return ChargeCurve(
            marks_mv,
            block_mah,
            mean_mah,
            float(current.mean()),
            mean_celsius,
            float(drop_mv.mean()),
            (self.last_ms - self.begun_ms) / 3_600_000,
            (self.first_seq, self.last_seq),
            self.last_ms,
        )


def _between_marks(volts: F64, charge: F64) -> tuple[F64, F64, F64] | None:
    """(marks, charge of each block at each, charge of the mean block) from voltages [rows, blocks]."""
    rise = volts[-1] - volts[0]
    holes = np.isnan(volts).mean(axis=0)
    sound = (holes < 0.1) & np.isfinite(rise)
    if sound.mean() < MIN_SHARE:
        return None
    usual = float(np.median(rise[sound]))
    sound &= (rise > 0.3 * usual) & (rise < 3 * usual)  # a sensor that is stuck, or jumps, tells nothing
    if usual < LEAST_RISE_MV or sound.mean() < MIN_SHARE:
        return None
    low, high = np.nanmin(volts[0, sound]), np.nanmax(volts[-1, sound])
    marks = np.arange(np.ceil(low / GRID_MV), np.floor(high / GRID_MV) + 1) * GRID_MV
    each = np.full((volts.shape[1], marks.size), np.nan)
    for block in np.flatnonzero(sound):
        known = np.isfinite(volts[:, block])
        rising = np.maximum.accumulate(volts[known, block])
        each[block] = np.interp(marks, rising, charge[known], left=np.nan, right=np.nan)
    return _with_mean(marks, each, int(sound.sum()))


def _with_mean(marks: F64, each: F64, sound: int) -> tuple[F64, F64, F64] | None:
    """Cut to the marks that most blocks passed; the mean is over blocks that passed both of a pair of neighbours."""
    steps = np.diff(each, axis=1)
    counts = np.isfinite(steps).sum(axis=0)
    good = np.flatnonzero(2 * counts >= sound)
    if good.size < LEAST_RISE_MV // GRID_MV or good[-1] - good[0] + 1 != good.size:
        return None
    first, last = good[0], good[-1] + 1
    widths = np.nanmean(steps[:, first:last], axis=0)
    return marks[first : last + 1], each[:, first : last + 1], np.concatenate(([0.0], np.cumsum(widths)))
