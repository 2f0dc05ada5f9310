"""What goes wrong on a site: it is named, nothing is lost, and the line goes on when it is put right."""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from packseal.io.outbox_store import OutboxStore
from packseal.io.passport_store import PassportStore
from packseal.io.unix_board import UnixBoard
from packseal.records.answer import RefusalAnswer, decode_answer
from packseal.records.log import Delivery
from tests.line.rig import BATTERY, PACKSEAL, Process, Rig, tool

BROKER_GONE_S = float(os.environ.get("PACKSEAL_BROKER_GONE_S", "10"))  # `make test-long` takes a minute

BACKLOG = 80  # more records than a board makes while the rest of the line starts


def waiting_records(rig: Rig) -> int:
    store = OutboxStore(rig.folder / "outbox.db")
    records = sum(item.records for item in store.waiting())
    store.close()
    return records


def test_broker_away_for_a_while(rig: Rig) -> None:
    rig.next_message("receipt")
    rig.broker.kill()
    size = rig.stored_size()
    threading.Event().wait(BROKER_GONE_S)  # the fault under test is its length
    assert waiting_records(rig) > 0
    rig.broker.start()
    rig.wait_for(lambda: rig.stored_size() > size + 5 * BROKER_GONE_S, "the records made in the meantime")
    rig.stored_records()


def test_board_with_an_unknown_key_is_named_with_the_cure(rig: Rig) -> None:
    rig.next_message("receipt")
    good = (rig.folder / "gateway.toml").read_text()
    rig.gateway.kill()
    key = good.rsplit('public_key = "', 1)[1][:64]
    (rig.folder / "gateway.toml").write_text(good.replace(f'port = "{rig.board.port}"\npublic_key = "{key}"',
        f'port = "{rig.board.port}"\npublic_key = "{"77" * 32}"'))  # fmt: skip
    rig.gateway.start()
    cure = f'if it is yours, set public_key = "{key}" in gateway.toml'
    rig.wait_for(lambda: cure in rig.gateway.output(), "the unknown key's cure")
    rig.gateway.kill()
    (rig.folder / "gateway.toml").write_text(good)
    size = rig.stored_size()
    rig.gateway.start()
    rig.wait_for(lambda: rig.stored_size() > size, "records after the cure")
    rig.stored_records()


def test_log_that_the_service_does_not_know_waits_until_it_is_enrolled(rig: Rig) -> None:
    rig.next_message("receipt")
    good = (rig.folder / "passport.toml").read_text()
    rig.passport.kill()
    (rig.folder / "passport.toml").write_text(good.split("[[battery.source]]")[0])
    rig.passport.start()
    answer = decode_answer(rig.next_message("receipt").payload)
    while not isinstance(answer, RefusalAnswer):
        answer = decode_answer(rig.next_message("receipt").payload)
    assert answer.reason == "unknown-log"
    assert waiting_records(rig) > 0
    rig.passport.kill()
    (rig.folder / "passport.toml").write_text(good)
    size = rig.stored_size()
    rig.passport.start()
    rig.wait_for(lambda: rig.stored_size() > size, "records after the enrolment")
    rig.stored_records()


def test_copy_of_a_board_is_a_fork(rig: Rig, tmp_path: Path) -> None:
    """The same key and flash in two boards: whichever comes second contradicts what was signed."""
    rig.next_message("receipt")
    rig.board.kill()
    shutil.copytree(rig.folder / "board", tmp_path / "copy")
    rig.board.start()
    size = rig.stored_size()
    rig.wait_for(lambda: rig.stored_size() > size + 20, "records of the original")
    copy = UnixBoard(tmp_path / "copy", rig.board_config)
    copy.start()
    second = _second_gateway(rig, copy, tmp_path)
    second.start()
    try:
        rig.wait_for(lambda: "fork" in _refusals(rig), "the fork")
        assert "fork" in rig.page(f"battery/{BATTERY}")
        size = rig.stored_size()
        rig.wait_for(lambda: rig.stored_size() > size, "the original going on")
        rig.stored_records()
    finally:
        second.kill()
        copy.stop()


def _second_gateway(rig: Rig, board: UnixBoard, folder: Path) -> Process:
    text = (rig.folder / "gateway.toml").read_text().replace(rig.board.port, board.port)
    path = folder / "second.toml"
    path.write_text(text.replace('site = "rig"', 'site = "other"').replace("outbox.db", "second.db"))
    return Process([PACKSEAL, "gateway", "run", str(path)], folder / "second.log")


def _refusals(rig: Rig) -> set[str]:
    store = PassportStore(rig.store)
    reasons = {refusal.reason for refusal in store.refusals.of(BATTERY)}
    store.close()
    return reasons


def test_rolled_back_board_is_named(rig: Rig, tmp_path: Path) -> None:
    rig.next_message("receipt")
    rig.board.kill()
    shutil.copy(rig.folder / "board" / "flash.bin", tmp_path / "flash.bin")
    rig.board.start()
    size = rig.stored_size()
    rig.wait_for(lambda: rig.stored_size() > size + BACKLOG, "records beyond those in the old flash")
    rig.board.kill()
    shutil.copy(tmp_path / "flash.bin", rig.folder / "board" / "flash.bin")
    rig.board.start()
    rig.wait_for(lambda: "fork: the board has" in rig.gateway.output(), "the roll-back's name")
    rig.stored_records()


@pytest.mark.parametrize("part", ["gateway", "passport"])
def test_full_disk(rig: Rig, part: str) -> None:
    """A limit on file size stands for a full disk: writes fail at any point, reads go on."""
    rig.next_message("receipt")
    process = rig.parts[part]
    _limit_file_size(process, "4096")
    size = rig.stored_size()
    rig.wait_for(lambda: _says_full(rig, part), "word of the full disk")
    assert process.is_running()
    assert rig.stored_size() <= size + 300
    _limit_file_size(process, "unlimited")
    size = rig.stored_size()
    rig.wait_for(lambda: rig.stored_size() > size + 20, "records after the disk has room")
    rig.stored_records()


def _says_full(rig: Rig, part: str) -> bool:
    if part == "gateway":
        return "outbox.db: " in rig.gateway.output() and "check the disk's space" in rig.gateway.output()
    return waiting_records(rig) > 30


def _limit_file_size(process: Process, limit: str) -> None:
    subprocess.run([tool("prlimit"), f"--pid={process.pid}", f"--fsize={limit}:unlimited"], check=True)


def test_altered_and_truncated_deliveries_are_refused_and_change_nothing(rig: Rig) -> None:
    good = rig.next_message("rec")
    rig.next_message("receipt")
    delivery = Delivery.from_bytes(good.payload)
    altered = delivery.checkpoint[:-9] + bytes([delivery.checkpoint[-9] ^ 1]) + delivery.checkpoint[-8:]
    payloads = (good.payload[:-1], replace(delivery, checkpoint=altered).to_bytes(), b"", b"\xff" * 100_000)
    for payload in payloads:
        rig.publish(good.topic.replace(BATTERY, "nobody"), payload)
    reasons: list[str] = []
    while len(reasons) < 4:
        message = rig.next_message("receipt")
        answer = decode_answer(message.payload)
        if "nobody" in message.topic and isinstance(answer, RefusalAnswer):
            reasons.append(answer.reason)
    assert sorted(reasons) == ["bad-signature", "malformed", "malformed", "malformed"]
    size = rig.stored_size()
    rig.wait_for(lambda: rig.stored_size() > size, "the line going on")
    rig.stored_records()
