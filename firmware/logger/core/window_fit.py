"""Which age of a family of curves fits what was counted between voltages of a steady current: least squares.

Unknown are the age s, the state of charge at which the count began, and a shift of all voltages (offset of the meter,
error of the resistance). With G the family, of anchors (V, Q) the sum that is least is

    sum w (Q - q0 - G(V - b; s))^2  +  (b / sb)^2  +  (s - expected)^2 / variance,   w = 1 / (sm^2 + (sv dG/dV)^2)

q0 and b are eliminated (their columns' projections subtracted), s is found by three steps of Gauss and Newton (Björck,
Numerical Methods for Least Squares Problems, 1996, 9.2). Integers only; weights are scaled by 2^34, slopes in
s by 2^10.
"""

_WEIGHT = 1 << 34
_SLOPE = 1 << 10
CURVE_ERROR_PPM = 2500  # sm: how far curves of equal capacity of one cell lie apart, anchor by anchor
FULL_ERROR_PPM = 6000  # how full a full cell is
_SLOPE_OVER_PPM = 12000  # half of what the slope in s is taken over: a step between ages is five times as much
_LARGEST_STEP_PPM = 40000
_BEYOND_PPM = 30000  # so far beyond the family's ages a result may lie
_LARGEST_SHIFT_UV = 40000
_STARTS = 9
_UNSURE = 30000 * 30000  # with a variance above, the first age is looked for over all of the family
_ROUNDS = 3
_LEAST_INFORMATION = 1 << 22


class Fit:
    """What a window says: total capacity and its variance in ppm (of the window alone), chi² per freedom in 256ths."""

    def __init__(self, age_ppm, variance, misfit):
        self.age_ppm = age_ppm
        self.variance = variance
        self.misfit = misfit


class Anchors:
    """Voltages and counted charges along one curve, and the standard uncertainties they are believed with."""

    def __init__(self, curve, uv, charge_ppm, noise_uv, shift_uv, full_ppm):
        self.curve = curve
        self.uv = uv
        self.charge_ppm = charge_ppm
        self.noise_uv = noise_uv  # sv, of one anchor
        self.shift_uv = shift_uv  # sb, common to all
        self.full_ppm = full_ppm  # what was counted when the cell was full, None when it was not


def fit_steps(anchors, family, expected_ppm, variance):
    """The Fit. expected_ppm, variance: what is known of the age before."""
    oldest_ppm, youngest_ppm = family.oldest_ppm - _BEYOND_PPM, family.youngest_ppm + _BEYOND_PPM
    at_ppm = expected_ppm
    if variance > _UNSURE:
        at_ppm = yield from _start_steps(anchors, family, expected_ppm, variance)
    at_ppm = min(max(at_ppm, oldest_ppm), youngest_ppm)
    shift_uv = 0
    for _ in range(_ROUNDS):
        rows = yield from _rows_steps(anchors, family, at_ppm, shift_uv, _SLOPE_OVER_PPM)
        information, gradient, shift_by = yield from _normal_steps(rows, anchors, shift_uv)
        yield
        age_ppm = at_ppm + gradient * _SLOPE // information
        prior = _WEIGHT * _SLOPE * _SLOPE // variance
        step_ppm = (gradient * _SLOPE + (expected_ppm - at_ppm) * prior) // (information + prior)
        step_ppm = min(max(step_ppm, -_LARGEST_STEP_PPM), _LARGEST_STEP_PPM)
        shift_uv = min(max(shift_uv + shift_by(step_ppm), -_LARGEST_SHIFT_UV), _LARGEST_SHIFT_UV)
        at_ppm = min(max(at_ppm + step_ppm, oldest_ppm), youngest_ppm)
    rows = yield from _rows_steps(anchors, family, at_ppm, shift_uv)
    yield
    misfit = _squares(rows) * 256 // (len(rows) - 2)
    return Fit(age_ppm, _WEIGHT * _SLOPE * _SLOPE // information, misfit)


def _start_steps(anchors, family, expected_ppm, variance):
    """The best of some ages over the whole family: with little known, the nearest minimum may be the wrong one."""
    best = best_ppm = None
    span_ppm = family.youngest_ppm + 10000 - family.oldest_ppm
    for i in range(_STARTS):
        age_ppm = family.oldest_ppm + span_ppm * i // (_STARTS - 1)
        rows = yield from _rows_steps(anchors, family, age_ppm, 0)
        cost = _squares(rows) * 16 + 16 * (age_ppm - expected_ppm) ** 2 // variance
        if best is None or cost < best:
            best, best_ppm = cost, age_ppm
    return best_ppm


def _rows_steps(anchors, family, age_ppm, shift_uv, over_ppm=0):
    """[weight, residual, slope in V, slope in s] of each anchor; the last only where it is asked for."""
    rows = []
    charge = anchors.curve.charge
    for i in range(len(anchors.uv)):
        uv = anchors.uv[i] - shift_uv
        model_ppm, per_mv = charge(age_ppm, uv)
        noise_ppm = per_mv * anchors.noise_uv // 1000
        weight = _WEIGHT // (CURVE_ERROR_PPM * CURVE_ERROR_PPM + noise_ppm * noise_ppm)
        per_age = 0
        if over_ppm:
            rise_ppm = charge(age_ppm + over_ppm, uv)[0] - charge(age_ppm - over_ppm, uv)[0]
            per_age = rise_ppm * _SLOPE // (2 * over_ppm)
        rows.append((weight, anchors.charge_ppm[i] - model_ppm, -per_mv, per_age))
        yield
    if anchors.full_ppm is not None:
        rise_ppm = family.full_ppm(age_ppm + over_ppm) - family.full_ppm(age_ppm - over_ppm) if over_ppm else 0
        per_age = rise_ppm * _SLOPE // (2 * over_ppm) if over_ppm else 0
        weight = _WEIGHT // (FULL_ERROR_PPM * FULL_ERROR_PPM)
        rows.append((weight, anchors.full_ppm - family.full_ppm(age_ppm), 0, per_age))
    return rows


def _squares(rows):
    """The weighted sum of squares about the weighted mean: q0 is eliminated."""
    weights = sum([row[0] for row in rows])
    mean = sum([row[0] * row[1] for row in rows]) // weights
    return sum([row[0] * (row[1] - mean) ** 2 for row in rows]) // _WEIGHT


def _normal_steps(rows, anchors, shift_uv):
    """(information on the age, gradient, the step of the shift in µV for a step of the age): q0 and b eliminated."""
    weights = sum([row[0] for row in rows])
    residual, per_mv, per_age = [sum([row[0] * row[i] for row in rows]) // weights for i in (1, 2, 3)]
    ss = sb = bb = sy = by = 0
    yield
    for i in range(len(rows)):
        weight, y, b, s = rows[i]
        y, b, s = y - residual, b - per_mv, s - per_age
        ss += weight * s * s
        sb += weight * s * b
        bb += weight * b * b
        sy += weight * s * y
        by += weight * b * y
        if i & 1:
            yield
    prior = _WEIGHT * 1000000 // anchors.shift_uv**2  # of the shift, in mV
    bb += prior
    by -= prior * shift_uv // 1000
    return (
        max(ss - sb * sb // bb, _LEAST_INFORMATION),
        sy - sb * by // bb,
        lambda step_ppm: (by - sb * step_ppm // _SLOPE) * 1000 // bb,
    )
