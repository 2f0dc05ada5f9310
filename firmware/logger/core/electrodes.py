"""A cell as two half-cell curves and three amounts of charge: its open-circuit voltage at any age.

    V(n) = U_p((q_li - n) / q_p) - U_n(n / q_n)        capacity = n(V_max) - n(V_min)

n is the lithium in the negative electrode; q_n, q_p what the electrodes can hold, q_li the lithium that can move, all
in millionths of the rated capacity. Ageing moves the three amounts and leaves the half-cell curves as they are: Birkl
and others, J. Power Sources 341, 373 (2017); Mohtat and others, J. Power Sources 427, 101 (2019). One curve of the
whole cell cannot age: lost lithium shifts one half-cell curve against the other, and bends their difference.

Integers alone. Potentials are in µV at 25 °C; what a cell's real curves differ by is left to fit.py.
"""

from array import array

from logger.core.steps import finish

_KNOT_BYTES = 6
_BESIDE_PPM, _BESIDE_DMV = 20000, 20000  # stored numbers are not negative
_UV_PER_DMV = 100
_MIN_N_PPM = -20000  # the tables' ends are steep: no cell's voltage lies beyond
_NEAR_PPM = 20  # how exactly n is found
_SLOPE_PPM = 5000  # slopes are secants over this to both sides: knots do not show
# of the search for n
_MAX_TURNS = 40
_NEAR_UV = 20
_GUESS_PPM, _FIRST_PPM = 500000, 200000  # where it begins, and its longest first stride
_HALVED = 4  # every fourth turn halves the bracket: secants alone creep along a cliff
_TURNS_A_STEP = 3
_PART_BITS, _PARTS = 14, 61  # of the axis
_ALL_PPM = _PARTS << _PART_BITS


class HalfCell:
    """A curve as arrays `ppm` and `uv`, µV against lithium over stoichiometry: lines between knots."""

    def __init__(self, packed):
        self.ppm, self.uv = array("i"), array("i")
        for at in range(0, len(packed), _KNOT_BYTES):
            self.ppm.append(int.from_bytes(packed[at : at + 3], "little") - _BESIDE_PPM)
            self.uv.append((int.from_bytes(packed[at + 3 : at + 6], "little") - _BESIDE_DMV) * _UV_PER_DMV)
        # for each part of the axis, the last knot at or below its start: nearly all searches end there
        self._parts = bytearray()
        for part in range(_PARTS + 1):
            below = [k for k in range(len(self.ppm) - 1) if self.ppm[k] <= part << _PART_BITS]
            self._parts.append(below[-1])

    def at(self, ppm):
        """Beyond the ends the last line goes on."""
        xs, ys = self.ppm, self.uv
        if 0 <= ppm < _ALL_PPM:
            part = ppm >> _PART_BITS
            low, high = self._parts[part], self._parts[part + 1] + 1
        else:
            low, high = 0, len(xs) - 1
        while high - low > 1:
            middle = (low + high) >> 1
            if xs[middle] <= ppm:
                low = middle
            else:
                high = middle
        left = ys[low]
        return left + (ys[high] - left) * (ppm - xs[low]) // (xs[high] - xs[low])


class Curves:
    """Half-cell curves of a profile (logger/profiles): a module with ELECTRODES.

    Readable: the curves, `negative` and `positive`; `amounts_ppm`, (q_n, q_p, q_li) of a fresh cell; `noise_uv` and
    `sideways_ppm`, how well the curves are known (tangents.py); `least_top_uv`, what a ring must reach (fit.py).
    """

    def __init__(self, profile):
        electrodes = profile.ELECTRODES
        self.window_uv = [1000 * mv for mv in electrodes["window_mv"]]
        self.amounts_ppm = list(electrodes["amounts_ppm"])
        self.noise_uv = electrodes["noise_uv"]
        self.sideways_ppm = electrodes["sideways_ppm"]
        self.least_top_uv = 1000 * electrodes["least_top_mv"]
        self.negative, self.positive = HalfCell(electrodes["negative"]), HalfCell(electrodes["positive"])

    def ocv_uv(self, n_ppm, amounts):
        y_ppm = (amounts[2] - n_ppm) * 1000000 // amounts[1]
        return self.positive.at(y_ppm) - self.negative.at(n_ppm * 1000000 // amounts[0])

    def slope(self, n_ppm, amounts, bits):
        """dV/dn in V per rated capacity (µV per ppm), times 2^bits."""
        rise_uv = self.ocv_uv(n_ppm + _SLOPE_PPM, amounts) - self.ocv_uv(n_ppm - _SLOPE_PPM, amounts)
        return (rise_uv << bits) // (2 * _SLOPE_PPM)

    def model(self, n_ppm, amounts, bits):
        """(µV, its derivatives by n, q_n, q_p, q_li in µV per ppm times 2^bits): secants over 0.5 % to both sides."""
        q_n, q_p, q_li = amounts[0], amounts[1], amounts[2]
        x_ppm, y_ppm = n_ppm * 1000000 // q_n, (q_li - n_ppm) * 1000000 // q_p
        negative, positive = self.negative, self.positive
        of_n = ((negative.at(x_ppm + _SLOPE_PPM) - negative.at(x_ppm - _SLOPE_PPM)) << bits) // (2 * _SLOPE_PPM)
        of_p = ((positive.at(y_ppm + _SLOPE_PPM) - positive.at(y_ppm - _SLOPE_PPM)) << bits) // (2 * _SLOPE_PPM)
        by_li = of_p * 1000000 // q_p
        by_n = -by_li - of_n * 1000000 // q_n
        uv = positive.at(y_ppm) - negative.at(x_ppm)
        return uv, by_n, of_n * x_ppm // q_n, -of_p * y_ppm // q_p, by_li

    def n_at(self, uv, amounts, near_uv=_NEAR_UV, guess_ppm=_GUESS_PPM):
        """The n of this open-circuit voltage: secants within a bracket, which is halved where they leave it or stall.

        Found when the voltage is within near_uv, or n within 20 ppm.
        """
        return finish(self.n_at_steps(uv, amounts, near_uv, guess_ppm))

    def n_at_steps(self, uv, amounts, near_uv=_NEAR_UV, guess_ppm=_GUESS_PPM):
        low, high, at = _MIN_N_PPM, amounts[0] + amounts[0] // 50, guess_ppm
        last_ppm = last_uv = None
        for turn in range(_MAX_TURNS):
            at_uv = self.ocv_uv(at, amounts) - uv
            if -near_uv <= at_uv <= near_uv:
                return at
            if at_uv < 0:
                low = at
            else:
                high = at
            if high - low <= _NEAR_PPM:
                break
            if turn % _TURNS_A_STEP == _TURNS_A_STEP - 1:
                yield
            if last_ppm is None:
                ahead = at - min(max(at_uv, -_FIRST_PPM), _FIRST_PPM)  # as if it rose by 1 µV with each ppm
            elif at_uv != last_uv:
                ahead = at - at_uv * (at - last_ppm) // (at_uv - last_uv)
            else:
                ahead = low
            last_ppm, last_uv = at, at_uv
            at = ahead if low < ahead < high and turn % _HALVED != _HALVED - 1 else (low + high) >> 1
        return (low + high) >> 1

    def ends(self, amounts):
        """n at the lower and at the upper limit of voltage."""
        return self.n_at(self.window_uv[0], amounts), self.n_at(self.window_uv[1], amounts)

    def capacity(self, amounts):
        """In ppm of rated."""
        low, high = self.ends(amounts)
        return high - low
