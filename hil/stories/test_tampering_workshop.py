"""The tampering workshop: everybody on the way of the data tries once, and each attempt is named.

Who has the flash chip, who takes another board or an older copy of one, who sits on the network, who has the database,
and who sends a file on. What is tried is undone in the end: the log is whole then, or the health check fails.
"""

from __future__ import annotations

import shutil
import sqlite3
import tomllib
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from packseal.apps.bundles import BundleMaker
from packseal.apps.export import Exported, Wanted, exported, exported_archive, load_policy
from packseal.apps.verify import verify_file
from packseal.errors import EvidenceError, Reason
from packseal.io.mqtt import MQTTConnection, broker_address
from packseal.records.answer import ReceiptAnswer, decode_answer
from packseal.records.bodies import Event, Window
from packseal_hil.bench import Pack
from packseal_hil.opening import OpenBench
from packseal_hil.plant.duty import Duty
from packseal_hil.services import BATTERY, BenchPassport

WAIT_S = 60.0
BITS_TRIED = 60  # of each file or message, evenly
FLIPPED_AT = 300  # bytes before the end of what is written: in what nobody has yet
DAMAGE_IN_FLASH = 9  # docs/record.md, EVENT
DATABASE = "passport.db"
WORK = Duty("work", np.array([300.0, 300.0]), np.array([-0.3, 0.3]), np.array([25.0, 25.0]))

on_any_board = pytest.mark.target("unix", "cortex-m", "board")
with_its_flash = pytest.mark.target("unix")  # a chip in a socket: there it is a file that can be written to
workshop = pytest.mark.pack(series_blocks=8, sample_ms=30_000, window_ms=300_000, checkpoint_every=1, clock_rate=200)


# ---- who has the board


@with_its_flash
@workshop
@pytest.mark.duration(seconds=15)
@pytest.mark.explained("gap", "bms")
def test_a_bit_flipped_in_the_flash_is_told_by_the_board(pack: Pack, bench: OpenBench) -> None:
    """In a record that nobody has yet: the gateway is away while it is made."""
    works(pack)
    bench.services.gateway.stop()
    pack.run(WORK, for_s=2 * WORK.length_s, is_settled=False)
    bench.board.cut_power()
    flash = flash_file(bench)
    content = flash.read_bytes()
    written = content.rstrip(b"\xff")
    flash.write_bytes(flipped(content, 8 * (len(written) - FLIPPED_AT)))
    bench.board.power_on()
    bench.services.gateway.start()
    pack.wait_for(lambda: damage_is_told(bench), WAIT_S, "no damage is told")
    assert not bench.services.passport.differences(), "what is stored is what was signed"


def damage_is_told(bench: OpenBench) -> bool:
    """By an event in its log; where that can no longer be written, by the windows that it counts as lost."""
    lost = int(bench.services.gateway.board().get("windows_lost", 0))
    return lost > 0 or has_event(bench.services.passport, DAMAGE_IN_FLASH)


@with_its_flash
@workshop
@pytest.mark.duration(seconds=17)
@pytest.mark.explained("refused", "bms")  # what was being said when the power went
def test_another_board_and_an_older_copy_are_turned_away(pack: Pack, bench: OpenBench) -> None:
    works(pack)
    bench.board.cut_power()
    kept = set_aside(bench, "yesterday")
    bench.board.power_on()
    works(pack)
    bench.board.cut_power()
    today = set_aside(bench, "today")
    an_older_copy_of_the_board_is_named(pack, bench, kept)
    another_board_is_named(pack, bench)
    put_back(bench, today)
    bench.board.power_on()
    before = stored(bench)
    works(pack)
    assert stored_then(before, bench), "nothing of theirs was stored"
    assert len(stored(bench)) > len(before), "and the true board goes on"


def an_older_copy_of_the_board_is_named(pack: Pack, bench: OpenBench, kept: Path) -> None:
    put_back(bench, kept)
    bench.board.power_on()
    wait_for_problem(pack, bench, "rolled back, or a copy of it")
    bench.board.cut_power()


def another_board_is_named(pack: Pack, bench: OpenBench) -> None:
    """It makes a key of its own at its first start."""
    for name in OF_A_BOARD:
        (board_folder(bench) / name).unlink()
    bench.board.power_on()
    wait_for_problem(pack, bench, "a board with another key")
    bench.board.cut_power()


# ---- who sits on the network


@on_any_board
@workshop
@pytest.mark.duration(seconds=7)
@pytest.mark.explained("refused")
def test_deliveries_that_are_altered_or_sent_again_change_nothing(pack: Pack, bench: OpenBench) -> None:
    heard = heard_on_the_broker(bench, lambda: works(pack))
    passport = bench.services.passport
    before = stored(bench)
    reasons = set()
    for topic, delivery in heard[-2:]:
        assert isinstance(decode_answer(passport.server.receive(topic, delivery)), ReceiptAnswer), "sent again"
        for altered in all_flipped(delivery):
            answer = decode_answer(passport.server.receive(topic, altered))
            reasons.add("already stored" if isinstance(answer, ReceiptAnswer) else str(answer.reason))
    assert stored_then(before, bench), "something of it was stored"
    assert {Reason.BAD_SIGNATURE, Reason.MALFORMED} <= reasons


def heard_on_the_broker(bench: OpenBench, while_: Callable[[], None]) -> list[tuple[str, bytes]]:
    heard: list[tuple[str, bytes]] = []
    settings = tomllib.loads((bench.services.folder / "gateway.toml").read_text())
    listener = MQTTConnection(
        broker_address(settings["broker"]),
        "listener",
        ["packseal/#"],
        lambda topic, content: heard.append((topic, content)),
    )
    listener.start()
    bench.pack.wait_for(lambda: listener.is_connected, WAIT_S, "the broker does not answer")
    while_()
    listener.stop()
    return [(topic, content) for topic, content in heard if topic.endswith("/rec")]


# ---- who has the database, or a file


@on_any_board
@workshop
@pytest.mark.duration(seconds=7)
def test_a_bit_flipped_in_the_store_is_named_with_its_record(
    pack: Pack, bench: OpenBench, passport: BenchPassport, tmp_path: Path
) -> None:
    works(pack)
    (seq,) = [entry.seq for entry in passport.entries() if isinstance(entry.body, Window)][-1:]
    content = stored_record(bench, seq)
    store_record(bench, seq, flipped(content, 8 * len(content) - 1))
    assert [one.words for one in passport.differences()] == [f"record {seq}"]
    found = refused(evidence(passport, tmp_path, seq))
    assert found is Reason.ROOT_MISMATCH or found is Reason.BAD_INCLUSION_PROOF
    store_record(bench, seq, content)
    assert not passport.differences()


@on_any_board
@workshop
@pytest.mark.duration(seconds=7)
def test_no_bit_of_a_file_can_be_flipped(pack: Pack, passport: BenchPassport, tmp_path: Path) -> None:
    works(pack)
    sent = exported_archive(passport.server.store, maker(passport), passport.server.policy(), Wanted(BATTERY), tmp_path)
    good = sent.path.read_bytes()
    assert verify_file(sent.path, load_policy(sent.policy)).archive
    for altered in all_flipped(good):
        sent.path.write_bytes(altered)
        refused(sent)


def evidence(passport: BenchPassport, folder: Path, seq: int) -> Exported:
    server = passport.server
    return exported(server.store, maker(passport), server.policy(), Wanted(BATTERY, seq), folder)


def maker(passport: BenchPassport) -> BundleMaker:
    server = passport.server
    server.publisher.turn()
    return BundleMaker(server.store, server.publisher.tiles, server.public_key)


def refused(sent: Exported) -> Reason:
    """Why `packseal verify` refuses it."""
    with pytest.raises(EvidenceError) as told:
        verify_file(sent.path, load_policy(sent.policy))
    return told.value.reason


# ---- the bench


def works(pack: Pack) -> None:
    pack.run(WORK, for_s=WORK.length_s if pack.setup.sample_ms > 1000 else 15.0)


def flipped(content: bytes, bit: int) -> bytes:
    altered = bytearray(content)
    altered[bit // 8] ^= 1 << bit % 8
    return bytes(altered)


def all_flipped(content: bytes) -> list[bytes]:
    bits = np.linspace(0, 8 * len(content) - 1, BITS_TRIED, dtype=int)
    return [flipped(content, int(bit)) for bit in np.unique(bits)]


def has_event(passport: BenchPassport, number: int) -> bool:
    return any(isinstance(entry.body, Event) and entry.body.event == number for entry in passport.entries())


def wait_for_problem(pack: Pack, bench: OpenBench, words: str) -> None:
    told = bench.services.gateway.problems
    pack.wait_for(lambda: any(words in problem for problem in told()), WAIT_S, f"nobody says: {words}")


OF_A_BOARD = ("key.bin", "flash.bin")  # of the target unix: what a board is


def board_folder(bench: OpenBench) -> Path:
    return bench.services.folder.parent / "board"


def flash_file(bench: OpenBench) -> Path:
    return board_folder(bench) / "flash.bin"


def set_aside(bench: OpenBench, name: str) -> Path:
    kept = board_folder(bench).parent / name
    kept.mkdir()
    for part in OF_A_BOARD:
        shutil.copy2(board_folder(bench) / part, kept)
    return kept


def put_back(bench: OpenBench, kept: Path) -> None:
    for part in OF_A_BOARD:
        shutil.copy2(kept / part, board_folder(bench))


def stored(bench: OpenBench) -> list[tuple[int, bytes]]:
    with closing(sqlite3.connect(bench.services.folder / DATABASE)) as database:
        return list(database.execute("SELECT seq, entry FROM records ORDER BY log_id, seq"))


def stored_then(before: list[tuple[int, bytes]], bench: OpenBench) -> bool:
    """The board goes on meanwhile."""
    return stored(bench)[: len(before)] == before and not bench.services.passport.differences()


def stored_record(bench: OpenBench, seq: int) -> bytes:
    with closing(sqlite3.connect(bench.services.folder / DATABASE)) as database:
        ((content,),) = database.execute("SELECT entry FROM records WHERE seq = ?", (seq,))
    found: bytes = content
    return found


def store_record(bench: OpenBench, seq: int, content: bytes) -> None:
    with closing(sqlite3.connect(bench.services.folder / DATABASE)) as database, database:
        database.execute("UPDATE records SET entry = ? WHERE seq = ?", (content, seq))
