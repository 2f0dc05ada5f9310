"""Tables looked up for all cell blocks at once: open-circuit voltage and its integral, and resistances.

Both are straight between their knots, the integral exactly that of the straight pieces: so what a block holds of energy
depends on its charge alone, and a round trip wins or loses nothing by rounding in the tables.
"""

from __future__ import annotations

import numpy as np

from packseal_hil.plant.parameters import Tables
from packseal_hil.readings import Floats, Integers


class OpenCircuit:
    """Of blocks that lost these parts of their capacity; beyond the table's ends the last piece goes on."""

    def __init__(self, tables: Tables, losses: Floats) -> None:
        self._first, self._step = float(tables.soc[0]), float(tables.soc[1] - tables.soc[0])
        self._last = len(tables.soc) - 2
        self._row = np.arange(len(losses)) * len(tables.soc)
        rows = _between(tables.losses, tables.ocv_v, losses)
        pieces = (rows[:, 1:] + rows[:, :-1]) * (self._step / 2)
        self._integral = np.concatenate([np.zeros((len(losses), 1)), np.cumsum(pieces, axis=1)], axis=1).ravel()
        self._volts = rows.ravel()
        self._rise = np.append(np.diff(self._volts), 0.0)

    def at(self, soc: Floats) -> tuple[Floats, Floats, Floats]:
        """(V, V for each 1 of soc, integral of V over soc from the table's beginning)."""
        x = (soc - self._first) / self._step
        left = np.clip(x.astype(np.int64), 0, self._last)
        part = x - left
        at = self._row + left
        low, rise = self._volts.take(at), self._rise.take(at)
        integral = self._integral.take(at) + part * (low + 0.5 * part * rise) * self._step
        return low + part * rise, rise / self._step, integral


def _between(knots: Floats, rows: Floats, wanted: Floats) -> Floats:
    x = np.clip(np.interp(wanted, knots, np.arange(len(knots))), 0, len(knots) - 1.000001)
    left = x.astype(np.int64)
    part = (x - left)[:, None]
    return np.asarray(rows[left] * (1 - part) + rows[left + 1] * part)


class Resistances:
    """V per C-rate of the fresh cell, by temperature and charge; held at the table's ends."""

    def __init__(self, tables: Tables) -> None:
        self._grid = _Axis(tables.temperatures_c), _Axis(tables.resistance_soc)
        self._columns = len(tables.resistance_soc)
        self._flat = np.ascontiguousarray(tables.resistance_v.reshape(-1, tables.resistance_v.shape[2]).T)

    def at(self, temperature_c: Floats, soc: Floats) -> Floats:
        """[R0 and those of the time constants, block]."""
        (row, down), (column, right) = (axis.place(x) for axis, x in zip(self._grid, (temperature_c, soc), strict=True))
        corner = row * self._columns + column
        upper, lower = (self._along(corner + below, right) for below in (0, self._columns))
        return upper + down * (lower - upper)

    def _along(self, corner: Integers, right: Floats) -> Floats:
        left = self._flat.take(corner, axis=1)
        return left + right * (self._flat.take(corner + 1, axis=1) - left)


class _Axis:
    """Of equal steps."""

    def __init__(self, knots: Floats) -> None:
        self._first, self._per_step = float(knots[0]), 1 / float(knots[1] - knots[0])
        self._most = len(knots) - 1.000001

    def place(self, wanted: Floats) -> tuple[Integers, Floats]:
        """(knot before, part of the step behind it)."""
        x = np.minimum(np.maximum((wanted - self._first) * self._per_step, 0.0), self._most)
        left = x.astype(np.int64)
        return left, x - left
