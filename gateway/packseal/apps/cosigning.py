"""Asks the witnesses of a log to cosign its checkpoints: all at once, and who is silent holds up nobody else."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass

from packseal.errors import EvidenceError, UnavailableError, WitnessConflictError
from packseal.io.log_client import request_cosignature
from packseal.io.tile_store import TileStore
from packseal.records.note import LogCheckpoint, chosen_cosignature
from packseal.records.passport_log import consistency_proof

WITNESS_TIMEOUT_S = 5.0


@dataclass(frozen=True, slots=True)
class Witness:
    name: str
    url: str
    public_key: bytes


class Cosigners:
    """Remembers who has signed the newest note, and asks only the others; each in a thread of its own."""

    def __init__(self, tiles: TileStore, witnesses: Sequence[Witness]) -> None:
        self.witnesses = tuple(witnesses)
        self._tiles = tiles
        self._note = b""
        self._lines: dict[str, bytes] = {}  # name -> its signature of that note
        self._sizes: dict[str, int] = {}  # name -> the size it is known to have cosigned
        self._problems: dict[str, str] = {}  # name -> why it did not sign when it was asked last
        self._awaited: set[str] = set()  # whose answer is still to come, if only about an older note
        self._silent: set[str] = set()  # who was waited for in vain; nobody waits for them again before they answer
        self._is_stopped = False
        self._changed = threading.Condition()

    def have_signed(self, note: bytes) -> bool:
        with self._changed:
            return not self.witnesses or (note == self._note and len(self._lines) == len(self.witnesses))

    def ask(self, note: bytes, checkpoint: LogCheckpoint) -> None:
        """Whoever has not signed this note and owes no answer. The tiles of its tree are written."""
        with self._changed:
            if note != self._note:
                self._note, self._lines = note, {}
            asked = [one for one in self.witnesses if one.name not in self._lines.keys() | self._awaited]
            self._awaited |= {one.name for one in asked}
        for one in asked:
            arguments = (one, note, checkpoint)
            threading.Thread(target=self._ask, args=arguments, name=f"witness {one.name}", daemon=True).start()

    def lines(self, timeout_s: float = WITNESS_TIMEOUT_S) -> list[bytes]:
        """The cosignatures that have come, after so long at most."""
        with self._changed:
            self._changed.wait_for(lambda: self._is_stopped or not self._awaited - self._silent, timeout_s)
            self._silent |= self._awaited
            return [self._lines[one.name] for one in self.witnesses if one.name in self._lines]

    def problems(self) -> list[str]:
        """Why there are not more of them; empty also before anybody was asked."""
        with self._changed:
            missing = [one for one in self.witnesses if self._note and one.name not in self._lines]
            return [self._problems.get(one.name) or _no_answer(one) for one in missing]

    def stop(self) -> None:
        """Nobody is waited for any more."""
        with self._changed:
            self._is_stopped = True
            self._changed.notify_all()

    def _ask(self, witness: Witness, note: bytes, checkpoint: LogCheckpoint) -> None:
        line, problem = b"", ""
        try:
            line = self._line(witness, note, checkpoint)
        except (EvidenceError, UnavailableError) as error:
            problem = str(error)
        except Exception as error:  # or this witness would be awaited for ever
            problem = f"{witness.url}: {error!r}"
        with self._changed:
            self._awaited.discard(witness.name)
            self._problems[witness.name] = problem
            if line:
                self._sizes[witness.name] = checkpoint.size
                self._silent.discard(witness.name)
                self._lines |= {witness.name: line} if note == self._note else {}
            self._changed.notify_all()

    def _line(self, witness: Witness, note: bytes, checkpoint: LogCheckpoint) -> bytes:
        try:
            answer = self._answer(witness, self._sizes.get(witness.name, 0), note, checkpoint)
        except WitnessConflictError as conflict:
            if conflict.size > checkpoint.size:
                raise
            answer = self._answer(witness, conflict.size, note, checkpoint)
        return chosen_cosignature(note, answer, witness.name, witness.public_key)

    def _answer(self, witness: Witness, old_size: int, note: bytes, checkpoint: LogCheckpoint) -> bytes:
        proof: Sequence[bytes] = ()
        if 0 < old_size < checkpoint.size:
            proof = consistency_proof(self._tiles.reader(checkpoint.size), old_size, checkpoint.size, checkpoint.size)
        return request_cosignature(witness.url, old_size, proof, note, WITNESS_TIMEOUT_S)


def _no_answer(witness: Witness) -> str:
    return f"{witness.url}: no answer yet; check address and network"
