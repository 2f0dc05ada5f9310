"""From samples to the body of a WINDOW entry (docs/record.md section 2): means, extremes, losses and counters.

Decides which values count as available. When a sample is taken, and when a window ends, is left to the logger.
Integers only: boards differ in their floats, and what is signed must not.
"""

from logger.core.entries import encode_column, without_absent

# Outside of these a value is the mark of a fault or of a bus that is starting up, whatever its source says of it.
CELL_RANGE_MV = (500, 5000)
CURRENT_RANGE_MA = (-5000000, 5000000)
PACK_RANGE_MV = (500, 2000000)
TEMPERATURE_RANGE_DDEGC = (-600, 1500)
PERCENT_RANGE_CPCT = (0, 10000)

_HALF_MAMS_PER_MAH = 2 * 3600 * 1000
_HALF_UWMS_PER_WH = 2 * 3600 * 1000 * 1000000
MAX_BRIDGED_SLOTS = 60  # longer without a sample, and what flowed is not known


class Sample:
    """One sample of a pack, filled by a source again and again. None is "not available"."""

    def __init__(self, cell_blocks, temperature_sensors):
        self.current_ma = None
        self.pack_mv = None
        self.cell_mv = [None] * cell_blocks
        self.temperature_ddegc = [None] * temperature_sensors
        self.soc_reported_cpct = None
        self.soh_reported_cpct = None

    def refuse_impossible(self):
        """Sets values outside their range to None. Returns how many are None, what a BMS claims aside."""
        self.current_ma = _within(self.current_ma, CURRENT_RANGE_MA)
        self.pack_mv = _within(self.pack_mv, PACK_RANGE_MV)
        self.soc_reported_cpct = _within(self.soc_reported_cpct, PERCENT_RANGE_CPCT)
        self.soh_reported_cpct = _within(self.soh_reported_cpct, PERCENT_RANGE_CPCT)
        count = (self.current_ma is None) + (self.pack_mv is None)
        count += _refuse_column(self.cell_mv, CELL_RANGE_MV)
        return count + _refuse_column(self.temperature_ddegc, TEMPERATURE_RANGE_DDEGC)


class Integrator:
    """Counts charge and energy between samples by the trapezoid rule, exactly: what is below a unit is kept."""

    def __init__(self, counters, max_step_ms):
        """counters: [charge_mah, discharge_mah, charge_wh, discharge_wh] of the last durable WINDOW."""
        self.counters = list(counters)
        self._rest = [0, 0, 0, 0]  # half mA·ms, half µW·ms
        self._max_step_ms = max_step_ms
        self._at_ms = self._current_ma = self._pack_mv = None

    def add(self, now_ms, current_ma, pack_mv):
        """(time since the last current, charge that flowed in half mA·ms), None when too long ago to know.

        Call it with a current that is available; pack_mv may be None.
        """
        last_ma, last_mv, last_ms = self._current_ma, self._pack_mv, self._at_ms
        self._current_ma, self._pack_mv, self._at_ms = current_ma, pack_mv, now_ms
        if last_ma is None or now_ms - last_ms > self._max_step_ms:
            return None
        step_ms = now_ms - last_ms
        charge = (last_ma + current_ma) * step_ms
        self._count(0 if charge > 0 else 1, abs(charge), _HALF_MAMS_PER_MAH)
        if last_mv is not None and pack_mv is not None:
            energy = (last_ma * last_mv + current_ma * pack_mv) * step_ms
            self._count(2 if energy > 0 else 3, abs(energy), _HALF_UWMS_PER_WH)
        return step_ms, charge

    def _count(self, index, amount, per_unit):
        units, self._rest[index] = divmod(self._rest[index] + amount, per_unit)
        self.counters[index] += units


class Window:
    """What the samples since the last reset come to."""

    def __init__(self, cell_blocks, temperature_sensors):
        self._current = _MeanMinMax()
        self._voltage = _MeanMinMax()
        self._cells = Means(cell_blocks)
        self._temperatures = Means(temperature_sensors)
        self.reset()

    def reset(self):
        self.samples = 0
        self.slots_missed = 0
        self.unavailable = 0
        for part in (self._current, self._voltage, self._cells, self._temperatures):
            part.reset()

    def add(self, sample, unavailable):
        self.samples += 1
        self.unavailable += unavailable
        self._current.add(sample.current_ma)
        self._voltage.add(sample.pack_mv)
        self._cells.add(sample.cell_mv)
        self._temperatures.add(sample.temperature_ddegc)

    def body(self, duration_ms, soc_cpct, counters, last_sample):
        """The body of the WINDOW entry."""
        return without_absent(
            {
                1: duration_ms,
                2: self.samples,
                3: self.slots_missed or None,
                4: self._current.column(),
                5: self._voltage.column(),
                6: encode_column(self._cells.result()) or None,
                7: encode_column(self._temperatures.result()) or None,
                8: soc_cpct,
                9: list(counters),
                10: last_sample.soc_reported_cpct,
                11: last_sample.soh_reported_cpct,
                12: self.unavailable or None,
            }
        )


class _MeanMinMax:
    def reset(self):
        self._sum = self._count = self._least = self._most = 0

    def add(self, value):
        if value is None:
            return
        self._least = min(self._least, value) if self._count else value
        self._most = max(self._most, value) if self._count else value
        self._sum += value
        self._count += 1

    def column(self):
        """Mean, least and greatest as a column; None without a value."""
        mean_least_most = (rounded(self._sum, self._count), self._least, self._most) if self._count else ()
        return encode_column(mean_least_most) or None


class Means:
    """The mean of each value of a column, over those samples that had it."""

    def __init__(self, count):
        self._sums = [0] * count
        self._counts = [0] * count

    def reset(self):
        for i in range(len(self._sums)):
            self._sums[i] = self._counts[i] = 0

    def add(self, values):
        for i in range(len(values)):
            value = values[i]
            if value is not None:
                self._sums[i] += value
                self._counts[i] += 1

    def result(self):
        return [rounded(self._sums[i], n) if n else None for i, n in enumerate(self._counts)]


def rounded(total, count):
    """total / count, to the nearest integer; a half goes up."""
    return (2 * total + count) // (2 * count)


def _within(value, limits):
    return value if value is not None and limits[0] <= value <= limits[1] else None


def _refuse_column(values, limits):
    count = 0
    for i in range(len(values)):
        values[i] = _within(values[i], limits)
        count += values[i] is None
    return count
