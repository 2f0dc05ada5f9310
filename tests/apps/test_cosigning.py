"""The service's log and its witnesses: real ones, silent ones, and one that saw another story."""

from __future__ import annotations

import socket
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from packseal.apps.cosigning import WITNESS_TIMEOUT_S
from packseal.apps.cosigning import Witness as AskedWitness
from packseal.apps.log_publisher import LogPublisher
from packseal.apps.witness import WitnessServer
from packseal.errors import EvidenceError, Reason
from packseal.io.ports import free_port
from packseal.io.tile_store import CHECKPOINT, TileStore
from packseal.io.witness_settings import WitnessSettings
from packseal.records.note import LogCheckpoint, sign_log_checkpoint, verified_cosignatures
from packseal.records.policy import Policy
from packseal.records.verify import verify_bundle
from tests.apps.published import check_published, filled, grow
from tests.passport.authorities import bind, open_desk, strangers_policy
from tests.passport.board import running_board, signer
from tests.passport.desk import SERVICE_KEY, SERVICE_PUBLIC_KEY, START_UNIX_MS

WITNESS = "witness.example/w1"
UNIX_S = START_UNIX_MS // 1000


class Witnessed:
    """A desk whose log a real witness watches, over HTTP; the witness can be away."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.board = running_board()
        self.desk = open_desk(folder)
        bind(self.desk, self.board)
        self.desk.receipt(self.board.delivery().to_bytes())
        self.listen = f"127.0.0.1:{free_port()}"
        self.server: WitnessServer | None = None
        self.start()
        self.key = self.server.public_key if self.server else b""
        self.publisher = self.new_publisher()

    def start(self) -> None:
        self.server = self.witness(WITNESS, self.listen)

    def witness(self, name: str, listen: str) -> WitnessServer:
        log = {"origin": self.desk.settings.origin, "public_key": SERVICE_PUBLIC_KEY.hex()}
        file = name.replace("/", "-")
        paths = {"store": self.folder / f"{file}.db", "key": self.folder / f"{file}.key"}
        settings = {"listen": listen, "name": name, "log": (log,), **paths}
        server = WitnessServer(WitnessSettings.model_validate(settings), lambda: UNIX_S)
        server.start()
        return server

    def stop(self) -> None:
        if self.server:
            self.server.stop()
        self.server = None

    def new_publisher(self, url: str | None = None) -> LogPublisher:
        witness = AskedWitness(WITNESS, url or f"http://{self.listen}", self.key)
        return LogPublisher(self.desk.store.log, self.desk.tiles, [witness])

    def policy(self, needed: int = 1) -> Policy:
        return strangers_policy(witnesses={WITNESS: self.key}, witnesses_needed=needed)

    def cosigned(self) -> dict[str, int]:
        return verified_cosignatures(self.desk.tiles.read(CHECKPOINT) or b"", {WITNESS: self.key})


@pytest.fixture
def witnessed(tmp_path: Path) -> Iterator[Witnessed]:
    made = Witnessed(tmp_path)
    yield made
    made.stop()


def test_a_witness_cosigns_and_a_bundle_says_so(witnessed: Witnessed) -> None:
    witnessed.publisher.turn()
    assert witnessed.cosigned() == {WITNESS: UNIX_S}
    trusted = verify_bundle(witnessed.desk.bundle(witnessed.board, 12), witnessed.policy())
    assert trusted.witnesses == {WITNESS: UNIX_S}
    other = strangers_policy(witnesses={WITNESS: SERVICE_PUBLIC_KEY}, witnesses_needed=1)
    with pytest.raises(EvidenceError) as refused:
        verify_bundle(witnessed.desk.bundle(witnessed.board, 12), other)
    assert refused.value.reason is Reason.TOO_FEW_WITNESSES


def test_a_log_that_grows_is_cosigned_again_also_after_restarts_of_both(witnessed: Witnessed) -> None:
    for is_restarted in (False, False, True, False):
        grow(witnessed.desk, witnessed.board)
        if is_restarted:
            witnessed.stop()
            witnessed.start()
            witnessed.publisher = witnessed.new_publisher()  # it knows nothing of what was cosigned before
        witnessed.publisher.turn()
        assert witnessed.cosigned() == {WITNESS: UNIX_S}
        last = witnessed.board.size - 1
        assert verify_bundle(witnessed.desk.bundle(witnessed.board, last), witnessed.policy()).entry.seq == last


def test_without_its_witness_the_log_is_published_and_cosigned_later(witnessed: Witnessed) -> None:
    witnessed.publisher.turn()
    witnessed.stop()
    grow(witnessed.desk, witnessed.board)
    for _ in range(2):
        witnessed.publisher._tried(witnessed.publisher.turn)
        assert "no answer" in witnessed.publisher.problem
    check_published(witnessed.desk)
    assert witnessed.cosigned() == {}
    older, newest = (witnessed.desk.bundle(witnessed.board, seq) for seq in (12, 13))
    assert verify_bundle(older, witnessed.policy()).entry.seq == 12, "a cosigned tree covers it"
    assert verify_bundle(newest, witnessed.policy(needed=0)).witnesses == {}
    with pytest.raises(EvidenceError) as refused:
        verify_bundle(newest, witnessed.policy())
    assert refused.value.reason is Reason.TOO_FEW_WITNESSES

    witnessed.start()
    witnessed.publisher._tried(witnessed.publisher.turn)
    assert witnessed.publisher.problem == ""
    assert witnessed.cosigned() == {WITNESS: UNIX_S}
    assert verify_bundle(witnessed.desk.bundle(witnessed.board, 13), witnessed.policy()).entry.seq == 13


def test_what_two_witnesses_signed_is_kept_until_both_sign_again(witnessed: Witnessed) -> None:
    listen = f"127.0.0.1:{free_port()}"
    other = witnessed.witness("witness.example/w2", listen)
    keys = {WITNESS: witnessed.key, "witness.example/w2": other.public_key}
    asked = [
        AskedWitness(name, url, keys[name])
        for name, url in zip(keys, (f"http://{witnessed.listen}", other.url), strict=True)
    ]
    publisher = LogPublisher(witnessed.desk.store.log, witnessed.desk.tiles, asked)
    both = strangers_policy(witnesses=keys, witnesses_needed=2)
    publisher.turn()
    other.stop()
    grow(witnessed.desk, witnessed.board)
    publisher._tried(publisher.turn)
    assert publisher.problem.startswith(f"{other.url}/add-checkpoint: no answer")
    assert set(verify_bundle(witnessed.desk.bundle(witnessed.board, 12), both).witnesses) == set(keys)
    newest = witnessed.desk.bundle(witnessed.board, 13)
    assert set(verify_bundle(newest, replace(both, witnesses_needed=1)).witnesses) == {WITNESS}
    with pytest.raises(EvidenceError) as refused:
        verify_bundle(newest, both)
    assert refused.value.reason is Reason.TOO_FEW_WITNESSES
    other = witnessed.witness("witness.example/w2", listen)
    publisher.turn()
    assert set(verify_bundle(witnessed.desk.bundle(witnessed.board, 13), both).witnesses) == set(keys)
    other.stop()


class SilentWitness:
    """Takes requests and answers none; `hang_up` ends all that have come."""

    def __init__(self) -> None:
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.asked = AskedWitness(
            f"silent.example/{self._listening.getsockname()[1]}",
            f"http://127.0.0.1:{self._listening.getsockname()[1]}",
            SERVICE_PUBLIC_KEY,
        )
        self._taken: list[socket.socket] = []

    def take(self) -> None:
        """Waits for a request."""
        self._listening.settimeout(20)
        self._taken.append(self._listening.accept()[0])

    def hang_up(self) -> None:
        for opened in (self._listening, *self._taken):
            opened.close()


@pytest.fixture
def silent() -> Iterator[SilentWitness]:
    made = SilentWitness()
    yield made
    made.hang_up()


class Turn:
    """Of a publisher, in a thread of its own."""

    def __init__(self, publisher: LogPublisher) -> None:
        self.publisher = publisher
        self._thread = threading.Thread(target=lambda: publisher._tried(publisher.turn))
        self._thread.start()

    @property
    def is_waiting(self) -> bool:
        return self._thread.is_alive()

    def end(self) -> str:
        """The problem that it ended with."""
        self._thread.join(20)
        assert not self._thread.is_alive()
        return self.publisher.problem


def test_what_an_export_publishes_while_a_witness_is_waited_for_is_no_fork(
    tmp_path: Path, silent: SilentWitness
) -> None:
    desk, board = filled(tmp_path)
    turn = Turn(LogPublisher(desk.store.log, desk.tiles, [silent.asked]))
    silent.take()
    grow(desk, board)
    LogPublisher(desk.store.log, TileStore(desk.tiles.folder)).publish_now()
    newest = desk.tiles.read(CHECKPOINT)
    assert turn.is_waiting
    silent.hang_up()
    assert "no answer" in turn.end()
    assert turn.publisher.contradiction == ""
    assert desk.tiles.read(CHECKPOINT) == newest
    check_published(desk)


def test_nobody_waits_for_a_witness_to_publish_or_to_stop(tmp_path: Path, silent: SilentWitness) -> None:
    desk, _ = filled(tmp_path)
    publisher = LogPublisher(desk.store.log, desk.tiles, [silent.asked])
    turn = Turn(publisher)
    silent.take()
    publisher.publish_now()
    check_published(desk)
    assert turn.is_waiting, "while the witness is still waited for"
    begin_s = time.monotonic()
    publisher.stop()
    turn.end()
    assert time.monotonic() - begin_s < WITNESS_TIMEOUT_S / 2


def test_of_several_silent_witnesses_all_are_asked_at_once_and_waited_for_once(tmp_path: Path) -> None:
    desk, board = filled(tmp_path)
    witnesses = [SilentWitness() for _ in range(4)]
    publisher = LogPublisher(desk.store.log, desk.tiles, [one.asked for one in witnesses])
    turn = Turn(publisher)
    for one in witnesses:
        one.take()
    assert turn.is_waiting, "each has its request before the first one's time is over"
    assert turn.end().count("no answer") == 4
    check_published(desk)
    grow(desk, board)
    assert Turn(publisher).end().count("no answer") == 4
    for one in witnesses:
        one.take()  # asked again, though nobody has waited for the answer
        one.hang_up()
    check_published(desk)
    publisher.stop()


def test_who_has_cosigned_a_tree_is_not_asked_again_for_another_that_is_away(
    witnessed: Witnessed, silent: SilentWitness
) -> None:
    witness = AskedWitness(WITNESS, f"http://{witnessed.listen}", witnessed.key)
    silent.hang_up()
    publisher = LogPublisher(witnessed.desk.store.log, witnessed.desk.tiles, [silent.asked, witness])
    publisher._tried(publisher.turn)
    assert witnessed.cosigned() == {WITNESS: UNIX_S}
    witnessed.stop()
    at = (witnessed.desk.tiles.folder / CHECKPOINT).stat().st_mtime_ns
    for _ in range(2):
        publisher._tried(publisher.turn)
        assert publisher.problem.startswith(f"{silent.asked.url}/add-checkpoint: no answer")
        assert witness.url not in publisher.problem
        assert (witnessed.desk.tiles.folder / CHECKPOINT).stat().st_mtime_ns == at


def test_a_restart_without_its_witness_keeps_what_it_has_cosigned(witnessed: Witnessed) -> None:
    witnessed.publisher.turn()
    witnessed.stop()
    publisher = witnessed.new_publisher()
    publisher._tried(publisher.turn)
    assert "no answer" in publisher.problem
    publisher.stop()
    assert witnessed.cosigned() == {WITNESS: UNIX_S}


def test_stopping_waits_for_no_witness(witnessed: Witnessed) -> None:
    witnessed.stop()
    witnessed.publisher.stop()
    check_published(witnessed.desk)


def test_a_witness_that_saw_another_story_cosigns_no_more_and_that_is_shown(witnessed: Witnessed) -> None:
    """The service's key signs a second tree, larger and of other entries; what the witness saw first stays."""
    witnessed.publisher.turn()
    other = open_desk(_folder(witnessed.folder / "other"))
    board = running_board(name="another board")
    bind(other, board)
    other.receipt(board.delivery().to_bytes())
    grow(other, board)
    publisher = LogPublisher(other.store.log, other.tiles, witnessed.publisher._cosigners.witnesses)
    publisher._tried(publisher.turn)
    assert "refuses the checkpoint with 422" in publisher.problem
    check_published(other)


def _folder(path: Path) -> Path:
    path.mkdir()
    return path


def test_an_answer_by_another_key_is_no_cosignature(witnessed: Witnessed) -> None:
    witnessed.key = SERVICE_PUBLIC_KEY
    publisher = witnessed.new_publisher()
    publisher._tried(publisher.turn)
    assert publisher.problem
    check_published(witnessed.desk)
    assert witnessed.cosigned() == {}


def test_a_note_that_does_not_fit_the_entries_is_neither_published_nor_shown_to_a_witness(witnessed: Witnessed) -> None:
    note = sign_log_checkpoint(
        LogCheckpoint(witnessed.desk.settings.origin, 4, bytes(32)), signer(SERVICE_KEY), SERVICE_PUBLIC_KEY
    )
    witnessed.desk.edit(lambda file: file.execute("UPDATE log_head SET note = ?", (note,)))
    witnessed.publisher._tried(witnessed.publisher.turn)
    assert "root-mismatch" in witnessed.publisher.problem
    assert witnessed.desk.tiles.read(CHECKPOINT) is None
    with closing(sqlite3.connect(witnessed.folder / "witness.example-w1.db")) as file:
        assert file.execute("SELECT * FROM cosigned").fetchall() == []
