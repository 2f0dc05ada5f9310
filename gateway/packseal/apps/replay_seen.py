"""What a replay sees of its rows while they pass: reference, claims, and what explains a missing estimate.

Nothing of it reaches the estimator. Holds a few thousand points, however long the table is.
"""

from __future__ import annotations

from typing import Generic, TypeVar

from packseal.signals.table_rows import Row

MAX_POINTS = 4000
REST_RATE = 50  # below rated_capacity / 50 h a pack rests
STEP_RATE = 10  # a current step of rated_capacity / 10 h or more shows which way the voltage goes
GAP_SAMPLES = 10
LEAST_DISCHARGE = 5  # of the rated capacity, a fifth: below it a discharge says nothing of the capacity
LEAST_VOTES = 10

T = TypeVar("T")


class Thinned(Generic[T]):
    """Values over time, (t_ms, value); every second one goes when there are too many. count: of all there were."""

    def __init__(self) -> None:
        self.points: list[tuple[int, T]] = []
        self.count = 0
        self._stride = 1
        self._last: T | None = None
        self._until_ms = 0

    def add(self, t_ms: int, value: T) -> None:
        if self.count % self._stride == 0:
            self.points.append((t_ms, value))
        self.count += 1
        self._last, self._until_ms = value, t_ms
        if len(self.points) > MAX_POINTS:
            self.points = self.points[::2]
            self._stride *= 2

    def note(self, t_ms: int, value: T | None) -> None:
        """Only what is another value than the last one, and until when there was that."""
        if value is not None and value != self._last:
            self.add(t_ms, value)
        elif value is not None:
            self._until_ms = t_ms

    @property
    def held(self) -> list[tuple[int, T]]:
        """The points, and the last value once more where it still was."""
        if self._last is None or self._until_ms == self.points[-1][0]:
            return self.points
        return [*self.points, (self._until_ms, self._last)]

    @property
    def last(self) -> T | None:
        return self._last


class Discharges:
    """The tester's own count of charge taken out -> what each discharge took, from one charge to the next."""

    def __init__(self, rated_mah: int) -> None:
        self.found: Thinned[int] = Thinned()
        self._rated_mah = rated_mah
        self._moved_mah = self._ended_ms = 0
        self._count_mah: int | None = None

    def add(self, row: Row) -> None:
        if row.discharged_mah is not None:
            if self._count_mah is not None and row.discharged_mah > self._count_mah:  # else it began again
                self._moved_mah += row.discharged_mah - self._count_mah
                self._ended_ms = row.t_ms
            self._count_mah = row.discharged_mah
        if row.current_ma is not None and row.current_ma * REST_RATE >= self._rated_mah:
            if self._moved_mah * LEAST_DISCHARGE >= self._rated_mah:
                self.found.add(self._ended_ms, self._moved_mah)
            self._moved_mah = 0


class Seen:
    """Readable all along. between: rows that came between two samples of a slower board."""

    def __init__(self, rated_mah: int, sample_ms: int) -> None:
        self.rows = self.between = self.gaps = self.gap_ms = self.longest_gap_ms = 0
        self.t_ms = self.rest_ms = self.longest_rest_ms = 0
        self.reference: Thinned[int] = Thinned()  # mAh
        self.soc_reported: Thinned[int] = Thinned()
        self.soh_reported: Thinned[int] = Thinned()
        self._discharges = Discharges(rated_mah)
        self._rated_mah, self._sample_ms = rated_mah, sample_ms
        self._votes = [0, 0]  # voltage went against the current, with it
        self._last: Row | None = None

    @property
    def discharges(self) -> Thinned[int]:
        return self._discharges.found

    @property
    def is_sign_doubtful(self) -> bool:
        """More current in, and less voltage: nearly every time, so the sign is the other way round."""
        against, along = self._votes
        return against + along >= LEAST_VOTES and against > 4 * along

    def add(self, row: Row) -> None:
        self.rows += 1
        self.t_ms = row.t_ms
        self.reference.note(row.t_ms, row.reference_mah)
        self.soc_reported.note(row.t_ms, row.soc_reported_cpct)
        self.soh_reported.note(row.t_ms, row.soh_reported_cpct)
        self._discharges.add(row)
        if self._last is not None:
            self._add_step(self._last, row)
        self._last = row

    def _add_step(self, last: Row, row: Row) -> None:
        step_ms = row.t_ms - last.t_ms
        if step_ms > GAP_SAMPLES * self._sample_ms:
            self.gaps += 1
            self.gap_ms += step_ms
            self.longest_gap_ms = max(self.longest_gap_ms, step_ms)
            self.rest_ms = 0
            return
        is_resting = row.current_ma is not None and abs(row.current_ma) * REST_RATE < self._rated_mah
        self.rest_ms = self.rest_ms + step_ms if is_resting else 0
        self.longest_rest_ms = max(self.longest_rest_ms, self.rest_ms)
        if None not in (last.current_ma, row.current_ma, last.pack_mv, row.pack_mv):
            self._vote((row.current_ma or 0) - (last.current_ma or 0), (row.pack_mv or 0) - (last.pack_mv or 0))

    def _vote(self, step_ma: int, step_mv: int) -> None:
        if step_mv and abs(step_ma) * STEP_RATE >= self._rated_mah:
            self._votes[(step_ma > 0) == (step_mv > 0)] += 1
