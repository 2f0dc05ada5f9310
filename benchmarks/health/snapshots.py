"""Total capacity of simulated cells that aged in known ways, by the firmware's own code: the bars of docs/health.md.

    PYTHONPATH=.:firmware python benchmarks/health/snapshots.py [--full]

Cells of make_snapshots.py, seven snapshots each from new to 70 %, a year apart, in mixed and in narrow use. What they
show is degraded as a BMS would (gain 0.5 %, 10 mA, 2 mV and 1 mV of noise, a sample every 1 to 10 s, as bounds). The
estimator's half-cell curves are the cells' own, as the bars have it; and, once more, wrong by a smooth error of up to
3.5 mV in each electrode, as real ones are. Anchors come from segments.py and rests.py, capacity from fit.py. Cells are
blocks of as many in parallel as come to 5 Ah.

Rows: what the estimator knows of the way of ageing. Columns: "known" are the snapshots after which it says that it
knows (standard uncertainty below 2.5 points), with RMSE and largest error in points of rated capacity; "all" are all of
them, with how often the truth lies in the interval of 95 %. Below: Plett's weighted total least squares on the fresh
curve (J. Power Sources 196, 2319, 2011), and a naive counter, from the two anchors furthest apart on that curve.

Without --full: three of seven paths and one draw of sensors. Snapshots are kept in ~/.cache/packseal/health, and so is
what the firmware made of them. The last line is the figures as JSON.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from math import hypot, isnan, nan, pi, sqrt
from pathlib import Path

import numpy as np
from benchmarks.health.make_snapshots import CACHE, PATHS, USES, file_of, make

from logger.core.capacity import MAX_UNCERTAINTY_PPM
from logger.core.electrodes import Curves
from logger.core.fit import Fit
from logger.core.rests import Rests
from logger.core.sampling import Integrator
from logger.core.segments import Segments
from logger.core.steps import finish
from logger.profiles import lco, lfp, nca, nmc

PROFILES = {"nmc": nmc, "nca": nca, "lco": lco, "lfp": lfp}
QUICK_PATHS = ("lli", "mix_pe", "bend")
BANK = ("lli", "lam_ne", "lam_pe", "mix_ne", "mix_pe")
PACE = 0.06  # a year, of a known path
BLOCK_MAH, GAP_DAYS, REST_STEP_MS = 5000, 365, 60_000
# the load changes more than once between two samples: on these drives, sampled every 10 s, the count errs twice as far
# as one change would explain
STEP_FACTOR = 4
ZERO_PPM_H = 300  # left of the sensor's zero after what rests show of it
KNOWN_POINTS, Z95 = MAX_UNCERTAINTY_PPM / 1e4, 1.96
CURVES = {"curves right": 0, "curves wrong": 3500}  # µV at most, in each electrode
CORE = Path(__file__).resolve().parents[2] / "firmware" / "logger" / "core"

Anchor = Sequence[int]
Errors = dict[str, float]
Point = tuple[float, float, float]  # estimate, standard uncertainty, truth
Samples = Iterator[tuple[int, int, int]]  # ms, mA, mV


# ---- what the board sees


class _Sample:
    """As much of one as segments.py looks at."""

    def __init__(self) -> None:
        self.current_ma = self.pack_mv = 0
        self.cell_mv = [0]


def errors_of(random: np.random.Generator) -> Errors:
    return {
        "step_s": int(random.choice([1, 2, 5, 10])),
        "gain": random.uniform(-0.005, 0.005),
        "offset_ma": random.uniform(-10, 10),
        "offset_mv": random.uniform(-2, 2),
    }


def degraded(columns, k: int, cells: int, errors: Errors, random: np.random.Generator) -> Samples:
    """Snapshot k."""
    t, i, v = (columns[f"{k}_{name}"].astype(float) for name in ("time_s", "current_ma", "voltage_mv"))
    at = np.arange(t[0], t[-1], errors["step_s"])
    current_ma = i[np.searchsorted(t, at)] * cells * (1 + errors["gain"]) + errors["offset_ma"]
    voltage_mv = np.interp(at, t, v) + errors["offset_mv"] + random.normal(0, 1, len(at))
    lists = ((at * 1000).astype(int), np.rint(current_ma).astype(int), np.rint(voltage_mv).astype(int))
    return zip(*(column.tolist() for column in lists), strict=True)


def ring_of(samples: Samples, rated_mah: int, step_ms: int) -> list[Anchor]:
    """Anchors by the firmware's code, in ppm of rated as fit.py takes them."""
    integrator = Integrator([0] * 4, REST_STEP_MS)
    segments, rests, sample = Segments(rated_mah, 1, step_ms), Rests(), _Sample()
    for ms, current_ma, voltage_mv in samples:
        sample.current_ma, sample.pack_mv, sample.cell_mv[0] = current_ma, voltage_mv, voltage_mv
        segments.add(sample, integrator.add(ms, current_ma, voltage_mv), 250)
        if segments.is_due:
            rests.note(segments.take())
        elif segments.is_first and rests.is_resting:
            rests.end()
    anchors = rests.anchors
    return [_relative(anchors[k - 1] if k else None, anchor, rated_mah) for k, anchor in enumerate(anchors)]


def _relative(before, anchor, rated_mah: int) -> Anchor:
    if before is None:
        return 0, 0, 0, anchor.mean_uv, anchor.sigma_uv
    ms = anchor.totals.time_ms - before.totals.time_ms
    charge_uah = anchor.totals.charge_uah - before.totals.charge_uah
    charge_uah -= (before.zero_ma + anchor.zero_ma) * ms // 7200  # what rests show of the zero
    variance_ppm2 = STEP_FACTOR * before.totals.step_variance_to(anchor.totals) * 1_000_000 // rated_mah**2
    return charge_uah * 1000 // rated_mah, ms // 1000, variance_ppm2, anchor.mean_uv, anchor.sigma_uv


def code_digest() -> str:
    names = ("segments", "rests", "totals", "sampling", "wide")
    return sha256(b"".join((CORE / f"{name}.py").read_bytes() for name in names)).hexdigest()[:12]


def rings(chemistry: str, path: str, use: str, seed: int) -> tuple[list[list[Anchor]], list[float]]:
    """(a ring a snapshot, the true capacities in points of rated); kept."""
    source = file_of(chemistry, path, use)
    kept = CACHE / f"rings_{code_digest()}" / f"{source.stem}_{seed}.json"
    if kept.is_file():
        return tuple(json.loads(kept.read_text()))
    columns = dict(np.load(source))
    cells = max(round(BLOCK_MAH / int(columns["rated_mah"])), 1)
    rated_mah = int(columns["rated_mah"]) * cells
    random = np.random.default_rng([seed, *source.stem.encode()])
    errors, found = errors_of(random), []
    for k in range(len(columns["capacity_mah"])):
        found.append(ring_of(degraded(columns, k, cells, errors, random), rated_mah, int(errors["step_s"]) * 1000))
    truth = [100 * float(mah) * cells / rated_mah for mah in columns["capacity_mah"]]
    kept.parent.mkdir(parents=True, exist_ok=True)
    kept.write_text(json.dumps([found, truth]))
    return found, truth


def wrong_curves(chemistry: str, random: np.random.Generator, peak_uv: float = 3500):
    curves = Curves(PROFILES[chemistry])
    for half_cell in (curves.negative, curves.positive):
        heights, phases = random.normal(size=4) / np.array([1, 1, 1.5, 2]), random.uniform(0, 2 * pi, 4)
        turns = np.array([0.5, 1, 1.7, 2.5])

        def at(place, heights=heights, phases=phases, turns=turns):
            return (heights * np.sin(2 * pi * turns * np.asarray(place)[..., None] + phases)).sum(-1)

        largest = abs(at(np.linspace(0, 1, 200))).max()
        errors_uv = peak_uv * at(np.array(half_cell.ppm) / 1e6) / largest
        for k, error_uv in enumerate(errors_uv):
            uv = round(half_cell.uv[k] + error_uv)
            half_cell.uv[k] = min(uv, half_cell.uv[k - 1] - 1) if k else uv
    return curves


# ---- estimators: rings in, (points, standard uncertainty) out


class ByFit:
    def __init__(self, curves, *, is_new: bool = True, paths: Sequence[str] = ()) -> None:
        paces = tuple(tuple(round(1e6 * loss) for loss in PATHS[path](PACE)) for path in paths)
        self._fit = Fit(curves, ZERO_PPM_H, is_new, paces)

    def learn(self, ring: list[Anchor], days: int) -> tuple[float, float]:
        finish(self._fit.ring_steps(ring, days))
        ppm, sigma_ppm, _ = self._fit.capacity()
        return ppm / 1e4, sigma_ppm / 1e4


class ByFixedCurve:
    """What both baselines share: the state of charge by the fresh curve. Each snapshot for itself, to their favour."""

    def __init__(self, curves) -> None:
        self._curves, self._fresh = curves, curves.amounts_ppm
        self._full_ppm = curves.capacity(curves.amounts_ppm)

    def soc(self, uv: int) -> float:
        return self._curves.n_at(uv, self._fresh) / self._full_ppm

    def spans(self, ring: list[Anchor]) -> Iterator[tuple[float, float, float, float]]:
        """(charge, its variance, span of state of charge, its variance) from each anchor to the next."""
        socs = [self.soc(anchor[3]) for anchor in ring]
        sigmas = [abs(self.soc(a[3] + 5000) - self.soc(a[3] - 5000)) / 1e4 * hypot(3500, a[4]) for a in ring]
        for k in range(1, len(ring)):
            variance = ring[k][2] / 1e12 + 1e-6
            yield ring[k][0] / 1e6, variance, socs[k] - socs[k - 1], sigmas[k] ** 2 + sigmas[k - 1] ** 2


class ByTotalLeastSquares(ByFixedCurve):
    def learn(self, ring: list[Anchor], days: int) -> tuple[float, float]:  # noqa: ARG002 - one interface
        if len(ring) < 2:
            return nan, nan
        q = np.linspace(0.3, 1.5, 2401)
        chi2 = sum((dq - q * ds) ** 2 / (vq + q * q * vs) for dq, vq, ds, vs in self.spans(ring))
        w = np.exp(-0.5 * (chi2 - chi2.min()))
        mean = (w * q).sum() / w.sum()
        return 100 * mean, 100 * sqrt((w * (q - mean) ** 2).sum() / w.sum())


class ByCounter(ByFixedCurve):
    def learn(self, ring: list[Anchor], days: int) -> tuple[float, float]:  # noqa: ARG002 - one interface
        socs = [self.soc(anchor[3]) for anchor in ring]
        if len(ring) < 2 or max(socs) == min(socs):
            return nan, nan
        low, high = sorted((socs.index(min(socs)), socs.index(max(socs))))
        charge = sum(anchor[0] for anchor in ring[low + 1 : high + 1]) / 1e6
        return 100 * abs(charge / (socs[high] - socs[low])), 0.0  # says nothing of how sure it is


ESTIMATORS: dict[str, Callable[[object, str], object]] = {
    "unknown way, new pack": lambda curves, _: ByFit(curves),
    "unknown way and age": lambda curves, _: ByFit(curves, is_new=False),
    "known way": lambda curves, path: ByFit(curves, paths=(path,)),
    "in the bank of five": lambda curves, _: ByFit(curves, paths=BANK),
    "not in the bank": lambda curves, path: ByFit(curves, paths=[other for other in BANK if other != path]),
    "total least squares, fixed curve": lambda curves, _: ByTotalLeastSquares(curves),
    "naive counter, fixed curve": lambda curves, _: ByCounter(curves),
}
IN_BANK_ONLY = ("in the bank of five",)
WITHOUT_BEND = ("known way",)  # no one pace and direction
FULL_ONLY = ("known way", "not in the bank")


# ---- figures


@dataclass
class Tally:
    points: list[Point] = field(default_factory=list)

    def figures(self) -> dict[str, float]:
        said = [point for point in self.points if not isnan(point[0])]
        known = [point for point in said if point[1] < KNOWN_POINTS]
        covered = [abs(value - truth) <= Z95 * sigma for value, sigma, truth in said]
        return {
            "snapshots": len(self.points),
            "known_percent": round(100 * len(known) / len(self.points)),
            "known_rmse": _rmse(known),
            "known_max": round(max((abs(v - t) for v, _, t in known), default=nan), 2),
            "all_rmse": _rmse(said),
            "cover_percent": round(100 * sum(covered) / max(len(said), 1)),
        }


def _rmse(points: list[Point]) -> float:
    return round(sqrt(sum((v - t) ** 2 for v, _, t in points) / len(points)), 2) if points else nan


def judge(chemistry: str, path: str, use: str, seed: int, name: str, peak_uv: float) -> list[Point]:
    found, truth = rings(chemistry, path, use, seed)
    random = np.random.default_rng([seed, *f"{chemistry} {path}".encode()])
    estimator = ESTIMATORS[name](wrong_curves(chemistry, random, peak_uv), path)
    points, days = [], 0
    last = (nan, nan)
    for ring, true_points in zip(found, truth, strict=True):
        if len(ring) > 1:
            last = estimator.learn(ring, days)
            days = 0
        days += GAP_DAYS
        points.append((*last, true_points))
    return points


def is_asked(name: str, path: str, *, is_full: bool) -> bool:
    if name in FULL_ONLY and not is_full:
        return False
    return not (name in IN_BANK_ONLY and path not in BANK) and not (name in WITHOUT_BEND and path == "bend")


def table(*, is_full: bool) -> dict[str, dict[str, float]]:
    found: dict[str, dict[str, float]] = {}
    for use in USES:
        for curves, peak_uv in CURVES.items():
            for chemistry in PROFILES:
                title = f"{chemistry.upper()}, {use} use, {curves}"
                print(f"\n{title:34} {'known':>6} {'RMSE':>6} {'max':>6}   {'all RMSE':>8} {'cover':>6}")
                for name in ESTIMATORS:
                    tally = Tally(judged(chemistry, use, name, peak_uv, is_full=is_full))
                    if tally.points:
                        found[f"{chemistry} {use} {curves} {name}"] = figures = tally.figures()
                        print(line(name, figures), flush=True)
    return found


def judged(chemistry: str, use: str, name: str, peak_uv: float, *, is_full: bool) -> list[Point]:
    """All paths and draws."""
    points = []
    for path in PATHS if is_full else QUICK_PATHS:
        if is_asked(name, path, is_full=is_full):
            for seed in (0, 1) if is_full else (0,):
                points += judge(chemistry, path, use, seed, name, peak_uv)
    return points


def line(name: str, f: dict[str, float]) -> str:
    known = f"{f['known_percent']:4} % {f['known_rmse']:6.2f} {f['known_max']:6.2f}"
    return f"{name:34} {known}   {f['all_rmse']:8.2f} {f['cover_percent']:4} %"


def main(options: list[str]) -> None:
    is_full = "--full" in options
    try:
        for index, chemistry in enumerate(("nmc", "nca", "lfp", "lco")):
            make(chemistry, index)
    except ImportError as error:
        sys.exit(f"{error.name} is not installed; run: .venv/bin/pip install --editable '.[health]'")
    print(json.dumps(table(is_full=is_full)).replace("NaN", "null"))


if __name__ == "__main__":
    main(sys.argv[1:])
