"""What has flowed since the start, counted for as long as a board lives and without the heap."""

from logger.core.wide import add, add_product, add_scaled, add_square, clear, divide, value_of, wide

_HALF_MAMS_PER_UAH = 7200  # 1 µAh = 3.6 mA·s


class Totals:
    """The count at one moment; the difference of two says what lies between. time_ms is of counted time alone.

    energy_in_uwh and energy_out_uwh are for whoever counts them to set; energy_gaps, how often they were not counted.
    """

    def __init__(self, time_ms, charge_in, charge_out, step_variance):
        self.time_ms = time_ms
        self.energy_in_uwh = self.energy_out_uwh = self.energy_gaps = 0
        self._charge_in = charge_in  # half mA·ms
        self._charge_out = charge_out
        self._step_variance = step_variance  # (mA·s)², from currents that changed between two samples

    @property
    def charge_uah(self):
        """Net: in less out."""
        return (self._charge_in - self._charge_out) // _HALF_MAMS_PER_UAH

    @property
    def throughput_uah(self):
        """In and out."""
        return (self._charge_in + self._charge_out) // _HALF_MAMS_PER_UAH

    def flows_to(self, later):
        """(charge in, charge out) in µAh between the two."""
        in_half, out_half = later._charge_in - self._charge_in, later._charge_out - self._charge_out
        return in_half // _HALF_MAMS_PER_UAH, out_half // _HALF_MAMS_PER_UAH

    def step_variance_to(self, later):
        """In µAh²: what is not known of when the current changed."""
        return (later._step_variance - self._step_variance) * 100 // 1296  # 1 mA·s = 1 / 3.6 µAh


class Count:
    """Counts what Totals are made of."""

    def __init__(self):
        self._time_ms = wide(4)
        self._charge_in = wide(5)
        self._charge_out = wide(5)
        self._step_variance = wide(7)
        self._width = wide(4)
        self._square = wide(8)

    def add(self, time_ms, sum_ma, spread_ma):
        """So long, with currents at both ends whose sum and difference are these."""
        add(self._time_ms, time_ms)
        add_product(self._charge_in if sum_ma > 0 else self._charge_out, abs(sum_ma), time_ms)
        # the current changed at a moment between the two samples that is not known: a rectangle of this width
        clear(self._width)
        add_product(self._width, abs(spread_ma), time_ms)
        divide(self._width, 1000)
        clear(self._square)
        add_square(self._square, self._width)
        divide(self._square, 12)
        add_scaled(self._step_variance, self._square, 1)

    def totals(self):
        """On the heap."""
        return Totals(
            value_of(self._time_ms),
            value_of(self._charge_in),
            value_of(self._charge_out),
            value_of(self._step_variance),
        )
