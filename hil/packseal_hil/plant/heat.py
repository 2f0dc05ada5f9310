"""Heat along a string: each block warms, its neighbours and the air around it take it away.

    C dT/dt = P + k_neighbour (T_left - 2 T + T_right) + k_ambient (T_ambient - T)

Linear, so a step of any length is one product with an exponential of the matrix: exact for heat that is held.
"""

from __future__ import annotations

import numpy as np

from packseal_hil.readings import Floats

KEPT_STEPS = 16  # lengths of steps whose matrices are kept


class HeatFlow:
    """`string_blocks` in a row; the ends have one neighbour."""

    def __init__(self, string_blocks: int, heat_j_per_k: float, neighbour_w_per_k: float, ambient_w_per_k: float):
        links = np.diff(np.eye(string_blocks), axis=0)
        loss = neighbour_w_per_k * links.T @ links + ambient_w_per_k * np.eye(string_blocks)
        self._rates, self._modes = np.linalg.eigh(loss / heat_j_per_k)
        self._heat_j_per_k = heat_j_per_k
        self._kept: dict[float, tuple[Floats, Floats]] = {}

    def after(self, step_s: float, above_c: Floats, heat_w: Floats) -> Floats:
        """[strings, blocks], degrees above the ambient; heat_w is held over the step."""
        if step_s not in self._kept:
            if len(self._kept) >= KEPT_STEPS:
                self._kept.clear()
            self._kept[step_s] = self._matrices(step_s)
        stays, comes = self._kept[step_s]
        return np.asarray(above_c @ stays + heat_w @ comes)

    def _matrices(self, step_s: float) -> tuple[Floats, Floats]:
        falls = np.maximum(self._rates, 1e-12) * step_s
        stays = (self._modes * np.exp(-falls)) @ self._modes.T
        comes = (self._modes * (-np.expm1(-falls) / falls * step_s / self._heat_j_per_k)) @ self._modes.T
        return stays, comes
