"""The cell blocks of a pack, all at once: charge, slow voltages, heat and wear, one step of time after the other.

Within a step the current is held and everything that follows it exactly is taken exactly: charge by counting, the slow
parts by exponentials, stored energy by the integral of the open-circuit voltage, heat by the mean over the step. Steps
are implicit in the voltages (circuit.py), so a long step is coarse, never unstable. Energy that goes in is energy
stored or heat, to the rounding of floats.
"""

from __future__ import annotations

import numpy as np

from packseal_hil.plant.circuit import Demand, string_currents_a
from packseal_hil.plant.curves import OpenCircuit, Resistances
from packseal_hil.plant.heat import KEPT_STEPS, HeatFlow
from packseal_hil.plant.parameters import PackParameters, tables_of
from packseal_hil.plant.wear import AgeingProfile, Wear
from packseal_hil.readings import Floats

WEARS_EVERY_S = 60.0
HALF = 0.5
MONTH_H = 730.0
MOST_C = 150.0  # a cell that is hotter burns; no table follows it there


class Blocks:
    """[strings * blocks] of everything; currents positive when they charge. `soc`: of what each still holds."""

    def __init__(
        self, parameters: PackParameters, shape: tuple[int, int], random: np.random.Generator, soc: float, loss: float
    ) -> None:
        """shape: strings, blocks in series. soc, loss: of the average block."""
        self._p, self._shape = parameters, shape
        self._tables = tables_of(parameters.cell_type)
        count = shape[0] * shape[1]
        self._new_ah = parameters.block_capacity_ah * _spread(random, parameters.capacity_spread, count)
        self._ohm_per_v = _spread(random, parameters.resistance_spread, count) / self._new_ah
        self._wear = Wear(parameters.ageing, _spread(random, parameters.pace_spread, count), loss)
        self._resistances = Resistances(self._tables)
        self._heat = HeatFlow(
            shape[1], parameters.heat_capacity_j_per_k, parameters.to_neighbour_w_per_k, parameters.to_ambient_w_per_k
        )
        self._worn()
        soc_of = np.clip(soc + parameters.soc_spread * random.standard_normal(count), 0.0, 1.0)
        self.charge_ah = soc_of * self.capacity_ah
        self._warmed_c = np.full(count, 25.0)  # by what flows and by the air
        self.hotter_c = np.zeros(count)  # above that, whatever the reason
        self._leak_s = np.full(count, self._self_discharge_s())
        self.extra_leak_s = np.zeros(count)  # of shorts, in siemens
        self.limits_v = np.array([self._tables.v_min, self._tables.v_max])
        self._slow_a, self._current_a = np.zeros((len(self._tables.tau_s), count)), np.zeros(count)
        self._branch = np.zeros(count)  # of hysteresis: -1 discharged last, 1 charged last
        self._keeps: dict[float, tuple[Floats, Floats]] = {}
        self._unworn_s, self._unworn_ah = 0.0, np.zeros(count)
        self.string_a = np.zeros(shape[0])
        self._look()
        self.voltage_v = self._ocv_v

    @property
    def temperature_c(self) -> Floats:
        return np.asarray(np.minimum(self._warmed_c + self.hotter_c, MOST_C))

    @property
    def soc(self) -> Floats:
        return np.asarray(self.charge_ah / self.capacity_ah)

    @property
    def stored_wh(self) -> float:
        """From the table's beginning, below the empty cell."""
        return float((self.capacity_ah * self._integral).sum())

    def pack_voltage_v(self) -> float:
        """At the terminals: the mean of strings, which differ by what a step rounds."""
        strings = self.voltage_v.reshape(self._shape).sum(axis=1) + self._p.string_ohm * self.string_a
        return float(strings.mean())

    def reference_ohm(self) -> Floats:
        """At 25 °C and half charge, as a small pulse of some ten seconds shows it: R0 and the fastest of the slow."""
        count = len(self.charge_ah)
        found = self._resistances.at(np.full(count, 25.0), np.full(count, HALF))
        return np.asarray((found[0] + found[1]) * self._ohm)

    def advance(self, step_s: float, demand: Demand | None, ambient_c: float) -> float:
        """Energy at the terminals in Wh, positive when it charged; demand None: every string is on its own."""
        step_h = step_s / 3600
        r = self._resistances.at(self.temperature_c, self._soc) * self._ohm
        bend_a = np.interp(self.temperature_c, self._tables.temperatures_c, self._tables.bend_c) * self._new_ah
        keeps, mean_keeps = self._decays(step_s)
        e_v = self._ocv_v + self._p.hysteresis_v * self._branch + (r[1:] * keeps * self._slow_a).sum(axis=0)
        r_ohm = (
            r[0] * _bent(self._current_a, bend_a)
            + ((1 - keeps) * r[1:]).sum(axis=0)
            + self._rise_v * step_h / self.capacity_ah
        )
        leak_s = self._leak_s + self.extra_leak_s
        shared = 1 / (1 + r_ohm * leak_s)
        e_v, r_ohm = e_v * shared, r_ohm * shared
        self.string_a = self._strings_a(e_v, r_ohm, demand)
        through_a = np.repeat(self.string_a, self._shape[1])
        leak_a = leak_s * (e_v + r_ohm * through_a)
        current_a = through_a - leak_a
        self._current_a = current_a
        at_once_v = r[0] * _bent(current_a, bend_a) * current_a
        slow_mean_a = current_a + mean_keeps * (self._slow_a - current_a)
        self._slow_a = current_a + keeps * (self._slow_a - current_a)
        branch_v = self._p.hysteresis_v * self._follow_branch(current_a * step_h)
        over_v = branch_v + at_once_v + (r[1:] * slow_mean_a).sum(axis=0)
        stored_wh = -self._integral * self.capacity_ah
        self.charge_ah = self.charge_ah + current_a * step_h
        self._look()
        stored_wh += self._integral * self.capacity_ah
        now_v = self._p.hysteresis_v * self._branch + at_once_v + (r[1:] * self._slow_a).sum(axis=0)
        self.voltage_v = self._ocv_v + now_v
        heat_w = over_v * current_a + leak_a * self.voltage_v
        self._warm(step_s, heat_w, ambient_c)
        self._note_wear(step_s, current_a)
        of_bars_wh = self._p.string_ohm * float(np.square(self.string_a).sum()) * step_h
        return float(stored_wh.sum() + heat_w.sum() * step_h) + of_bars_wh

    def live(self, seconds: float, profile: AgeingProfile, ambient_c: float) -> None:
        """A jump: afterwards it rests, at the same charge in parts of what it still holds."""
        soc = self.soc
        self._settle_wear()
        cycles = profile.cycles_per_year * seconds / (365.25 * 86400)
        self._wear.pass_time(seconds, profile.soc, profile.temperature_c, cycles)
        self._worn()
        self.charge_ah = soc * self.capacity_ah
        self.rest_at(ambient_c)

    def rest_at(self, temperature_c: float) -> None:
        """As after days of standing."""
        self._slow_a, self._current_a = np.zeros_like(self._slow_a), np.zeros_like(self._current_a)
        self.string_a = np.zeros_like(self.string_a)
        self._warmed_c = np.full_like(self.charge_ah, temperature_c)
        self._look()
        self.voltage_v = self._ocv_v + self._p.hysteresis_v * self._branch

    def _strings_a(self, e_v: Floats, r_ohm: Floats, demand: Demand | None) -> Floats:
        if demand is None:
            return np.zeros(self._shape[0])
        e_v, r_ohm = e_v.reshape(self._shape), r_ohm.reshape(self._shape)
        return string_currents_a(e_v, r_ohm, self._p.string_ohm, demand, self.limits_v)

    def _look(self) -> None:
        self._soc = self.charge_ah / self.capacity_ah
        self._ocv_v, self._rise_v, self._integral = self._open_circuit.at(self._soc)

    def _decays(self, step_s: float) -> tuple[Floats, Floats]:
        """(what is left of a slow part after the step, of it on average over the step), as columns."""
        if step_s not in self._keeps:
            if len(self._keeps) >= KEPT_STEPS:
                self._keeps.clear()
            tau_s = self._tables.tau_s[:, None]
            self._keeps[step_s] = (np.exp(-step_s / tau_s), -np.expm1(-step_s / tau_s) * tau_s / step_s)
        return self._keeps[step_s]

    def _follow_branch(self, moved_ah: Floats) -> Floats:
        """Its mean over the step."""
        before = self._branch
        nears = np.exp(-self._p.hysteresis_per_charge * np.abs(moved_ah) / self.capacity_ah)
        towards = np.sign(moved_ah)
        self._branch = towards + (before - towards) * nears
        return np.asarray(HALF * (before + self._branch))

    def _warm(self, step_s: float, heat_w: Floats, ambient_c: float) -> None:
        above_c = (self._warmed_c - ambient_c).reshape(self._shape)
        self._warmed_c = self._heat.after(step_s, above_c, heat_w.reshape(self._shape)).ravel() + ambient_c

    def _note_wear(self, step_s: float, current_a: Floats) -> None:
        self._unworn_s += step_s
        self._unworn_ah += np.abs(current_a) * (step_s / 3600)
        if self._unworn_s >= WEARS_EVERY_S:
            self._settle_wear()
            self._worn()
            self._look()

    def _settle_wear(self) -> None:
        cycles = self._unworn_ah / (2 * self.capacity_ah)
        self._wear.pass_time(self._unworn_s, self._soc, self.temperature_c, cycles)
        self._unworn_s, self._unworn_ah = 0.0, np.zeros_like(self._unworn_ah)

    def _worn(self) -> None:
        loss = self._wear.loss
        self.capacity_ah = self._new_ah * (1 - loss)
        self._ohm = self._ohm_per_v * self._wear.resistance_factor
        self._open_circuit = OpenCircuit(self._tables, loss)

    def _self_discharge_s(self) -> float:
        at_v = float(np.interp(HALF, self._tables.soc, self._tables.ocv_v[0]))
        return self._p.self_discharge_per_month * self._p.block_capacity_ah / MONTH_H / at_v


def _bent(current_a: Floats, bend_a: Floats) -> Floats:
    """What is left of R0 at this current: asinh(x) / x. A step shares current between strings by the one before it."""
    x = np.maximum(np.abs(current_a) / bend_a, 1e-3)
    return np.asarray(np.arcsinh(x) / x)


def _spread(random: np.random.Generator, deviation: float, count: int) -> Floats:
    """Around 1, within three deviations: what a maker sorts out is not there."""
    return np.asarray(1 + deviation * np.clip(random.standard_normal(count), -3, 3))
