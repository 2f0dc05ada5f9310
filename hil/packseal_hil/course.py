"""What a pack is asked for in one run: a duty, for a time, from the beginning again where it is shorter."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from packseal_hil.plant.duty import Duty, duty

SHORTEST_PIECE_S = 1e-3  # floating point must not make a piece of no length


def asked_of(what: str | Duty, seed: int) -> Duty:
    """Raises ValueError for a name that no duty has."""
    return duty(what, seed) if isinstance(what, str) else what


def rest_of(length_s: float, ambient_c: float) -> Duty:
    """Nothing flows."""
    return Duty("rest", np.array([length_s]), np.zeros(1), np.array([ambient_c]))


class Course:
    def __init__(self, asked: Duty) -> None:
        self.name = asked.name
        self._asked, self._begins_s, self._turn_s = asked, asked.time_s, asked.length_s

    def length_s(self, hours: float | None, for_s: float | None) -> float:
        """Of a run: as it is asked, else once through. Raises ValueError."""
        if hours is not None and for_s is not None:
            raise ValueError("hours or for_s, not both")
        length_s = hours * 3600 if hours is not None else for_s
        return self._turn_s if length_s is None else length_s

    def pieces(self, from_s: float, to_s: float) -> Iterator[tuple[float, float, float]]:
        """(length_s, W for each rated Wh, ambient_c) of what is asked between two seconds of a run."""
        asked, begins_s = self._asked, self._begins_s
        while from_s < to_s:
            before_s = from_s // self._turn_s * self._turn_s
            row = int(np.searchsorted(begins_s, from_s - before_s, side="right")) - 1
            end_s = before_s + float(begins_s[row] + asked.step_s[row])
            end_s = min(max(end_s, from_s + SHORTEST_PIECE_S), to_s)
            yield end_s - from_s, float(asked.power[row]), float(asked.ambient_c[row])
            from_s = end_s
