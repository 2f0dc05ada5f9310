"""A cell and its estimator by rests, for the tests of it; and what board_tests/fit_rings.py answers."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random
from typing import Any

from logger.core.electrodes import Curves
from logger.core.fit import Fit
from logger.core.steps import finish
from logger.profiles import lco, lfp, nca, nmc
from tests.firmware.aged_cells import PUBLISHED_PPM, Anchor, Cell, cell_of, ring, sensors, wrong_curves
from tests.firmware.conftest import Interpreter

FOLLOW = Path(__file__).parent / "board_tests" / "fit_rings.py"
RECORDED = json.loads((Path(__file__).parent / "fit_rings.json").read_text())
PROFILES = {"nmc": nmc, "nca": nca, "lco": lco, "lfp": lfp}
COVERED = 1.96


def follow(interpreter: Interpreter, cells: list[dict[str, Any]]) -> list[str]:
    return interpreter.run(FOLLOW, input_bytes="".join(json.dumps(cell) + "\n" for cell in cells).encode()).splitlines()


class Life:
    """A cell and its estimator, from one seed."""

    def __init__(self, chemistry: str, use: str, seed: int, **options: Any) -> None:
        self.random = Random(f"{chemistry} {use} {seed}")
        self.curves = Curves(PROFILES[chemistry])
        self.use = use
        self.sensors = sensors(self.random)
        self.fit = Fit(wrong_curves(PROFILES[chemistry], self.random), **options)

    def ring(self, cell: Cell, use: str = "") -> list[Anchor]:
        return ring(self.curves, cell, use or self.use, self.random, self.sensors)

    def learn(self, cell: Cell, days: int, use: str = "") -> bool:
        return bool(finish(self.fit.ring_steps(self.ring(cell, use), days)))

    def is_covered(self, cell: Cell, sigmas: float = COVERED) -> bool:
        ppm, sigma_ppm, _ = self.fit.capacity()
        return bool(abs(ppm - cell.capacity_ppm) <= sigmas * sigma_ppm)

    def is_published(self) -> bool:
        _, sigma_ppm, is_consistent = self.fit.capacity()
        return bool(is_consistent and sigma_ppm < PUBLISHED_PPM)


def aged(curves: Any, lithium: float = 0, negative: float = 0, positive: float = 0) -> Cell:
    q_n, q_p, q_li = curves.amounts_ppm
    return cell_of(curves, [round(q_n * (1 - negative)), round(q_p * (1 - positive)), round(q_li - 1e6 * lithium)])
