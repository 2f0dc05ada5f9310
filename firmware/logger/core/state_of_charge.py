"""The state of charge: counted, and put right at rests."""

from logger.core.integers import isqrt

ZERO_ERROR_MA = 10  # what a current meter may show without a current
GAIN_ERROR_PPM = 3000
CURVE_ERROR_UV = 3500  # of the open-circuit curve and the voltage meter, standard uncertainty
_MS_PER_H = 3600000


class StateOfCharge:
    """Counted charge, put right at rests: a Kalman filter of one number. Parts of rated_capacity in ppm.

    Where the curve is flat a rest says little, and the count goes on nearly untouched.
    """

    def __init__(self, rated_mah):
        self._rated_mah = rated_mah
        self.forget()

    def forget(self):
        self._at = None  # (soc ppm, error ppm, totals)

    def anchor(self, soc_ppm, error_ppm, totals, capacity_ppm):
        if self._at is None:
            self._at = soc_ppm, error_ppm, totals
            return
        counted_ppm = self.value_ppm(totals, capacity_ppm)
        moved_ppm = (totals.throughput_uah - self._at[2].throughput_uah) * 1000 // self._rated_mah
        hours = (totals.time_ms - self._at[2].time_ms) // _MS_PER_H
        drift_ppm = hours * ZERO_ERROR_MA * 1000000 // self._rated_mah
        variance = self._at[1] ** 2 + (moved_ppm * GAIN_ERROR_PPM // 1000000) ** 2 + drift_ppm**2
        gain_ppm = variance * 1000000 // (variance + error_ppm**2 + 1)
        value = counted_ppm + (soc_ppm - counted_ppm) * gain_ppm // 1000000
        self._at = value, isqrt(variance * (1000000 - gain_ppm) // 1000000), totals

    def value_ppm(self, totals, capacity_ppm):
        """Of the pack's own capacity; None before the first anchor."""
        if self._at is None:
            return None
        charge_uah = totals.charge_uah - self._at[2].charge_uah
        return self._at[0] + charge_uah * 1000000000 // (self._rated_mah * capacity_ppm)
