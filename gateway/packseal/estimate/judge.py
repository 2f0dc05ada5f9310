"""A pack's memory -> the opinion, or what is missing for one."""

from __future__ import annotations

import numpy as np

from packseal.estimate.capacity import BLIND_COVERAGE, BLIND_LOSS, Estimated
from packseal.estimate.chemistry import Candidates, Chemistry, candidates
from packseal.estimate.incremental import candidate_peaks
from packseal.estimate.opinion import (
    BOTH,
    INCREMENTAL,
    METHODS,
    MOST_UNCERTAINTY,
    PARTIAL_CHARGE,
    BlockOpinion,
    MethodOpinion,
    Opinion,
    SinceFirst,
    ageing_words,
    by_peaks,
    fused,
    since_first,
    when_new,
)
from packseal.estimate.pack import Pack
from packseal.records.bodies import Estimate

BLIND = BLIND_LOSS / BLIND_COVERAGE**2
MOST_MISFITS = 3
CHARGE_WORDS = "a steady charge of 20 minutes or more, at 1/20 to 1 of the rated capacity per hour"


def judge(pack: Pack | None, chemistry: Chemistry | None, rated_mah: float) -> Opinion:
    if pack is None:
        return _not_known("no window with cell voltages" if rated_mah else "the rated capacity of the battery")
    if pack.resistance.looks_backwards >= 2:
        return _not_known(
            "a current with the right sign: voltages fall when it says charge; turn the sensor or its setting"
        )
    if pack.capacity.misfits >= MOST_MISFITS:
        return _not_known(
            f"charges that fit this chemistry: the last {pack.capacity.misfits} fit no cell of it, new or aged; check "
            "the chemistry in the settings, the current sensor and the count of charge"
        )
    if not pack.charges:
        return _not_known(*_before_a_charge(pack))
    return _judged(pack, chemistry)


def _before_a_charge(pack: Pack) -> list[str]:
    steps = (
        [] if pack.resistance.at(25.0) is not None else ["steps of current, which show the resistance: use the pack"]
    )
    return [*steps, CHARGE_WORDS]


def _judged(pack: Pack, chemistry: Chemistry | None) -> Opinion:
    since = since_first(pack.first, pack.late, pack.rated_mah, BLIND)
    found, by_method, method = _found(pack, chemistry, since)
    known = Opinion(
        method,
        METHODS[method],
        retention_cpct=_parts(since.ratio, since.uncertainty) if since and not pack.is_first_weeks else None,
        by_method=by_method,
        ageing=ageing_words(found, pack.first, pack.late, pack.rated_mah) if found else "",
        inputs=(pack.inputs[0][0], pack.inputs[-1][1]),
        charges=pack.charges,
        temperature_ddegc=None if np.isnan(pack.celsius) else round(10 * pack.celsius),
        voltage_span_mv=pack.span_mv,
    )
    if found is None:
        return known.lacking("the chemistry of its cells, or word that the battery was new when it was first seen")
    if found.uncertainty_mah > MOST_UNCERTAINTY * pack.rated_mah:
        return known.lacking(_wider(pack, chemistry, found))
    weakest, strongest = _blocks(pack, found)
    return known.stating(
        _mah(found.capacity_mah, found.uncertainty_mah),
        _parts(found.capacity_mah / pack.rated_mah, found.uncertainty_mah / pack.rated_mah),
        weakest,
        strongest,
    )


def _found(
    pack: Pack, chemistry: Chemistry | None, since: SinceFirst | None
) -> tuple[Estimated | None, tuple[MethodOpinion, ...], str]:
    held = candidates(chemistry) if chemistry else None
    marks = pack.capacity.estimate(held, pack.newest_ms, pack.rated_mah) if held else None
    if held is None or chemistry is None or marks is None:
        return (when_new(since, pack.rated_mah) if since and pack.is_new else None), (), "since-first-seen"
    parts: tuple[MethodOpinion, ...] = (MethodOpinion(PARTIAL_CHARGE, _mah(marks.capacity_mah, marks.uncertainty_mah)),)
    tops = _peaks(pack, chemistry, held)
    if tops is None:
        return marks, parts, PARTIAL_CHARGE
    parts = (*parts, MethodOpinion(INCREMENTAL, _mah(tops.capacity_mah, tops.uncertainty_mah)))
    return fused(marks, tops), parts, BOTH


def _peaks(pack: Pack, chemistry: Chemistry, held: Candidates) -> Estimated | None:
    return by_peaks(held, candidate_peaks(chemistry), pack.late, pack.capacity.log_prior(held), pack.rated_mah)


def _wider(pack: Pack, chemistry: Chemistry | None, found: Estimated) -> str:
    low, high = pack.span_mv
    error = 100 * found.uncertainty_mah / pack.rated_mah
    if chemistry is None or chemistry.half_cells is None:
        return f"a charge over more of the voltage than {low} to {high} mV (now ± {2 * error:.0f} points)"
    bottom, top = chemistry.window_mv
    lower, upper = max(bottom + 800, low - 200), min(top - 60, high + 100)
    return (
        f"a charge over more of the voltage than {low} to {high} mV, best from below {min(lower, low)} to above "
        f"{max(upper, high)} mV (now ± {2 * error:.0f} points)"
    )


def _blocks(pack: Pack, found: Estimated) -> tuple[BlockOpinion | None, BlockOpinion | None]:
    extremes = pack.shares.extremes()
    if extremes is None or pack.blocks < 2:
        return None, None
    weakest, strongest = (
        BlockOpinion(
            block,
            _mah(
                found.capacity_mah * share,
                float(np.hypot(found.uncertainty_mah * share, found.capacity_mah * uncertainty)),
            ),
        )
        for block, share, uncertainty in extremes
    )
    return weakest, strongest


def _not_known(*missing: str) -> Opinion:
    return Opinion("", "not yet known", missing=missing)


def _mah(value: float, uncertainty: float) -> Estimate:
    return Estimate(round(value), max(round(uncertainty), 1))


def _parts(value: float, uncertainty: float) -> Estimate:
    return Estimate(round(10_000 * value), max(round(10_000 * uncertainty), 1))
