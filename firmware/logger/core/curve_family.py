"""How the curve of charge against voltage looks at each age of a cell: a family of curves, linear between its ages.

One fixed curve is blind to what is lost of the cyclable lithium (Dubarry, Truchot and Liaw, J. Power Sources 219, 204,
2012): the curve itself must age. A family (FAMILY of logger/profiles/*_family.py) has six curves for charging and six
for discharging at a steady reference current, each of 41 charges, and the resistance. All are told for a cell of any
size: charge in parts of rated_capacity, current as its rate (1 C is rated_capacity / 1 h), resistance as the drop at
1 C.

A place on it is the age, as total capacity in ppm of rated_capacity, and a voltage in µV. All in small integers.
"""

AGES = 6
POINTS = 41
COARSE_STEPS = 4  # where the curve begins; the other steps are fine ones
_ROW_BYTES = 2 * POINTS
_UNIT_PPM = 100  # of the tables' numbers


class Curve:
    """One direction. row_bytes: AGES rows of POINTS charges, signed, big-endian, in hundreds of ppm."""

    def __init__(self, ages_ppm, first_uv, coarse_uv, fine_uv, rate_ppm, row_bytes):
        self.rate_ppm = rate_ppm  # of the reference current: positive when it charges
        self._ages_ppm = ages_ppm
        self.first_uv = first_uv
        self._coarse_uv = coarse_uv
        self._fine_uv = fine_uv
        self._row_bytes = row_bytes

    def charge(self, age_ppm, uv):
        """(charge in ppm from where the rows count from, its slope in ppm per mV). Beyond the ends: the end's slope."""
        ages_ppm = self._ages_ppm
        row = 0
        while row < AGES - 2 and age_ppm < ages_ppm[row + 1]:
            row += 1
        # shares in 1024ths keep every product below 2^30
        share = ((ages_ppm[row] - age_ppm) << 10) // (ages_ppm[row] - ages_ppm[row + 1])
        step_uv = self._coarse_uv
        inside_uv = uv - self.first_uv
        point = 0
        if inside_uv >= COARSE_STEPS * step_uv:
            inside_uv -= COARSE_STEPS * step_uv
            step_uv = self._fine_uv
            point = COARSE_STEPS
        step = min(max(inside_uv // step_uv, 0), POINTS - 2 - point)
        inside_uv -= step * step_uv
        at = row * _ROW_BYTES + 2 * (point + step)
        low_ppm = self._between(at, share)
        rise_ppm = self._between(at + 2, share) - low_ppm
        return low_ppm + rise_ppm * ((inside_uv << 10) // step_uv) // 1024, rise_ppm * 1000 // step_uv

    def _between(self, at, share):
        young = self._number(at)
        old = self._number(at + _ROW_BYTES)
        return ((young << 10) + (old - young) * share) * _UNIT_PPM // 1024

    def _number(self, at):
        number = self._row_bytes[at] << 8 | self._row_bytes[at + 1]
        return number - 65536 if number & 32768 else number


class CurveFamily:
    """table: FAMILY of a module of profiles.

    It has: ages; reference temperature; resistance; the voltage that a cell is full at or above when it rests right
    after a charge, None where that does not tell; the curves of charging and discharging. Discharging begins its
    grid where total capacity ends, at the cut-off voltage.
    """

    def __init__(self, table):
        ages_ppm, self.reference_ddegc, self._resistance, self.full_uv, charge, discharge = table
        self.youngest_ppm = ages_ppm[0]
        self.oldest_ppm = ages_ppm[AGES - 1]
        self.charging = Curve(ages_ppm, *charge)
        self.discharging = Curve(ages_ppm, *discharge)

    def full_ppm(self, age_ppm):
        """The charge of a full cell on the curve of discharging: total capacity before the cut-off voltage."""
        return age_ppm + self.discharging.charge(age_ppm, self.discharging.first_uv)[0]

    def resistance_uv(self, age_ppm):
        """The drop at 1 C, half a minute after a step: linear in the age."""
        fixed_uv, slope_uv = self._resistance
        return fixed_uv + slope_uv * age_ppm // 1000000
