"""One worker by itself: what it starts with, what it leaves to others, and what it hears from them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from packseal.apps.passport_server import PassportServer
from packseal.errors import ConfigError, UnavailableError
from packseal.io.jetstream_address import NATSAddress, nats_address
from packseal.io.keys import load_or_make_key
from packseal.io.ports import free_port
from packseal.io.publishing_turn import SharedTurn
from packseal.io.settings import PassportFileSettings
from packseal.io.settings_file import load_settings
from packseal.records.answer import ReceiptAnswer, decode_answer
from tests.passport.board import TOPIC, Board, running_board
from tests.postgres import Cluster
from tests.waiting import until

STORE = 'store = "postgresql://host/passports"'


def settings(folder: Path, *lines: str, broker: str = "mqtt://127.0.0.1:9") -> PassportFileSettings:
    path = folder / "passport.toml"
    path.write_text("\n".join([f'broker = "{broker}"', 'key = "service.key"', *lines, ""]))
    return load_settings(path, PassportFileSettings)


@contextmanager
def worker(folder: Path, store: str, board: Board) -> Iterator[PassportServer]:
    load_or_make_key(folder / "service.key")
    battery = '[[battery]]\nid = "pack-1"\nname = "A pack"\ncategory = "SBESS"'
    source = f'[[battery.source]]\npublic_key = "{board.public_key.hex()}"\nevidence_class = "B"'
    server = PassportServer(settings(folder, f'store = "{store}"', battery, source, "[worker]", "pages = false"))
    server.start()
    try:
        yield server
    finally:
        server.stop()


def test_a_worker_without_pages_has_no_port_and_no_folder_of_the_log(tmp_path: Path, cluster: Cluster) -> None:
    board = running_board()
    with worker(tmp_path, cluster.new_store(), board) as server:
        assert isinstance(decode_answer(server.receive(TOPIC, board.delivery().to_bytes())), ReceiptAnswer)
        assert server.url == ""
    assert not (tmp_path / "passport-log").exists()


def test_a_worker_gives_no_receipt_while_who_publishes_says_so(tmp_path: Path, cluster: Cluster) -> None:
    board, store = running_board(), cluster.new_store()
    with worker(tmp_path, store, board) as server, closing(SharedTurn(store)) as publisher:
        publisher.tell("a contradiction")
        until(server.turn.is_contradicted)
        with pytest.raises(UnavailableError, match="contradict each other, so nothing is taken"):
            server.receive(TOPIC, board.delivery().to_bytes())
        publisher.tell("")
        until(lambda: not server.turn.is_contradicted())
        assert isinstance(decode_answer(server.receive(TOPIC, board.delivery().to_bytes())), ReceiptAnswer)


def test_workers_do_not_make_keys(tmp_path: Path, cluster: Cluster) -> None:
    """Two machines would make two."""
    found = settings(tmp_path, f'store = "{cluster.new_store()}"', f'listen = "127.0.0.1:{free_port()}"', "[worker]")
    with pytest.raises(ConfigError, match=r"service\.key is missing; all workers have one key"):
        PassportServer(found)


# ---- settings


@pytest.mark.parametrize(
    ("broker", "lines", "words"),
    [
        ("mqtt://h:1", ['store = "passport.db"', "[worker]"], "a file of one process; write store = "),
        ("nats://h", [STORE, "[mqtt]"], "mqtt: goes with a broker that speaks MQTT"),
        ("nats://h", [STORE, "[nats]", 'ca = "ca.pem"'], 'ca needs TLS; write broker = "tls://h:4222"'),
        ("nats://h", [STORE, "[nats]", 'username = "u"', 'password_file = "p"'], "would cross the network"),
        ("tls://h", [STORE, "[nats]", 'username = "u"', 'nkey_file = "n"'], "two credentials; keep one"),
        ("nats://u:p@h", [STORE], "credentials do not belong here"),
        ("nats://h:0", [STORE], "expected nats://host:port"),
        ("nats://h:66666", [STORE], "the port is not a number from 1 to 65535"),
        ("nats://h:1,,i:2", [STORE], "a comma before each further host"),
        ("nats://" + ",".join("h" * 17), [STORE], "at most 16 hosts"),
        ("nats://h/path", [STORE], "a comma before each further host"),
    ],
)
def test_what_does_not_go_together_is_told_with_its_cure(
    tmp_path: Path, broker: str, lines: list[str], words: str
) -> None:
    with pytest.raises(ConfigError) as refused:
        settings(tmp_path, *lines, broker=broker)
    assert words in str(refused.value)
    assert ":p@" not in str(refused.value)


def test_a_password_may_stay_on_this_machine_without_tls(tmp_path: Path) -> None:
    lines = [STORE, "[nats]", 'username = "u"', 'password_file = "p"']
    found = settings(tmp_path, *lines, broker="nats://127.0.0.1,localhost:5")
    assert found.broker == NATSAddress(("127.0.0.1:4222", "localhost:5"))
    assert found.nats is not None
    assert found.nats.password_file == tmp_path / "p"


@pytest.mark.parametrize("url", ["nats://h:4222", "tls://h:4223,[::1]:4222"])
def test_an_address_is_written_as_it_is_read(url: str) -> None:
    assert str(nats_address(url)) == url
