"""The running service: what it refuses to start with, what stops its receipts, and what it tells its operator."""

from __future__ import annotations

import asyncio
import shutil
import socket
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from packseal.apps.authority import submit
from packseal.apps.bundles import BundleMaker
from packseal.apps.life_desk import LifeDesk, NewPassport
from packseal.apps.passport_server import PassportServer, clock_problem
from packseal.errors import ConfigError, EvidenceError, Reason, UnavailableError
from packseal.io.passport_store import PassportStore
from packseal.io.ports import free_port
from packseal.io.settings import PassportFileSettings
from packseal.io.settings_file import load_settings
from packseal.io.tile_store import CHECKPOINT
from packseal.records.answer import ReceiptAnswer, decode_answer
from tests.apps.command import packseal
from tests.log.station import served
from tests.passport.authorities import INTEGRATOR, OPERATOR, bind, enrolment, file_signer, open_desk
from tests.passport.board import TOPIC, Board, running_board
from tests.passport.desk import SERVICE_KEY, SERVICE_PUBLIC_KEY, START_UNIX_MS, Desk
from tests.waiting import until

DAY_MS = 86_400_000


class Place:
    """The files of a service, filled by a desk that works on them and has ended."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "service.key").write_bytes(bytes(SERVICE_KEY))
        (folder / "service.key").chmod(0o600)
        self.settings_path = folder / "passport.toml"
        self.settings_path.write_text(
            f'broker = "mqtt://127.0.0.1:9"\nlisten = "127.0.0.1:{free_port()}"\nstore = "passport.db"\n'
            f'key = "service.key"\n[[battery]]\nid = "pack-1"\nname = "A pack"\ncategory = "SBESS"\n'
            f'[[authority]]\npublic_key = "{INTEGRATOR.key.public_key.hex()}"\nrole = "integrator"\n'
            f'[[authority]]\npublic_key = "{OPERATOR.key.public_key.hex()}"\nrole = "operator"\n'
        )
        self.board = running_board()
        self.desk = open_desk(folder)
        bind(self.desk, self.board)
        self.desk.receipt(self.board.delivery().to_bytes())
        self.end()

    @property
    def settings(self) -> PassportFileSettings:
        return load_settings(self.settings_path, PassportFileSettings)

    @property
    def copy(self) -> Path:
        return self.folder / "backup"

    def end(self) -> None:
        self.desk.publisher.turn()
        self.desk.store._database.fold_back()
        self.desk.store.close()

    def grow(self, later_ms: int = 0) -> None:
        """One receipt more, published."""
        self.desk.open()
        self.desk.now_unix_ms += later_ms
        (head,) = self.desk.store.heads()
        if head.size == self.board.size:
            self.board.windows(1)
        self.desk.receipt(self.board.delivery(head.size, head.size + 1).to_bytes())
        self.end()

    def back_up(self) -> None:
        shutil.copy(self.desk.path, self.copy)

    def put_back(self) -> None:
        shutil.copy(self.copy, self.desk.path)

    @contextmanager
    def running(self) -> Iterator[PassportServer]:
        server = PassportServer(self.settings)
        server.start()
        try:
            yield server
        finally:
            server.stop()

    def refused(self, words: str) -> None:
        """Does not start, and changes nothing."""
        before = self.desk.path.read_bytes() if self.desk.path.exists() else None
        published = self.desk.tiles.read(CHECKPOINT)
        with pytest.raises(ConfigError, match=words):
            PassportServer(self.settings)
        assert (self.desk.path.read_bytes() if self.desk.path.exists() else None) == before
        assert self.desk.tiles.read(CHECKPOINT) == published


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


# ---- what it starts with


def test_a_database_put_back_starts_no_service(place: Place) -> None:
    place.back_up()
    place.grow()
    newest = place.desk.path.read_bytes()
    place.put_back()
    place.refused(
        r"5 entries are published, but .*passport\.db holds only 4: an older copy; put the newest database back"
    )
    place.desk.path.write_bytes(newest)
    with place.running() as server:
        assert server.store.log.size() == 5


def test_a_database_of_another_story_starts_no_service(place: Place) -> None:
    """As long as what was published, or longer: put back, gone on, and published nowhere."""
    place.back_up()
    place.grow()
    newest, published = place.desk.path.read_bytes(), place.folder / "published"
    shutil.move(place.desk.tiles.folder, published)
    place.put_back()
    for _ in range(2):
        shutil.rmtree(place.desk.tiles.folder, ignore_errors=True)
        place.grow(later_ms=60_000)
        shutil.rmtree(place.desk.tiles.folder)
        shutil.copytree(published, place.desk.tiles.folder)
        place.refused(r"5 entries are published, but .*passport\.db holds others; put the newest database back")
    place.desk.path.write_bytes(newest)
    with place.running() as server:
        assert server.store.log.size() == 5


def test_a_database_that_is_gone_starts_no_service(place: Place) -> None:
    place.desk.path.unlink()
    place.refused(r"passport\.db is missing, but .*passport-log was published from it; put the newest database back")
    assert not place.desk.path.exists()


def test_a_database_that_was_published_nowhere_starts(place: Place) -> None:
    shutil.rmtree(place.desk.tiles.folder)
    with place.running() as server:
        server.publisher.turn()
    published = place.desk.tiles.published()
    assert published is not None
    assert published.size == 4


def test_an_export_of_a_database_put_back_is_refused(place: Place) -> None:
    place.back_up()
    place.grow()
    place.put_back()
    done = packseal("export", place.settings_path, "--battery", "pack-1", "--out", place.folder / "out")
    assert (done.code, "put the newest database back" in done.err) == (2, True), done.err


def test_two_services_on_one_store_are_refused_and_an_export_is_not(place: Place) -> None:
    other = place.settings.model_copy(update={"listen": f"127.0.0.1:{free_port()}"})
    with place.running():
        with pytest.raises(UnavailableError, match=r"passport\.db is in use by another passport service; end it"):
            PassportServer(other)
        done = packseal("export", place.settings_path, "--battery", "pack-1", "--out", place.folder / "out")
        assert done.code == 0, done.err
    server = PassportServer(other)
    server.start()
    server.stop()


# ---- what stops its receipts


def test_no_receipt_leaves_while_the_published_log_is_another_one(place: Place) -> None:
    """Somebody puts another log of the same key into the folder of a running service."""
    place.board.windows(1)
    delivery, act = place.board.delivery(13).to_bytes(), enrolment(running_board(name="other"))
    with place.running() as server:
        server.publisher.turn()
        true = (place.desk.tiles.folder / CHECKPOINT).read_bytes()
        other = open_desk(_folder(place.folder / "other"))
        bind(other, running_board(name="third"))
        other.publisher.turn()
        (place.desk.tiles.folder / CHECKPOINT).write_bytes((other.tiles.folder / CHECKPOINT).read_bytes())
        with pytest.raises(EvidenceError) as forked:
            server.publisher.turn()
        assert forked.value.reason is Reason.FORK
        size = server.store.log.size()
        with pytest.raises(UnavailableError, match="contradict each other, so nothing is taken"):
            server.receive(TOPIC, delivery)
        with pytest.raises(UnavailableError, match=r"answers 503; not now: .* contradict each other"):
            submit(server.url, act)
        desk = LifeDesk(server.url, file_signer("integrator"), "")
        with pytest.raises(UnavailableError, match="cannot do this now"):
            desk.create(NewPassport("pack-9", "EV", "Pack 9"))
        assert server.store.log.size() == size
        (place.desk.tiles.folder / CHECKPOINT).write_bytes(true)
        server.publisher.turn()
        assert isinstance(decode_answer(server.receive(TOPIC, delivery)), ReceiptAnswer)
        assert submit(server.url, act) == size + 1


def _folder(path: Path) -> Path:
    path.mkdir()
    return path


def test_a_bundle_that_cannot_be_published_names_the_cure_of_that(place: Place) -> None:
    place.back_up()
    place.grow()
    place.put_back()
    place.desk.open()
    board = Board(name="other", label=b"o" * 16)
    board.boot()
    place.desk.service.take_act(enrolment(board))
    maker = BundleMaker(place.desk.store, place.desk.tiles, SERVICE_PUBLIC_KEY, place.desk.publisher.publish_now)
    place.desk.service.take_act(INTEGRATOR.bind(board.public_key, "pack-1", "B", bytes(16)))
    place.desk.receipt(board.delivery().to_bytes())
    with pytest.raises(UnavailableError, match="restore the database that is the newest one") as refused:
        maker.bundle(board.log_id, 1)
    assert "is not what was stored" not in str(refused.value)
    place.desk.store.close()


def test_a_disk_that_is_full_is_told_to_who_signs_an_act(place: Place) -> None:
    with place.running() as server:
        assert isinstance(server.store, PassportStore)
        server.store._database.rows("PRAGMA query_only = ON")
        with pytest.raises(UnavailableError, match=r"answers 503; not now: .*passport\.db: .* check the disk's space"):
            submit(server.url, enrolment(running_board(name="other")))


# ---- what it tells its operator


@pytest.mark.parametrize(
    ("behind_ms", "words"),
    [(0, ""), (-DAY_MS, ""), (DAY_MS - 1, ""), (DAY_MS, "1 day behind"), (3650 * DAY_MS, "3650 days behind")],
)
def test_a_clock_behind_the_last_receipt_is_a_problem_after_a_day(behind_ms: int, words: str) -> None:
    problem = clock_problem(START_UNIX_MS, START_UNIX_MS + behind_ms)
    assert bool(problem) == bool(words)
    assert words in problem


def test_a_receipt_from_the_future_is_shown_as_a_problem_also_after_a_restart(place: Place) -> None:
    place.grow(later_ms=3650 * DAY_MS)
    with place.running() as server:
        assert any("days behind the last receipt" in words for words in server.problems())


def test_a_server_that_ended_is_a_problem(place: Place) -> None:
    server = PassportServer(place.settings)
    assert server._http is not None
    server._http._socket.close()
    server.start()
    until(lambda: any("nothing is served any more" in words for words in server.problems()))
    server.stop()


# ---- requests that do not end


def test_who_opens_connections_without_end_is_turned_away_and_others_come_again(place: Place) -> None:
    with place.running() as server:
        address = _address(server.url)
        assert _status(address) == b"200"
        with ExitStack() as begun:  # more and more of them, since each is given up after a while
            until(lambda: _is_turned_away(address, begun))
        until(lambda: _status(address) == b"200")
        assert {_status(address) for _ in range(20)} == {b"200"}


def _is_turned_away(address: tuple[str, int], begun: ExitStack) -> bool:
    for _ in range(60):
        begun.enter_context(closing(_begun(address)))
    return _status(address) == b"503"


def _address(url: str) -> tuple[str, int]:
    return "127.0.0.1", int(url.rpartition(":")[2])


def _begun(address: tuple[str, int]) -> socket.socket:
    """An act whose end never comes."""
    connection = socket.create_connection(address, 30)
    connection.sendall(b"POST /acts HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\na")
    return connection


def _status(address: tuple[str, int]) -> bytes:
    with closing(socket.create_connection(address, 20)) as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        return connection.recv(100)[9:12]


def test_an_act_that_does_not_come_in_time_is_not_waited_for(tmp_path: Path) -> None:
    with served(open_desk(tmp_path).app()) as url, closing(_begun(_address(url))) as connection:
        assert connection.recv(100).startswith(b"HTTP/1.1 408")


def test_an_act_that_is_cut_short_is_no_fault_of_ours(tmp_path: Path) -> None:
    desk: Desk = open_desk(tmp_path)
    messages: list[Any] = [{"type": "http.request", "body": b"a", "more_body": True}, {"type": "http.disconnect"}]
    answers: list[Any] = []

    async def receive() -> Any:
        return messages.pop(0)

    async def send(message: Any) -> None:
        answers.append(message)

    scope = {"type": "http", "method": "POST", "path": "/acts", "headers": [], "query_string": b""}
    asyncio.run(desk.app()(scope, receive, send))
    assert answers[0]["status"] == 400
