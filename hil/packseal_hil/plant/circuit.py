"""Strings in parallel: how they share what the pack is asked for, within the voltages that every block may have.

A block is a voltage behind a resistance for the step: v = e + r I. So is a string, and the pack's voltage is the only
unknown: strings carry what makes their voltages equal. A pack that is asked for more than a block can give or take
delivers what it can, as a charger's constant voltage and a BMS's derating do; only what flows between the strings
themselves is not limited, as in a pack.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from packseal_hil.readings import Floats


@dataclass(frozen=True, slots=True)
class Demand:
    """Of a pack, at its terminals, positive when it charges: current, or power where `power_w` is given."""

    current_a: float = 0.0
    power_w: float | None = None


def string_currents_a(e_v: Floats, r_ohm: Floats, string_ohm: float, demand: Demand, limits_v: Floats) -> Floats:
    """[strings]; e_v, r_ohm: [strings, blocks]; limits_v: the least and the most of a block."""
    e, r = e_v.sum(axis=1), r_ohm.sum(axis=1) + string_ohm
    conductance = 1 / r
    resistance = 1 / float(conductance.sum())
    rest_v = float((e * conductance).sum()) * resistance
    wanted_v = rest_v + resistance * _current_a(demand, rest_v, resistance)
    least_a = np.minimum(((limits_v[0] - e_v) / r_ohm).max(axis=1), 0.0)
    most_a = np.maximum(((limits_v[1] - e_v) / r_ohm).min(axis=1), 0.0)
    least_v = min(float((e + r * least_a).max()), rest_v)
    most_v = max(float((e + r * most_a).min()), rest_v)
    return np.asarray((min(max(wanted_v, least_v), most_v) - e) * conductance)


def _current_a(demand: Demand, rest_v: float, resistance: float) -> float:
    """Of P = (E + R I) I the root near rest; where the pack cannot give so much, what it gives at most."""
    if demand.power_w is None:
        return demand.current_a
    under_root = rest_v * rest_v + 4 * resistance * demand.power_w
    return (math.sqrt(max(under_root, 0.0)) - rest_v) / (2 * resistance)
