"""Publishes the service's log as tiles and has its checkpoints cosigned, behind the service's back and at its own pace.

Receipts do not wait for it: what they stand for is signed in the database. What is published is a second old; while a
witness that answered before is waited for, five seconds more. Where the published log and the database contradict each
other, `contradiction` says so: then no receipt may leave, since nobody could prove its leaf.

Of several workers on one database one has the turn (io/publishing_turn.py). It publishes into its folder and asks the
witnesses. The others leave a folder alone that somebody brings on; one that nobody does, on another machine, they keep
up by themselves, behind what is cosigned.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import suppress

from packseal.apps.cosigning import Cosigners, Witness
from packseal.errors import ConfigError, EvidenceError, Reason, UnavailableError
from packseal.io.passport_storing import LogStoring
from packseal.io.publishing_turn import OnlyTurn, Turn
from packseal.io.tile_store import BATCH_LEAVES, CHECKPOINT, TileStore
from packseal.records.merkle import Edge, leaf_hash
from packseal.records.note import unverified_log_checkpoint, verified_cosignatures, with_cosignatures

PERIOD_S = 1.0
STOP_TIMEOUT_S = 10.0  # for the disk alone
TRIES = 3
LEFT_BEHIND = 5  # looks at a folder that does not grow, while the database does
NEWEST_DATABASE = (
    "put the newest database back and keep this folder; if that database is lost,"
    " begin anew with another key, database and folder"
)


class LogPublisher:
    def __init__(
        self, log: LogStoring, tiles: TileStore, witnesses: Sequence[Witness] = (), turn: Turn | None = None
    ) -> None:
        self.tiles = tiles
        self._turn = turn or OnlyTurn()
        self._left_at, self._looks = -1, 0  # the size at which others have left the folder, and how often it was seen
        self.problem = ""
        self.contradiction = ""
        self._log = log
        self._cosigners = Cosigners(tiles, witnesses)
        self._lock = threading.Lock()  # from reading a note to its publication; never while a witness is waited for
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="log publisher", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Publishes what is left, without waiting for witnesses."""
        self._stopping.set()
        self._cosigners.stop()
        if self._thread.is_alive():
            self._thread.join(STOP_TIMEOUT_S)
        self._tried(self.publish_now)

    @property
    def is_up_to_date(self) -> bool:
        """What is stored is published."""
        note, published = self._log.note(), self.tiles.published()
        return note is None or (published is not None and published.size >= unverified_log_checkpoint(note).size)

    def publish_now(self) -> None:
        """Without witnesses. Raises EvidenceError, UnavailableError."""
        self._noticed(self._publish)

    def turn(self) -> None:
        """Publishes the newest checkpoint, cosigned by those witnesses that answer; who did not is asked again.

        Raises EvidenceError, UnavailableError; this also where cosignatures are missing.
        """
        self._noticed(self._publish_cosigned)
        problems = self._cosigners.problems()
        if problems:
            raise UnavailableError("; ".join(problems))

    def round(self) -> None:
        """What a worker does once a second: its turn, or what is left of another's. Raises as turn does."""
        if not self._turn.is_ours():
            self.follow()
            return
        try:
            self.turn()
        finally:
            self._turn.tell(self.contradiction)

    def follow(self) -> None:
        """Of a worker without the turn. Raises EvidenceError, UnavailableError."""
        published = self.tiles.published()
        size = published.size if published else 0
        if size != self._left_at:
            self._left_at, self._looks = size, 0
        if self.is_up_to_date:
            return
        self._looks += 1
        if self._looks >= LEFT_BEHIND:
            self._noticed(self._publish_behind)
            published = self.tiles.published()
            self._left_at = published.size if published else 0  # by ourselves: the next look goes on at once

    def _publish_behind(self, note: bytes) -> None:
        """The newest cosigned checkpoint where that is news, else the newest of all."""
        cosigned, published = self._log.cosigned(), self.tiles.published()
        is_news = cosigned and (published is None or unverified_log_checkpoint(cosigned).size > published.size)
        self._publish(cosigned if cosigned and is_news else note)

    def _publish_cosigned(self, note: bytes) -> None:
        checkpoint = unverified_log_checkpoint(note)
        if self.tiles.published() == checkpoint and self._cosigners.have_signed(note):
            return
        if self.tiles.write_tiles(checkpoint.size, self._log.entries) != checkpoint.root:
            words = f"the {checkpoint.size} entries in the database do not have the root that was signed of them"
            raise EvidenceError(Reason.ROOT_MISMATCH, f"{words}; restore it from a backup")
        self._cosigners.ask(note, checkpoint)
        lines = self._cosigners.lines()
        cosigned = with_cosignatures(note, lines)
        if lines and len(lines) >= self._cosignatures(self._log.cosigned()):
            self._log.set_cosigned(cosigned)
        self._publish(cosigned)

    def _publish(self, note: bytes) -> None:
        """Unless the same checkpoint is there already, with as many cosignatures."""
        checkpoint = unverified_log_checkpoint(note)
        with self._lock:
            is_there = self.tiles.published() == checkpoint
            if not is_there or self._cosignatures(self.tiles.read(CHECKPOINT)) < self._cosignatures(note):
                self.tiles.publish(checkpoint.size, self._log.entries, note)

    def _noticed(self, publish: Callable[[bytes], None]) -> None:
        """Of the database's newest note; what contradicts the published log stops the receipts."""
        try:
            self._published(publish)
        except EvidenceError as error:
            self.contradiction = str(error)
            raise
        self.contradiction = ""

    def _published(self, publish: Callable[[bytes], None], tries: int = TRIES) -> None:
        note = self._log.note()
        try:
            if note:
                publish(note)
        except EvidenceError as error:
            if error.reason is not Reason.FORK or self._log.note() == note or tries == 1:
                raise
            self._published(publish, tries - 1)  # not so by the newest note: an export has published what came since

    def _cosignatures(self, note: bytes | None) -> int:
        """Their number: a note that fewer witnesses have signed does not take the place of one."""
        witnesses = {witness.name: witness.public_key for witness in self._cosigners.witnesses}
        with suppress(EvidenceError):
            return len(verified_cosignatures(note or b"", witnesses))
        return 0

    def _run(self) -> None:
        while not self._stopping.wait(PERIOD_S):
            self._tried(self.round)

    def _tried(self, step: Callable[[], object]) -> None:
        try:
            step()
        except (EvidenceError, UnavailableError) as error:
            self.problem = str(error)
        except Exception as error:  # the thread must outlive what nobody thought of
            self.problem = f"the log is not published: {error!r}"
        else:
            self.problem = ""


def check_continued(log: LogStoring, tiles: TileStore, database: str) -> None:
    """What is published is the beginning of what the database holds. Raises ConfigError, UnavailableError.

    Before anything is signed: a database that was put back would give its log a second end (docs/record.md section 7).
    """
    published = tiles.published()
    if published is None:
        return
    edge = Edge()
    for start in range(0, published.size, BATCH_LEAVES):
        entries = log.entries(start, min(start + BATCH_LEAVES, published.size))
        edge = edge.extended([leaf_hash(entry) for entry in entries])
    if edge.size < published.size:
        held = f"holds only {edge.size}: an older copy"
    elif edge.root() != published.root:
        held = "holds others"
    else:
        return
    raise ConfigError(
        f"{tiles.folder}: {published.size} entries are published, but {database} {held}; {NEWEST_DATABASE}"
    )
