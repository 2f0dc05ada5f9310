"""What a logger sees of a cell: random parts of its half cycles, degraded as a BMS would, as segments of the firmware.

Of every k-th cycle one half is shown, the charge or the discharge by the toss of a coin, and of that one contiguous
part of 25 to 80 % of its time; about every fourth touches an end. Before a part that touches the start lie 90 s of
rest, where the recording has one: then the step of current is seen, and with it the resistance. The rest of life is
counted, but nothing of it is shown.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from benchmarks.health.cells import CELLS, Floats, Half, references

from logger.core.sampling import Integrator
from logger.core.segments import Segment, Segments

REST_S = 90
LONGEST_STEP_S = 45
PAUSE_S = 6 * 3600
PART = (0.25, 0.8)  # of a half cycle's time
HIDDEN_SHARE = 0.9  # of rated_capacity each way, in a cycle that is not shown


@dataclass(frozen=True)
class Errors:
    """Of one logger, for life: gain, and offsets in A, V and tenths of a degree; sampled every `sample_ms`."""

    gain: float
    offset_a: float
    offset_v: float
    offset_ddegc: float
    sample_ms: int

    @classmethod
    def drawn(cls, chance: np.random.Generator) -> Errors:
        gain, offset_a, offset_v = (
            chance.uniform(-0.005, 0.005),
            chance.uniform(-0.01, 0.01),
            chance.uniform(-2e-3, 2e-3),
        )
        return cls(gain, offset_a, offset_v, chance.uniform(-10, 10), int(chance.uniform(1000, 10000)))


@dataclass(frozen=True)
class Gap:
    """The count was broken."""


@dataclass(frozen=True)
class Judged:
    """The end of a part; reference_ah is nan where the cycle has none."""

    cycle: int
    reference_ah: float
    is_charge: bool
    first: float  # where the part lay in the half
    share: float


Event = Segment | Gap | Judged


class _Sample:
    current_ma = 0
    cell_mv = (0,)


class Logger:
    """Currents and voltages in, segments out, by the firmware's own code."""

    def __init__(self, rated_mah: int, errors: Errors, chance: np.random.Generator):
        self._errors = errors
        self._chance = chance
        self._now_ms = 0
        self._integrator = Integrator([0] * 4, 60 * errors.sample_ms)
        self._segments = Segments(rated_mah, 1, errors.sample_ms)

    def see(self, amperes: Floats, volts: Floats, ddegc: Floats) -> Iterator[Segment]:
        errors = self._errors
        noise_mv = self._chance.normal(0, 1, len(volts))
        millivolts = np.round(1000 * (volts + errors.offset_v) + noise_mv).astype(int).tolist()
        milliamperes = np.round(1000 * (amperes * (1 + errors.gain) + errors.offset_a)).astype(int).tolist()
        warm = np.round(ddegc + errors.offset_ddegc).astype(int).tolist()
        sample = _Sample()
        for current_ma, cell_mv, temperature in zip(milliamperes, millivolts, warm, strict=True):
            self._now_ms += errors.sample_ms
            sample.current_ma, sample.cell_mv = current_ma, (cell_mv,)
            self._segments.add(sample, self._integrator.add(self._now_ms, current_ma, None), temperature)
            if self._segments.is_due:
                yield self._segments.take()

    def miss(self, throughput_ah: float, pause_s: float = 0) -> None:
        """Counted, and of no current that is steady for long: as much in as out, and then nothing for so long."""
        sum_ma = max(round(throughput_ah * 1000), 0)
        self._segments.count.add(3600000, sum_ma, 0)
        self._segments.count.add(3600000, -sum_ma, 0)
        self._segments.count.add(round(pause_s * 1000), 0, 0)
        self._segments.forget()


def part(chance: np.random.Generator) -> tuple[float, float]:
    """(first, share) of a half cycle's time."""
    share = chance.uniform(*PART)
    return float(np.clip(chance.uniform(-0.15, 1 - share + 0.15), 0, 1 - share)), share


def life(name: str, found: list[Half], every: int, seed: int, *, is_full: bool = False) -> Iterator[Event]:
    """What one logger sees of this cell. is_full: whole discharges instead of parts."""
    rated_mah = CELLS[name].rated_mah
    chance = np.random.default_rng(seed)
    errors = Errors.drawn(chance)
    logger = Logger(rated_mah, errors, chance)
    judged, _ = references(found)
    of_cycle: dict[int, dict[bool, Half]] = {}
    for half in found:
        of_cycle.setdefault(half.cycle, {})[half.is_charge] = half
    phase = int(chance.integers(every))
    before: Half | None = None
    for cycle in sorted(of_cycle):
        if cycle % every != phase:
            continue
        is_charge = bool(chance.random() < 0.5) and not is_full
        first, share = (0.0, 1.0) if is_full else part(chance)
        half_shown = of_cycle[cycle].get(is_charge)
        if half_shown is None:
            continue
        if before is not None:
            yield from _between(logger, before, half_shown, share, rated_mah / 1000, every)
        before = half_shown
        yield from _show(logger, half_shown, first, share, errors.sample_ms / 1000)
        yield Gap()
        yield Judged(cycle, judged.get(cycle, np.nan), is_charge, first, share)


def _between(logger: Logger, before: Half, after: Half, share: float, rated_ah: float, every: int) -> Iterator[Event]:
    cycles = after.cycle - before.cycle
    logger.miss(HIDDEN_SHARE * (2 * cycles - share) * rated_ah)
    if after.t[0] - before.t[0] > PAUSE_S * every:
        yield from _rest(logger, before.v[-1], before.ddegc[-1], 10.0)
        logger.miss(0, PAUSE_S)
        yield from _rest(logger, before.v[-1], before.ddegc[-1], 10.0)
        logger.miss(0)
        yield Gap()


def _rest(logger: Logger, volts: float, ddegc: float, sample_s: float) -> Iterator[Segment]:
    samples = max(3, int(REST_S / sample_s))
    yield from logger.see(np.zeros(samples), np.full(samples, volts), np.full(samples, ddegc))


def _show(logger: Logger, half: Half, first: float, share: float, sample_s: float) -> Iterator[Segment]:
    span_s = half.t[-1] - half.t[0]
    from_s = half.t[0] + first * span_s
    if first == 0 and half.rest_v is not None and half.rest_age_s < LONGEST_STEP_S:
        yield from _rest(logger, half.rest_v, half.ddegc[0], sample_s)
        from_s -= half.rest_age_s  # laboratories note the rest's last sample when the current starts
    at = np.arange(from_s, half.t[0] + (first + share) * span_s, sample_s)
    yield from logger.see(*(np.interp(at, half.t, values) for values in (half.i, half.v, half.ddegc)))
