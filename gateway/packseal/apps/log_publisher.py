"""Publishes the service's log as tiles and has its checkpoints cosigned, behind the service's back and at its own pace.

Receipts do not wait for it: what they stand for is signed in the database. What is published is at most a second old.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from packseal.errors import EvidenceError, Reason, UnavailableError, WitnessConflictError
from packseal.io.log_client import request_cosignature
from packseal.io.passport_log_table import PassportLogTable
from packseal.io.tile_store import TileStore
from packseal.records.note import (
    LogCheckpoint,
    chosen_cosignature,
    unverified_log_checkpoint,
    verified_cosignatures,
    with_cosignatures,
)
from packseal.records.passport_log import consistency_proof

PERIOD_S = 1.0
WITNESS_TIMEOUT_S = 5.0


@dataclass(frozen=True, slots=True)
class Witness:
    name: str
    url: str
    public_key: bytes


class LogPublisher:
    def __init__(self, log: PassportLogTable, tiles: TileStore, witnesses: Sequence[Witness] = ()) -> None:
        self.tiles = tiles
        self.problem = ""
        self._log, self._witnesses = log, tuple(witnesses)
        self._witnessed: dict[str, int] = {}  # name -> the size it is known to have cosigned
        self._cosigned_size = -1
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="log publisher", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Publishes what is left, without waiting for witnesses."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(2 * WITNESS_TIMEOUT_S)
        self._tried(self.publish_now)

    @property
    def is_up_to_date(self) -> bool:
        """What is stored is published."""
        note, published = self._log.note(), self.tiles.published()
        return note is None or (published is not None and published.size >= unverified_log_checkpoint(note).size)

    def publish_now(self) -> None:
        """Without witnesses. Raises EvidenceError, UnavailableError."""
        with self._lock:
            note = self._log.note()
            if note and not self.is_up_to_date:
                self.tiles.publish(unverified_log_checkpoint(note).size, self._log.entries, note)

    def turn(self) -> None:
        """Publishes the newest checkpoint, cosigned by those witnesses that answer; who did not is asked again."""
        with self._lock:
            self._turn()

    def _turn(self) -> None:
        note = self._log.note()
        if note is None:
            return
        checkpoint = unverified_log_checkpoint(note)
        published = self.tiles.published()
        is_published = published is not None and published.size == checkpoint.size
        if is_published and (not self._witnesses or checkpoint.size == self._cosigned_size):
            return
        if self.tiles.write_tiles(checkpoint.size, self._log.entries) != checkpoint.root:
            words = f"the {checkpoint.size} entries in the database do not have the root that was signed of them"
            raise EvidenceError(Reason.ROOT_MISMATCH, f"{words}; restore it from a backup")
        lines, problems = self._lines(note, checkpoint)
        cosigned = with_cosignatures(note, lines)
        self.tiles.publish(checkpoint.size, self._log.entries, cosigned)
        if lines and len(lines) >= self._cosignatures_kept():
            self._log.set_cosigned(cosigned)
        if problems:
            raise UnavailableError("; ".join(problems))
        self._cosigned_size = checkpoint.size

    def _cosignatures_kept(self) -> int:
        """Of the note that is kept for what it covers: one that fewer witnesses have signed does not take its place."""
        witnesses = {witness.name: witness.public_key for witness in self._witnesses}
        with suppress(EvidenceError):
            return len(verified_cosignatures(self._log.cosigned() or b"", witnesses))
        return 0

    def _run(self) -> None:
        while not self._stopping.wait(PERIOD_S):
            self._tried(self.turn)

    def _tried(self, step: Callable[[], object]) -> None:
        try:
            step()
        except (EvidenceError, UnavailableError) as error:
            self.problem = str(error)
        except Exception as error:  # the thread must outlive what nobody thought of
            self.problem = f"the log is not published: {error!r}"
        else:
            self.problem = ""

    def _lines(self, note: bytes, checkpoint: LogCheckpoint) -> tuple[list[bytes], list[str]]:
        """Cosignatures, and in words why there are not more of them."""
        lines, problems = [], []
        for witness in self._witnesses:
            try:
                lines.append(self._line(witness, note, checkpoint))
            except (EvidenceError, UnavailableError) as error:
                problems.append(str(error))
        return lines, problems

    def _line(self, witness: Witness, note: bytes, checkpoint: LogCheckpoint) -> bytes:
        old_size = self._witnessed.get(witness.name, 0)
        try:
            answer = self._asked(witness, old_size, note, checkpoint)
        except WitnessConflictError as conflict:
            if conflict.size > checkpoint.size:
                raise
            answer = self._asked(witness, conflict.size, note, checkpoint)
        line = chosen_cosignature(note, answer, witness.name, witness.public_key)
        self._witnessed[witness.name] = checkpoint.size
        return line

    def _asked(self, witness: Witness, old_size: int, note: bytes, checkpoint: LogCheckpoint) -> bytes:
        proof: Sequence[bytes] = ()
        if 0 < old_size < checkpoint.size:
            proof = consistency_proof(self.tiles.reader(checkpoint.size), old_size, checkpoint.size, checkpoint.size)
        return request_cosignature(witness.url, old_size, proof, note, WITNESS_TIMEOUT_S)
