"""Takes deliveries in groups, answers each, and holds back for a while what came before what it goes on from.

Whoever brings deliveries calls `take`, which returns when all are answered, held back, or handed back to be sent again.
Held back is only where other workers may have the rest (docs/workers.md). While there is anything to look for, a
thread asks the store every POLL_S whether it has come: one query for all.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from packseal.apps.early_deliveries import Due, EarlyDeliveries
from packseal.apps.receiving import Answer, EarlyError
from packseal.errors import PackSealError, UnavailableError
from packseal.io.came import Came

POLL_S = 0.02
JOIN_S = 10


class Receive(Protocol):
    def __call__(self, came: Sequence[tuple[str, bytes]], *, is_patient: bool) -> list[Answer]:
        """As PassportService.receive_many does."""


class Intake:
    """`take` may be called from any thread."""

    def __init__(
        self,
        receive: Receive,
        sizes: Callable[[Sequence[bytes]], Mapping[bytes, int]],
        answered: Callable[[str, bytes], None],
        early: EarlyDeliveries | None = None,
    ) -> None:
        """sizes: how many records of these logs are stored. answered: takes topic and answer of each delivery. early:
        None where nobody else takes deliveries of this service."""
        self._receive, self._sizes, self._answered, self._early = receive, sizes, answered, early
        self.problem = ""
        self._changed = threading.Condition()
        self._is_ended = False
        self._thread = threading.Thread(target=self._run, name="early deliveries", daemon=True)

    def start(self) -> None:
        if self._early is not None:
            self._thread.start()

    def stop(self) -> None:
        """What is held back now is not answered: its sender has it."""
        with self._changed:
            self._is_ended = True
            self._changed.notify_all()
        if self._thread.is_alive():
            self._thread.join(JOIN_S)

    @property
    def held(self) -> int:
        """How many deliveries wait for what they go on from."""
        return len(self._early) if self._early is not None else 0

    def take(self, came: Sequence[Came]) -> None:
        """Stores and answers what can be. Errors are told to `done` and in `problem`, and raise nothing."""
        refused = self._tried(came, is_patient=self._early is not None)
        if refused:
            self._tried(refused, is_patient=False)

    def _tried(self, came: Sequence[Came], *, is_patient: bool) -> list[Came]:
        """-> what is early and finds no room to wait"""
        try:
            answers = self._receive([(one.topic, one.payload) for one in came], is_patient=is_patient)
        except Exception as error:  # whoever brings deliveries must outlive what nobody thought of
            self._failed(came, error)
            return []
        pairs = list(zip(came, answers, strict=True))
        self._failed([one for one, answer in pairs if _is_failure(answer)], _first_failure(answers))
        for one, answer in pairs:
            if isinstance(answer, bytes):
                self._tell(one, answer)
        return [one for one, answer in pairs if isinstance(answer, EarlyError) and not self._held(one, answer)]

    def _tell(self, came: Came, answer: bytes) -> None:
        try:
            self._answered(came.topic, answer)
        except PackSealError as error:
            self._failed([came], error)
        else:
            came.done(True)

    def _failed(self, came: Sequence[Came], error: Exception | None) -> None:
        self.problem = f"a message on {came[0].topic} was not taken: {error}" if came else ""
        for one in came:
            one.done(False)

    def _held(self, came: Came, early: EarlyError) -> bool:
        with self._changed:
            self._changed.notify_all()
            return self._early is not None and self._early.hold(came, early.log_id, early.size, time.monotonic())

    # ---- what is held back

    def _run(self) -> None:
        while self._waited():
            due = self._due()
            if due.ready:
                self.take(due.ready)
            if due.late:
                self._tried(due.late, is_patient=False)

    def _waited(self) -> bool:
        """Until there is something to look for, and a moment longer. False at the end."""
        with self._changed:
            while not self._early and not self._is_ended:
                self._changed.wait()
            self._changed.wait_for(lambda: self._is_ended, POLL_S)
            return not self._is_ended

    def _due(self) -> Due:
        with self._changed:
            logs = self._early.logs if self._early is not None else []
        try:
            sizes = self._sizes(logs)
        except Exception as error:  # the thread must outlive what nobody thought of
            sizes, self.problem = {}, str(error)
        with self._changed:
            return self._early.taken_out(sizes, time.monotonic()) if self._early is not None else Due([], [])


def _is_failure(answer: Answer) -> bool:
    return isinstance(answer, UnavailableError) and not isinstance(answer, EarlyError)


def _first_failure(answers: Sequence[Answer]) -> UnavailableError | None:
    return next((one for one in answers if isinstance(one, UnavailableError) and _is_failure(one)), None)
