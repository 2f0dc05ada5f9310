"""The state of charge: counted, and put right at rests; where a rest contradicts the count, it is not known."""

from logger.core.integers import isqrt

ZERO_ERROR_MA = 10  # what a current meter may show without a current
GAIN_ERROR_PPM = 3000
CURVE_ERROR_UV = 3500  # of the open-circuit curve and the voltage meter, standard uncertainty
_MS_PER_H = 3600000
_CONTRADICTED_SIGMAS = 5  # count against rest: what is summed up here has not the shape of a bell, and 3 would be met
_SHAPE_SHARE = 8  # a curve of unknown age lies beside the cell's by an eighth of what its capacity may be off by
_PROOF_PPM = 100000  # moved from one rest to another that agree, before a contradicted count is believed again
_RANGE_PPM = (-100000, 1100000)  # beyond it no count is right


class StateOfCharge:
    """Counted charge, put right at rests: a Kalman filter of one number. Parts of rated_capacity in ppm.

    Where the curve is flat a rest says little, and the count goes on nearly untouched.
    """

    def __init__(self, rated_mah):
        self._rated_mah = rated_mah
        self._doubted_from = None  # totals at the rest that contradicted the count
        self.forget()

    def forget(self):
        self._at = None  # (soc ppm, error ppm, totals)

    def anchor(self, soc_ppm, error_ppm, totals, capacity_ppm, capacity_error_ppm):
        """Whether the rest and the count can both be right."""
        if self._at is None:
            self._at = soc_ppm, error_ppm, totals
            return True
        counted_ppm = self._counted_ppm(totals, capacity_ppm)
        moved_ppm = (totals.throughput_uah - self._at[2].throughput_uah) * 1000 // self._rated_mah
        hours = (totals.time_ms - self._at[2].time_ms) // _MS_PER_H
        drift_ppm = hours * ZERO_ERROR_MA * 1000000 // self._rated_mah
        variance = self._at[1] ** 2 + (moved_ppm * GAIN_ERROR_PPM // 1000000) ** 2 + drift_ppm**2
        other = error_ppm**2 + self._other_variance(totals, capacity_ppm, capacity_error_ppm)
        if (soc_ppm - counted_ppm) ** 2 > _CONTRADICTED_SIGMAS**2 * (variance + other):
            self._at = soc_ppm, error_ppm, totals
            self._doubted_from = totals
            return False
        self._note_proof(totals)
        gain_ppm = variance * 1000000 // (variance + error_ppm**2 + 1)
        value = counted_ppm + (soc_ppm - counted_ppm) * gain_ppm // 1000000
        self._at = value, isqrt(variance * (1000000 - gain_ppm) // 1000000), totals
        return True

    def value_ppm(self, totals, capacity_ppm):
        """Of the pack's own capacity; None before the first anchor, and while the count is contradicted."""
        if self._at is None or self._doubted_from is not None:
            return None
        value = self._counted_ppm(totals, capacity_ppm)
        return value if _RANGE_PPM[0] <= value <= _RANGE_PPM[1] else None

    def _other_variance(self, totals, capacity_ppm, capacity_error_ppm):
        """What may lie between count and rest beside the errors of meters: the capacity, the curve, missing samples."""
        before = self._at[2]
        moved_ppm = abs(totals.charge_uah - before.charge_uah) * 1000 // self._rated_mah
        scale_ppm = moved_ppm * capacity_error_ppm // capacity_ppm * 1000000 // capacity_ppm
        missed_ppm2 = before.step_variance_to(totals) * 1000000 // self._rated_mah**2
        return scale_ppm**2 + (capacity_error_ppm // _SHAPE_SHARE) ** 2 + missed_ppm2

    def _note_proof(self, totals):
        if self._doubted_from is not None:
            charge_uah = totals.charge_uah - self._doubted_from.charge_uah
            if abs(charge_uah) * 1000 >= _PROOF_PPM * self._rated_mah:
                self._doubted_from = None

    def _counted_ppm(self, totals, capacity_ppm):
        charge_uah = totals.charge_uah - self._at[2].charge_uah
        return self._at[0] + charge_uah * 1000000000 // (self._rated_mah * capacity_ppm)
