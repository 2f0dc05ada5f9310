"""How well the board tells a rise of resistance, on recorded cells and over 10 to 40 °C, by the firmware's own code.

    PYTHONPATH=.:firmware python benchmarks/health/resistance_rise.py

Rise: R(now) / R(first) - 1 in points, R(first) the first statement that rests on 32 steps. The logger's errors are
those of shown.py: 0.5 %, 10 mA, 2 mV and 1 mV of noise, 1 K, every 1 to 10 s. Bars: 3 points on recorded cells, 5
points over 10 to 40 °C. "naive" is the same firmware told that it is always 25 °C. Every stretch that is shown is a
window; what is not shown is time that passes. Three tables:

1. Life. Shown are the parts of the recordings where a step of current lies between two rows at most 5 s apart; between
   rows the line is straight. These are, NASA: a pulse of 2.5 s and the start of charging, of an empty cell (rows 3 s
   apart); CALCE: the start of the constant-voltage phase after a rest. "starts" are NASA's starts of discharge of a
   full cell, as shown.py shows them: the first loaded row, up to 19 s late, taken as the first. CALCE's are not used:
   its cycler writes a row after 30 s or 0.2 V, so that what the first row shows ends at 182 mΩ. A cycle is taken
   as 5 h, of which CALCE's rows show three.
   The reference is the median over eleven cycles of the same steps in floats, without the logger's errors, between
   samples as far apart as the logger's; "of quick" judges by those from row to row instead. The quick ones of NASA,
   whose temperature drifts by 4 K, are brought to 25 °C with the law that the firmware begins with, which that cell
   need not follow. Beside it another quantity, the laboratory's: NASA's Re + Rct
   of impedance spectra at rest, CALCE's internal resistance by pulses of the cycler. How far the steps in floats are
   from these is a column too: no estimator that sees only these recordings bridges it.
2. Temperature, recorded: pulse tests of one Leaf cell in chambers of 10, 25 and 40 °C (batterysim/equiv-circ-model),
   shown as they are and over again: 25, 10, 40, 25, 10, 40, 25, 10, 40 °C, a week between two. The cell did not age:
   what differs from the first statement is a rise that temperature feigns. "once" is the first pass, where the law is
   not known yet and the interval has to say so; "after" the two passes after it. The chambers' temperatures are those
   of the files' names; none was recorded.
3. Temperature, simulated: PyBaMM's SPMe of a cell that lives for four years through seasons: 25 °C in the mean, 10 K
   more in summer and less in winter, 5 K less in the morning and more in the afternoon, so that it sees 10 to 40 °C.
   One day in seven is shown, eight pulses in the morning and eight in the afternoon. In the first year it stays new, in
   the three after it ages evenly in one of two ways: a contact, which temperature does not change, and slower charge
   transfer, which it does. Every statement is judged, by how warm the pack was then: as a rise since the one at the end
   of the first year, and in lines of their own since its very first one, which knew no law. In these eight sets the
   kinetics depend on temperature by 4 to 39 kJ/mol; in Chen2020 and Prada2013 the electrolyte's conductivity does not,
   and OKane2022 is Chen2020's cell with one that does. Of the sets that share Marquis2019's laws Mohtat2020 stands for
   all.
   The truth is the median step in floats at 25 °C after half the time between two samples, which is what such a logger
   sees in the mean: polarisation is in it, and a contact is a smaller part of it. "of quick" judges all loggers by the
   step within 2 s instead. The current's offset is 0.5 % of the rate of 1 C, as the sets' cells are of any size. A step
   of Kim's NCA is 5 to 12 mV, so its lines are noise by half. Needs the extra `health`.

The first version of this file let a cell be seen at one temperature, then jump to the next and from age to age. No pack
does, and no law can be learnt from it: with one law for all packs errors were 5 to 41 points. The second table still
jumps, since the recordings do. That version judged every logger by the quickest steps, and took as the reference of the
first statement the median over all steps until then, as a ring of 32 weighs them; now that is the newest, as of every
other statement.

The walk of the resistance, alone of the filter's parameters, was chosen on these recorded cells: 1.4 % a square root of
days, after 0.7, 1 and 2 to 3 were seen.

RMSE and max in points; cover is how often the truth lies in the 95 % that follow from the two stated uncertainties.
The last line is the figures as JSON.
"""

from __future__ import annotations

import csv
import gzip
import json
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from importlib.util import find_spec

import numpy as np
import pyarrow.csv
import pyarrow.parquet
from benchmarks.health.cells import CELLS, Floats, _groups, folder, halves, is_there, path_of
from benchmarks.health.shown import REST_S, Errors

from logger.core.resistance import STEP_RATE, STEPS, Resistance
from logger.core.temperature_law import ENERGY_J

QUICK_S = 5  # rows so close show a step
BEFORE_S, AFTER_S = 25, 10
PHASES = 8
SMOOTHED = 11  # cycles
DRAWS = 12
SIMULATED_DRAWS = 3  # of each of sixteen cells: eight hundred windows each
Z95 = 1.96
LEAF_MAH = 33000
LEAF = {10: "10c", 25: "25c-2", 40: "40c-1"}
SETS = ("Chen2020", "OKane2022", "ORegan2022", "Ecker2015", "Mohtat2020", "NCA_Kim2011", "Ai2020", "Prada2013")
CELSIUS = (10, 17, 25, 33, 40)
GRID = (10, 13, 17, 21, 25, 29, 33, 37, 40)  # simulated; between them voltages are straight lines
YEARS, DAYS_APART = 4, 7
MEAN_C, SEASON_K, DAY_K = 25, 10, 5
SHOWN_S = 330  # eight pulses
AGES = (0.0, 0.2, 0.4, 0.6)  # at the end of each year
KINDS = ("contact", "transfer")
TRUE_STEP_S = 2
CYCLE_DAYS = 5 / 24
LEAF_PASSES, LEAF_DAYS = 3, 7
DAY_MS = 86400000

Lines = Iterator[tuple[str, dict[str, float]]]
Cell = tuple[float, Callable[[int, float], Floats]]


class _Sample:
    current_ma = pack_mv = 0
    cell_mv = (0,)


def sampled(t: Floats, columns: Iterable[Floats], every_s: float, phase_s: float) -> list[Floats]:
    at = np.arange(t[0] + phase_s, t[-1], every_s)
    return [np.interp(at, t, values) for values in columns]


@dataclass(frozen=True)
class Stated:
    """naive_uohm: of the one without temperature."""

    uohm: float
    sigma_uohm: float
    naive_uohm: float


class Board:
    """Two of the firmware's estimators, ours and the naive one, behind one logger's errors."""

    def __init__(self, rated_mah: int, errors: Errors, chance: np.random.Generator):
        self.errors, self._chance = errors, chance
        self.ours, self.naive = (Resistance(rated_mah, 1, errors.sample_ms) for _ in range(2))
        self.least_a = rated_mah / 1000 / STEP_RATE
        self.steps = self._seq = 0

    def wait(self, days: float) -> None:
        """Nothing is seen for so long."""
        for estimator in (self.ours, self.naive):
            for part in np.diff(np.append(np.arange(0, days), days)):
                estimator.add(_Sample(), round(part * DAY_MS), None)
                estimator.note_window(self._seq)
            estimator.forget()

    def see(self, t: Floats, i: Floats, v: Floats, ddegc: Floats) -> None:
        """A stretch of rows, sampled at a phase of chance; it follows no other."""
        every_s = self.errors.sample_ms / 1000
        self.see_samples(*sampled(t, (i, v, ddegc), every_s, self._chance.uniform(0, every_s)))

    def see_samples(self, i: Floats, v: Floats, ddegc: Floats) -> None:
        errors, sample = self.errors, _Sample()
        currents = np.rint(1000 * (i * (1 + errors.gain) + errors.offset_a)).astype(int)
        voltages = np.rint(1000 * (v + errors.offset_v) + self._chance.normal(0, 1, len(v))).astype(int)
        warmth = np.rint(ddegc + errors.offset_ddegc).astype(int)
        self.ours.forget()
        self.naive.forget()
        for ma, mv, warm in zip(currents.tolist(), voltages.tolist(), warmth.tolist(), strict=True):
            sample.current_ma, sample.pack_mv, sample.cell_mv = ma, mv, (mv,)
            self.ours.add(sample, errors.sample_ms, warm)
            self.naive.add(sample, errors.sample_ms, 250)
        self.steps += int((abs(np.diff(currents)) >= 1000 * self.least_a).sum())
        self._seq += 1
        self.ours.note_window(self._seq)
        self.naive.note_window(self._seq)

    def stated(self) -> Stated | None:
        """None until it rests on enough steps."""
        ours, naive = self.ours.ohmic(), self.naive.ohmic()
        return Stated(ours[0], ours[1], naive[0]) if self.steps >= STEPS and ours and naive else None


@dataclass(frozen=True)
class Rise:
    """In points. of_quick: the truth of quicker steps, nan where it is the same."""

    true: float
    value: float
    sigma: float
    naive: float
    of_quick: float = float("nan")


def rise(now: Stated, first: Stated, true: float, of_quick: float = float("nan")) -> Rise:
    ratio, naive = now.uohm / first.uohm, now.naive_uohm / first.naive_uohm
    sigma = ratio * float(np.hypot(now.sigma_uohm / now.uohm, first.sigma_uohm / first.uohm))
    return Rise(true, 100 * (ratio - 1), 100 * sigma, 100 * (naive - 1), of_quick)


def rmse(errors: Floats) -> float:
    errors = errors[np.isfinite(errors)]
    return float(np.sqrt((errors**2).mean())) if len(errors) else float("nan")


def figures(rises: list[Rise]) -> dict[str, float]:
    true, value, sigma, naive, of_quick = np.array([[r.true, r.value, r.sigma, r.naive, r.of_quick] for r in rises]).T
    return {
        "highest": float(true.max()),
        "rmse": rmse(value - true),
        "max": float(abs(value - true).max()),
        "sigma": float(np.median(sigma)),
        "cover": float((abs(value - true) < Z95 * sigma).mean()),
        "naive": rmse(naive - true),
        "naive_max": float(abs(naive - true).max()),
        **({"of_quick": rmse(value - of_quick)} if np.isfinite(of_quick).any() else {}),
    }


def to_25(ddegc: Floats) -> Floats:
    """The factor that brings a resistance to 25 °C by the law that the firmware begins with."""
    return np.exp(-ENERGY_J / 8.314 * (1 / (ddegc / 10 + 273.15) - 1 / 298.15))


# ---- life


@dataclass(frozen=True)
class Shown:
    """Rows of one cycle around its steps. ohm: the median of these steps, row to row; rest_s: shown by samples, a rest
    of so long and then the rows, 0 where the rows themselves have it."""

    cycle: int
    t: Floats
    i: Floats
    v: Floats
    ddegc: Floats
    ohm: float
    rest_s: float = 0

    def to(self, board: Board) -> None:
        if self.rest_s:
            board.see_samples(*self._after_rest(board.errors.sample_ms / 1000))
        else:
            board.see(self.t, self.i, self.v, self.ddegc)

    def seen_ohm(self, every_s: float, least_a: float, is_brought: bool) -> float:
        """The median step in floats between samples so far apart, over eight phases; nan without any."""
        ohms: list[float] = []
        for phase in range(PHASES):
            columns = self.i, self.v, self.ddegc
            i, v, ddegc = (
                self._after_rest(every_s)
                if self.rest_s
                else sampled(self.t, columns, every_s, every_s * phase / PHASES)
            )
            steps = np.flatnonzero(abs(np.diff(i)) >= least_a)
            ohms += list(np.diff(v)[steps] / np.diff(i)[steps] * (to_25(ddegc[steps]) if is_brought else 1))
        return float(np.median(ohms)) if ohms else float("nan")

    def _after_rest(self, every_s: float) -> list[Floats]:
        rest = np.zeros(max(3, int(self.rest_s / every_s)))
        loaded = sampled(self.t[1:], (self.i[1:], self.v[1:], self.ddegc[1:]), every_s, 0)
        before = (rest, rest + self.v[0], rest + self.ddegc[0])
        return [np.concatenate(both) for both in zip(before, loaded, strict=True)]


@dataclass(frozen=True)
class Life:
    name: str
    shown: list[Shown]
    laboratory: dict[int, float]  # Ω of cycles
    rated_mah: int
    is_brought: bool = False  # the reference, to 25 °C


def quick(cycle: int, rows: dict[str, Floats], least_a: float, is_brought: bool) -> Iterator[Shown]:
    """The stretch around the quick steps of a group of rows, if it has any; nothing unseen in it."""
    t, i, v = (rows[name] for name in ("time_s", "current_A", "voltage_V"))
    ddegc = 10 * rows.get("temperature_C", np.full(len(t), 25.0))
    apart_s, step_a = np.diff(t), np.diff(i)
    steps = np.flatnonzero((abs(step_a) >= least_a) & (apart_s < QUICK_S))
    unseen = np.flatnonzero((abs(step_a) >= least_a / 4) & (apart_s >= QUICK_S))
    if not len(steps):
        return
    first = max([0, *(unseen[unseen < steps[0]] + 1)])
    last = min([len(t) - 1, *unseen[unseen > steps[0]]])
    steps = steps[steps < last]
    at = np.arange(first, last + 1)
    grid = np.concatenate([[t[steps[0]] - BEFORE_S], t[at] + np.arange(len(at)) * 1e-4, [t[steps[-1] + 1] + AFTER_S]])
    grid = np.unique(grid[(grid >= t[steps[0]] - BEFORE_S) & (grid <= t[steps[-1] + 1] + AFTER_S)])
    amperes, volts, warmth = (
        np.interp(grid, t[at] + np.arange(len(at)) * 1e-4, column[at]) for column in (i, v, ddegc)
    )
    factors = to_25(ddegc[steps]) if is_brought else 1.0
    ohm = np.median(np.diff(v)[steps] / step_a[steps] * factors)
    yield Shown(cycle, grid, amperes, volts, warmth, float(ohm))


def starts(name: str) -> Iterator[Shown]:
    for half in halves(name):
        if not half.is_charge and half.rest_v is not None and half.rest_age_s < 45:
            i, v = np.concatenate([[0], half.i]), np.concatenate([[half.rest_v], half.v])
            t, ddegc = np.concatenate([[half.t[0] - 1e-3], half.t]), np.concatenate([half.ddegc[:1], half.ddegc])
            kept = t < t[0] + AFTER_S + 20
            ohm = (v[1] - v[0]) / i[1]
            yield Shown(half.cycle, t[kept], i[kept], v[kept], ddegc[kept], float(ohm), REST_S)


def impedances(name: str) -> dict[int, float]:
    """Re + Rct of each cycle, the mean of its tests; ambient 24 or 43 °C throughout. No row of these three cells is
    complex or absent; those more than a quarter off the median of eleven tests are left out."""
    with (folder() / "nasa_pcoe" / f"{name}_impedance.csv").open() as file:
        rows = [(int(row["cycle"]), float(row["Re_ohm"]) + float(row["Rct_ohm"])) for row in csv.DictReader(file)]
    ohms = np.array([ohm for _, ohm in rows])
    middle = smoothed(ohms)
    kept: dict[int, list[float]] = {}
    for (cycle, ohm), typical in zip(rows, middle, strict=True):
        if abs(ohm / typical - 1) < 0.25:
            kept.setdefault(cycle, []).append(ohm)
    return {cycle: float(np.mean(values)) for cycle, values in kept.items()}


def smoothed(values: Floats) -> Floats:
    """The running median over eleven, of those that are there."""
    half = SMOOTHED // 2
    near = (values[max(0, n - half) : n + half + 1] for n in range(len(values)))
    return np.array([np.nanmedian(part) if np.isfinite(part).any() else np.nan for part in near])


def nasa(name: str) -> Iterator[Life]:
    least_a = CELLS[name].rated_mah / 1000 / STEP_RATE
    table = pyarrow.csv.read_csv(path_of(CELLS[name]))
    is_charge = np.asarray(table["type"].to_pylist()) == "charge"
    table = table.filter(pyarrow.array(is_charge)).drop_columns(["type", "test_id"])
    shown = [s for rows in _groups(table, ["cycle"]) for s in quick(int(rows["cycle"][0]), rows, least_a, True)]
    laboratory = impedances(name)
    yield Life(f"{name} quick", shown, laboratory, CELLS[name].rated_mah, is_brought=True)
    if name != "B0029":  # it has 40 cycles: too few
        yield Life(f"{name} starts", list(starts(name)), laboratory, CELLS[name].rated_mah)


def calce(name: str) -> Iterator[Life]:
    """The laboratory's value is that of its step 6, at full charge."""
    least_a = CELLS[name].rated_mah / 1000 / STEP_RATE
    shown: list[Shown] = []
    laboratory: dict[int, float] = {}
    table = pyarrow.parquet.read_table(path_of(CELLS[name]))
    for cycle, rows in enumerate(_groups(table, ["file_idx", "cycle_in_file"])):
        full = np.flatnonzero(rows["step"] == 6)
        if len(full):
            laboratory[cycle] = float(rows["internal_resistance_ohm"][full[0]])
        shown += quick(cycle, rows, least_a, False)
    yield Life(f"{name} quick", shown, laboratory, CELLS[name].rated_mah)


class Followed:
    """The laboratory's quantity or our steps in floats, as a rise since the first statement that it has a value for."""

    def __init__(self, ohms: Floats):
        self._smoothed = smoothed(ohms)
        self._first: float | None = None

    def rise(self, n: int) -> float:
        ohm = float(self._smoothed[n])
        if np.isfinite(ohm):
            self._first = self._first or ohm
        return 100 * (ohm / self._first - 1) if self._first else float("nan")


def lived(life: Life, seed: int) -> tuple[list[Rise], Floats, Floats]:
    """(rises against the same steps in floats; errors against the laboratory's; those of the steps in floats)."""
    chance = np.random.default_rng(seed)
    board = Board(life.rated_mah, Errors.drawn(chance), chance)
    seen = [shown.seen_ohm(board.errors.sample_ms / 1000, board.least_a, life.is_brought) for shown in life.shown]
    ohms = np.array([shown.ohm for shown in life.shown])
    tests = np.array([life.laboratory.get(shown.cycle, np.nan) for shown in life.shown])
    begins = int(np.flatnonzero(np.isfinite(tests))[0])  # NASA's tests begin after some twenty cycles
    steps, rows, tested, since_test = (Followed(values) for values in (np.array(seen), ohms, tests, ohms))
    first = first_tested = None
    rises, off, off_steps = [], [], []
    for n, shown in enumerate(life.shown):
        board.wait((shown.cycle - life.shown[n - 1].cycle) * CYCLE_DAYS if n else 0)
        shown.to(board)
        now = board.stated()
        if now is None:
            continue
        first = first or now
        rises.append(rise(now, first, steps.rise(n), rows.rise(n)))
        if n >= begins + SMOOTHED:
            first_tested = first_tested or now
            true = tested.rise(n)
            off.append(rise(now, first_tested, true).value - true)
            off_steps.append(since_test.rise(n) - true)
    return rises, np.array(off), np.array(off_steps)


def life_line(life: Life) -> dict[str, float]:
    draws = [lived(life, seed) for seed in range(DRAWS)]
    rises = [r for found, _, _ in draws for r in found]
    off, off_steps = (np.concatenate([draw[k] for draw in draws]) for k in (1, 2))
    return {
        **figures(rises),
        "laboratory": rmse(off),
        "steps_laboratory": rmse(off_steps),
    }


def life_lines(names: Iterable[str]) -> Lines:
    for name in names:
        for life in (calce if CELLS[name].chemistry == "lco" else nasa)(name):
            yield life.name, life_line(life)


# ---- temperature, recorded


def leaf(celsius: int) -> list[Shown]:
    """One stretch a group of quick steps less than a minute apart."""
    path = folder() / "nissan_leaf_ecm" / f"cell-low-current-hppc-{LEAF[celsius]}.csv.gz"
    with gzip.open(path, "rt") as file:
        rows = np.array([[float(row[k]) for k in ("time_s", "current_A", "voltage_V")] for row in csv.DictReader(file)])
    t, i, _ = rows.T
    steps = np.flatnonzero((abs(np.diff(i)) >= LEAF_MAH / 1000 / STEP_RATE) & (np.diff(t) < QUICK_S))
    found: list[Shown] = []
    for group in np.split(steps, np.flatnonzero(np.diff(t[steps]) > 60) + 1):
        near = (t >= t[group[0]] - 2 * BEFORE_S) & (t <= t[group[-1]] + 2 * AFTER_S)
        names = ("time_s", "current_A", "voltage_V", "temperature_C")
        columns = dict(zip(names, (*rows[near].T, np.full(near.sum(), float(celsius))), strict=True))
        found += quick(0, columns, LEAF_MAH / 1000 / STEP_RATE, False)
    return found


def leaf_lines() -> Lines:
    shown = {celsius: leaf(celsius) for celsius in LEAF}
    once: dict[int, list[Rise]] = {celsius: [] for celsius in LEAF}
    after: dict[int, list[Rise]] = {celsius: [] for celsius in LEAF}
    for seed in range(DRAWS):
        chance = np.random.default_rng(seed)
        board, first = Board(LEAF_MAH, Errors.drawn(chance), chance), None
        for turn in range(LEAF_PASSES):
            for celsius in (25, 10, 40):
                for part in shown[celsius]:
                    part.to(board)
                    now = board.stated()
                    first = first or now
                    if now and first and now is not first:
                        (after if turn else once)[celsius].append(rise(now, first, 0.0))
                board.wait(LEAF_DAYS)
    for name, found in (("once", once), ("after", after)):
        for celsius in sorted(found):
            yield f"Leaf cell, {name}, {celsius} °C", figures(found[celsius])


# ---- temperature, simulated


def profile(rated_ah: float) -> tuple[Floats, Floats]:
    """(s, A, positive charges): forty pulses of 20 s, out and in by turns, 20 s of rest between."""
    t = np.arange(0.0, 1650.0)
    i = np.zeros(len(t))
    for n, k in enumerate(range(30, 1630, 40)):
        i[k : k + 20] = rated_ah * (0.7, 0.5, 1.0, 0.8, 0.4)[n % 5] * (-1, 1)[n % 2]
    return t, i


def simulated(name: str) -> Cell:
    """(Ah, voltages over the profile at this temperature with charge transfer slowed by this share)."""
    import pybamm  # type: ignore[import-untyped]  # noqa: PLC0415 - of the extra `health`

    pybamm.set_logging_level("ERROR")
    p = pybamm.ParameterValues(name)
    rated_ah = float(p["Nominal cell capacity [A.h]"])
    t, i = profile(rated_ah)
    p["Current function [A]"] = pybamm.Interpolant(t, -i, pybamm.t)
    for key in ("Ambient temperature [K]", "Initial temperature [K]"):
        p[key] = "[input]"
    for electrode in ("Negative", "Positive"):
        key = f"{electrode} electrode exchange-current density [A.m-2]"
        p[key] = lambda *at, full=p[key]: full(*at) / (1 + pybamm.InputParameter("slowed"))
    solver = pybamm.IDAKLUSolver(rtol=1e-5, atol=1e-6)
    simulation = pybamm.Simulation(pybamm.lithium_ion.SPMe(), parameter_values=p, solver=solver)

    @cache
    def voltages(celsius: int, slowed: float) -> Floats:
        kelvin = celsius + 273.15
        inputs = {"Ambient temperature [K]": kelvin, "Initial temperature [K]": kelvin, "slowed": slowed}
        solution = simulation.solve([0, t[-1]], t_interp=t, initial_soc=0.6, inputs=inputs)
        return np.asarray(solution["Voltage [V]"](t))

    return rated_ah, voltages


def true_ohm(i: Floats, v: Floats, after_s: float) -> float:
    steps = np.flatnonzero(abs(np.diff(i)) > 0)
    t = np.arange(len(v), dtype=float)
    late_v = np.interp(steps + after_s, t, v)  # the current turns within the second after each of them
    return float(np.median((late_v - v[steps]) / (i[steps + 1] - i[steps])))


def seasons() -> Iterator[tuple[float, float, float]]:
    """(days since the last, years since the start, °C) of what is shown."""
    for day in range(0, YEARS * 365, DAYS_APART):
        celsius = MEAN_C + SEASON_K * np.sin(2 * np.pi * day / 365)
        yield (DAYS_APART - 0.25 if day else 0), day / 365, celsius - DAY_K
        yield 0.25, day / 365, celsius + DAY_K


class Aged:
    """Voltages of one set over the profile, at any temperature of the grid's range and any time of its life."""

    def __init__(self, kind: str, cell: Cell):
        rated_ah, voltages = cell
        self.t, self.i = profile(rated_ah)
        new_ohm = true_ohm(self.i, voltages(25, 0.0), TRUE_STEP_S)
        self._columns = np.array(
            [
                [
                    voltages(celsius, 0.0) + self.i * new_ohm * age if kind == "contact" else voltages(celsius, 2 * age)
                    for celsius in GRID
                ]
                for age in AGES
            ]
        )

    def voltages(self, years: float, celsius: float) -> Floats:
        age = max(years - 1, 0.0)
        by_age = _between(self._columns, age)
        return _between(by_age, float(np.interp(celsius, GRID, range(len(GRID)))))


def _between(rows: Floats, at: float) -> Floats:
    low = min(int(at), len(rows) - 2)
    return rows[low] + (rows[low + 1] - rows[low]) * (at - low)


def simulated_rises(name: str, kind: str, cell: Cell) -> Iterator[tuple[bool, int, Rise]]:
    """(since its first day, not since it has seen a year; °C; rise)."""
    rated_ah, _ = cell
    aged = Aged(kind, cell)
    t, i = aged.t, aged.i
    for seed in range(SIMULATED_DRAWS):
        chance = np.random.default_rng([seed, SETS.index(name), KINDS.index(kind)])
        errors = replace(Errors.drawn(chance), offset_a=0.005 * rated_ah * chance.uniform(-1, 1))
        board, firsts = Board(round(1000 * rated_ah), errors, chance), [None, None]
        spacings_s = errors.sample_ms / 2000, TRUE_STEP_S
        new_ohms = [true_ohm(i, aged.voltages(0, MEAN_C), s) for s in spacings_s]
        for days, years, celsius in seasons():
            board.wait(days)
            begins = 20 + 40 * int(chance.integers(32))
            part = slice(begins, begins + SHOWN_S)
            v = aged.voltages(years, celsius)
            board.see(t[part], i[part], v[part], np.full(SHOWN_S, 10.0 * celsius))
            now, at_25 = board.stated(), aged.voltages(years, MEAN_C)
            true = [100 * (true_ohm(i, at_25, s) / ohm - 1) for s, ohm in zip(spacings_s, new_ohms, strict=True)]
            for n, first in enumerate(firsts):
                if now and first:
                    yield not n, min(CELSIUS, key=lambda at: abs(at - celsius)), rise(now, first, *true)
                elif years >= n:
                    firsts[n] = now


def simulated_lines() -> Lines:
    """None without the extra `health`, which is said."""
    if not find_spec("pybamm"):
        print("no simulated cells: pybamm is not installed (.venv/bin/pip install --editable '.[health]')")
        return
    every = []
    for name in SETS:
        cell = simulated(name)
        for kind in KINDS:
            found = list(simulated_rises(name, kind, cell))
            yield f"{name}, {kind}", figures([rise for is_since_first, _, rise in found if not is_since_first])
            every += found
    for since, is_asked in (("a year", False), ("the first day", True)):
        for celsius in CELSIUS:
            rises = [rise for is_since_first, at, rise in every if at == celsius and is_since_first == is_asked]
            yield f"all since {since}, {celsius} °C", figures(rises)


HEADS = ("highest", "rmse", "max", "sigma", "cover", "naive", "naive_max", "of_quick", "laboratory", "steps_laboratory")
TITLES = ("highest", "RMSE", "max", "sigma", "cover", "naive", "max", "of quick", "lab", "lab-steps")


def show(name: str, line: dict[str, float]) -> dict[str, float]:
    print(f"{name:32}" + "".join(f"{line[key]:10.2f}" if key in line else f"{'':10}" for key in HEADS), flush=True)
    return {key: round(value, 3) for key, value in line.items()}


def main() -> int:
    names = ("CS2_35", "CS2_37", "B0005", "B0007", "B0029")
    if not all(is_there(name) for name in names):
        print(f"no recordings in {folder()}; set PACKSEAL_CELLS to the folder that has them")
        print(json.dumps({}))
        return 0
    print(f"{'points of rise':32}" + "".join(f"{title:>10}" for title in TITLES))
    found = {
        name: show(name, line) for lines in (life_lines(names), leaf_lines(), simulated_lines()) for name, line in lines
    }
    print(json.dumps(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
