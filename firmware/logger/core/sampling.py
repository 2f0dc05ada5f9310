"""From samples to the body of a WINDOW entry (docs/record.md section 2): means, extremes, losses, and what flowed.

Decides which values count as available. When a sample is taken, and when a window ends, is left to the logger.
Integers only: boards differ in their floats, and what is signed must not. What runs for every sample (`add`,
`refuse_impossible`) takes nothing from the heap; what runs for every window may.
"""

from logger.core.entries import encode_column, without_absent
from logger.core.integers import rounded
from logger.core.wide import add_product, add_scaled, clear, is_less, subtract, value_of, wide

# Outside of these a value is the mark of a fault or of a bus that is starting up, whatever its source says of it.
CELL_RANGE_MV = (500, 5000)
CURRENT_RANGE_MA = (-5000000, 5000000)
PACK_RANGE_MV = (500, 2000000)
TEMPERATURE_RANGE_DDEGC = (-600, 1500)
PERCENT_RANGE_CPCT = (0, 10000)

_HALF_MAMS_PER_MAH = 2 * 3600 * 1000
_HALF_UWMS_PER_WH = 2 * 3600 * 1000 * 1000000
_HALF_UWMS_PER_UWH = 2 * 3600 * 1000
_FLOW_LIMBS = 6  # 90 bits: 10 MW for a thousand years, in half µW·ms
_POWER_LIMBS = 4  # the largest current times the largest voltage, twice, has 45 bits
_CARRY_BITS = 20
_CARRY_MASK = (1 << _CARRY_BITS) - 1
_CARRY_AFTER = 100000  # cell voltages and temperatures add up to less than 2^30 in so many samples
MAX_BRIDGED_SLOTS = 60  # longer without a sample, and what flowed is not known


class Sample:
    """One sample of a pack, filled by a source again and again. None is "not available".

    `missing`: how many of the None, what a BMS claims aside, are None because nothing recent came, and not because the
    source marked them not available or refused them for their range. After refuse_impossible, `least_mv`, `most_mv`,
    `least_ddegc` and `most_ddegc` are the extremes of the two columns, None without a value.
    """

    def __init__(self, cell_blocks, temperature_sensors):
        self.current_ma = None
        self.pack_mv = None
        self.cell_mv = [None] * cell_blocks
        self.temperature_ddegc = [None] * temperature_sensors
        self.soc_reported_cpct = None
        self.soh_reported_cpct = None
        self.missing = 0
        self.least_mv = self.most_mv = self.least_ddegc = self.most_ddegc = None
        self._least = self._most = None

    def refuse_impossible(self):
        """Sets values outside their range to None. Returns how many are None, what a BMS claims aside."""
        self.current_ma = _within(self.current_ma, CURRENT_RANGE_MA)
        self.pack_mv = _within(self.pack_mv, PACK_RANGE_MV)
        self.soc_reported_cpct = _within(self.soc_reported_cpct, PERCENT_RANGE_CPCT)
        self.soh_reported_cpct = _within(self.soh_reported_cpct, PERCENT_RANGE_CPCT)
        count = 1 if self.current_ma is None else 0
        count += 1 if self.pack_mv is None else 0
        count += self._refuse_column(self.cell_mv, CELL_RANGE_MV)
        self.least_mv = self._least
        self.most_mv = self._most
        count += self._refuse_column(self.temperature_ddegc, TEMPERATURE_RANGE_DDEGC)
        self.least_ddegc = self._least
        self.most_ddegc = self._most
        return count

    def _refuse_column(self, values, limits):
        least = most = None
        count = 0
        for i in range(len(values)):
            value = values[i]
            if value is None or not limits[0] <= value <= limits[1]:
                values[i] = None
                count += 1
                continue
            if least is None or value < least:
                least = value
            if most is None or value > most:
                most = value
        self._least = least
        self._most = most
        return count


class Integrator:
    """Counts charge and energy between samples by the trapezoid rule, exactly: what is below a unit is kept.

    `flow`, where the last call of `add` gave one, is [time in ms, sum of the two currents in mA]: their product is the
    charge in half mA·ms.
    """

    def __init__(self, counters, max_step_ms):
        """counters: charge_mah, discharge_mah, charge_wh, discharge_wh first, of the last durable WINDOW."""
        self._units = list(counters[:4])
        self._rests = [0, 0, 0, 0]  # half mA·ms, half µW·ms
        self._flows = [wide(_FLOW_LIMBS) for _ in range(4)]  # the same, since `counters` was last asked for
        self._power = wide(_POWER_LIMBS)
        self._other_power = wide(_POWER_LIMBS)
        self._max_step_ms = max_step_ms
        self._at_ms = self._current_ma = self._pack_mv = None
        self.flow = [0, 0]

    @property
    def counters(self):
        """The four counters. Not for every sample: it may take from the heap."""
        for i in range(4):
            self._rests[i] += value_of(self._flows[i])
            clear(self._flows[i])
            units, self._rests[i] = divmod(self._rests[i], _HALF_MAMS_PER_MAH if i < 2 else _HALF_UWMS_PER_WH)
            self._units[i] += units
        return list(self._units)

    def energies_uwh(self):
        """(in, out) since an origin of its own, in µWh. On the heap."""
        done = [self._units[i] * _HALF_UWMS_PER_WH + self._rests[i] + value_of(self._flows[i]) for i in (2, 3)]
        return done[0] // _HALF_UWMS_PER_UWH, done[1] // _HALF_UWMS_PER_UWH

    def move_origin(self, by_ms):
        """From now on, times count from so much later."""
        if self._at_ms is not None:
            self._at_ms -= by_ms

    def add(self, now_ms, current_ma, pack_mv):
        """`flow` since the last current; None when that is too long ago to know, or not before now: a clock that
        stands still or runs back does not say how long it has been.

        Call it with a current that is available; pack_mv may be None.
        """
        last_ma = self._current_ma
        last_mv = self._pack_mv
        step_ms = 0 if last_ma is None else now_ms - self._at_ms
        self._current_ma = current_ma
        self._pack_mv = pack_mv
        self._at_ms = now_ms
        if last_ma is None or not 0 < step_ms <= self._max_step_ms:
            return None
        sum_ma = last_ma + current_ma
        add_product(self._flows[0 if sum_ma > 0 else 1], abs(sum_ma), step_ms)
        if last_mv is not None and pack_mv is not None:
            self._count_energy(last_ma, last_mv, step_ms)
        self.flow[0] = step_ms
        self.flow[1] = sum_ma
        return self.flow

    def _count_energy(self, last_ma, last_mv, step_ms):
        """Both powers with their signs: the difference where one charges and the other discharges."""
        power = self._power
        other = self._other_power
        clear(power)
        clear(other)
        is_charge = last_ma > 0
        add_product(power, abs(last_ma), last_mv)
        add_product(power if is_charge == (self._current_ma > 0) else other, abs(self._current_ma), self._pack_mv)
        if is_less(power, other):
            power, other = other, power
            is_charge = not is_charge
        subtract(power, other)
        add_scaled(self._flows[2 if is_charge else 3], power, step_ms)


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
        self.missing = 0
        for part in (self._current, self._voltage, self._cells, self._temperatures):
            part.reset()

    def add(self, sample, absent):
        """absent: how many values are None, as Sample.refuse_impossible has counted."""
        self.samples += 1
        self.unavailable += absent - sample.missing
        self.missing += sample.missing
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
                9: counters,
                10: last_sample.soc_reported_cpct,
                11: last_sample.soh_reported_cpct,
                12: self.unavailable or None,
                13: self.missing or None,
            }
        )


class _MeanMinMax:
    def reset(self):
        # the sum in two parts: mA or mV of a window may need more than 30 bits
        self._sum = self._carried = self._count = self._least = self._most = 0

    def add(self, value):
        if value is None:
            return
        if not self._count or value < self._least:
            self._least = value
        if not self._count or value > self._most:
            self._most = value
        total = self._sum + value
        self._carried += total >> _CARRY_BITS
        self._sum = total & _CARRY_MASK
        self._count += 1

    def column(self):
        """Mean, least and greatest as a column; None without a value."""
        if not self._count:
            return None
        mean = rounded((self._carried << _CARRY_BITS) + self._sum, self._count)
        return encode_column((mean, self._least, self._most))


class Means:
    """The mean of each value of a column, over those samples that had it."""

    def __init__(self, count):
        self._sums = [0] * count
        self._carried = [0] * count
        self._counts = [0] * count
        self._adds = 0

    def reset(self):
        self._adds = 0
        for i in range(len(self._sums)):
            self._sums[i] = self._carried[i] = self._counts[i] = 0

    def add(self, values):
        self._adds += 1
        if self._adds > _CARRY_AFTER:
            self._carry()
        sums = self._sums
        counts = self._counts
        for i in range(len(values)):
            value = values[i]
            if value is not None:
                sums[i] += value
                counts[i] += 1

    def mean(self, i):
        """None without a value."""
        count = self._counts[i]
        return rounded((self._carried[i] << _CARRY_BITS) + self._sums[i], count) if count else None

    def result(self):
        return [self.mean(i) for i in range(len(self._sums))]

    def result_micro(self):
        """The means in thousandths of the values' unit: µV of mV."""
        return [self._micro(i) for i in range(len(self._sums))]

    def _micro(self, i):
        count = self._counts[i]
        return rounded(((self._carried[i] << _CARRY_BITS) + self._sums[i]) * 1000, count) if count else None

    def _carry(self):
        self._adds = 1
        for i in range(len(self._sums)):
            self._carried[i] += self._sums[i] >> _CARRY_BITS
            self._sums[i] &= _CARRY_MASK


def _within(value, limits):
    return value if value is not None and limits[0] <= value <= limits[1] else None
