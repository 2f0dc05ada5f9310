"""The real firmware in a process of its own on MicroPython, at a pseudo-terminal, talked to by a tiny gateway."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time
import tty
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from nacl.signing import SigningKey, VerifyKey

from logger.core import cbor, cose, link
from tests.firmware.conftest import Interpreter, find_interpreter

FIRMWARE = Path(__file__).resolve().parents[2] / "firmware"
SERVICE = SigningKey(bytes(range(32)))
OPERATOR = SigningKey(bytes(range(32, 64)))
KEY, SEAL, CONFIG = 6, 8, 9
TIMEOUT_S = 20
PARENT = """
import json, subprocess, sys, time
from pathlib import Path
from packseal.io.unix_board import UnixBoard
boards = [UnixBoard(Path(sys.argv[1]) / str(number), json.loads(sys.argv[2])) for number in range(3)]
for board in boards:
    board.start()
other = subprocess.Popen(["sleep", "60"], close_fds=False)  # holds whatever a later child can inherit
print(other.pid, *[board.pid for board in boards], flush=True)
time.sleep(60)
"""


def settings(serial: int | str) -> dict[str, Any]:
    return {
        "serial": serial,
        "service_public_key": bytes(SERVICE.verify_key).hex(),
        "rated_capacity_mah": 10_000,
        "cell_blocks": 12,
        "strings": 2,
        "sample_ms": 1_000,
        "window_ms": 10_000,
        "checkpoint_every": 15,
        "time_every_ms": 600_000,
        "clock_rate": 60,
        "flash_sectors": 16,
        "chemistry": "nmc",
        "source": "simulator",
        "simulator": {"origin_unix_ms": 0, "true_capacity_mah": 9_100, "seed": 1},
    }


class Line:
    """The gateway's end of the serial line, and the process at the other one, where that matters."""

    def __init__(self, descriptor: int, pid: int = 0) -> None:
        self.pid = pid
        self.said = ""  # on the console, once it has ended
        self._descriptor = descriptor
        self._receiver = link.FrameReceiver()
        self._frames: list[tuple[int, bytes]] = []

    def send(self, kind: int, body: bytes = b"") -> None:
        os.write(self._descriptor, link.encode_frame(kind, body))

    def next_frame(self) -> tuple[int, bytes]:
        """Fails when nothing comes within the time allowed."""
        deadline = time.monotonic() + TIMEOUT_S
        while not self._frames:
            readable, _, _ = select.select([self._descriptor], [], [], max(deadline - time.monotonic(), 0))
            assert readable, "the board says nothing"
            self._frames = self._receiver.feed(os.read(self._descriptor, 4096))
        return self._frames.pop(0)

    def await_frame(self, kind: int) -> bytes:
        while True:
            found, body = self.next_frame()
            if found == kind:
                return body


def start(
    interpreter: Interpreter, folder: Path, *descriptors: int, options: Sequence[str] = (), stdin: int | None = None
) -> subprocess.Popen[bytes]:
    path = f"{FIRMWARE}:{FIRMWARE / 'boards/unix'}"
    return subprocess.Popen(
        [*interpreter.command, str(FIRMWARE / "main.py"), str(folder), *options],
        stdin=stdin,
        env={**os.environ, "PYTHONPATH": path, "MICROPYPATH": f".frozen:{path}"},
        pass_fds=descriptors,
        stderr=subprocess.PIPE,
    )


@contextmanager
def powered(interpreter: Interpreter, folder: Path, **changes: int | str) -> Iterator[Line]:
    """A running board and the line to it; at the end it is killed."""
    board_end, gateway_end = os.openpty()
    tty.setraw(gateway_end)
    (folder / "config.json").write_text(json.dumps({**settings(board_end), **changes}))
    process = start(interpreter, folder, board_end)
    line = Line(gateway_end, process.pid)
    try:
        yield line
    finally:
        process.kill()
        line.said = process.communicate()[1].decode()
        os.close(board_end)
        os.close(gateway_end)


def entries_up_to_a_checkpoint(line: Line, next_seq: int) -> tuple[dict[int, bytes], list[Any]]:
    """({seq: entry}, verified payload of the first checkpoint) from next_seq on."""
    line.send(link.ASK)
    hello = cbor.decode(line.await_frame(link.HELLO))
    line.send(link.WANT, cbor.encode([next_seq, 200, 1]))
    entries: dict[int, bytes] = {}
    while True:
        kind, body = line.next_frame()
        if kind == link.ENTRY:
            seq = cbor.decode(body)[1]
            if seq == next_seq + len(entries):  # others were on their way before the WANT
                entries[seq] = body
        elif kind == link.CHECKPOINT:
            payload = verified(body, hello[6])
            if entries and payload[2] == max(entries) + 1:
                return entries, payload


def verified(checkpoint: bytes, genesis: bytes) -> list[Any]:
    protected, unprotected, payload, signature = cbor.decode(checkpoint).parts
    assert (protected, unprotected) == (bytes.fromhex("a10132"), {})
    message = cbor.encode(["Signature1", protected, b"packseal/checkpoint/1", payload])
    VerifyKey(cbor.decode(genesis)[4][2]).verify(message, signature)
    fields: list[Any] = cbor.decode(payload)
    assert fields[1] == sha256(b"\0" + genesis).digest()[:16]
    return fields


def receipt_for(payload: list[Any]) -> bytes:
    return signed(SERVICE, b"packseal/receipt/1", [1, *payload[1:4], 0, 1, bytes(16), None])


def signed(key: SigningKey, purpose: bytes, payload: list[Any]) -> bytes:
    protected = cbor.encode({1: -19, 4: cose.key_id(bytes(key.verify_key))})
    body = cbor.encode(payload)
    message = cbor.encode(["Signature1", protected, purpose, body])
    content: bytes = cbor.encode(cbor.Sign1([protected, {}, body, key.sign(message).signature]))
    return content


def test_a_killed_board_goes_on_with_its_log(interpreter: Interpreter, tmp_path: Path) -> None:
    """Three lives: no number is used for other bytes, boots count up, and what was receipted stays so."""
    known: dict[int, bytes] = {}
    receipted_size = 0
    for boot in (1, 2, 3):
        with powered(interpreter, tmp_path) as line:
            assert cbor.decode(line.await_frame(link.HELLO))[4] == boot
            entries, payload = entries_up_to_a_checkpoint(line, 0)
            assert all(known.get(seq, entry) == entry for seq, entry in entries.items())
            known.update(entries)
            while payload[4] != boot:  # checkpoints of earlier lives come first
                entries, payload = entries_up_to_a_checkpoint(line, payload[2])
                known.update(entries)
            assert sorted(known) == list(range(len(known)))
            line.send(link.RECEIPT, receipt_for(payload))
            while cbor.decode(line.await_frame(link.STATUS))[2] < payload[2]:
                pass
            assert payload[2] > receipted_size
            receipted_size = payload[2]
    assert [cbor.decode(known[seq])[2] for seq in sorted(known)].count(1) >= 2


def test_orders_change_the_key_and_seal_the_log(interpreter: Interpreter, tmp_path: Path) -> None:
    """With a restart between the two; the folder's files are the next start's."""
    operator = {"operator_public_key": bytes(OPERATOR.verify_key).hex()}
    with powered(interpreter, tmp_path, **operator) as line:
        first = cbor.decode(line.await_frame(link.HELLO))
        _, payload = entries_up_to_a_checkpoint(line, 0)
        key = cbor.decode(first[6])[4][2]
        line.send(link.ORDER, signed(OPERATOR, cose.ORDER_PURPOSE, [1, payload[1], 2, cose.key_id(key), 0]))
        while cbor.decode(line.await_frame(link.ENTRY))[0] != KEY:
            pass
        rotated = cbor.decode(line.await_frame(link.CHECKPOINT))  # by the old key, as `verified` would find
        assert cbor.decode(rotated.parts[2])[2] > payload[2]
    key_file = (tmp_path / "key.bin").read_bytes()
    (tmp_path / "key.bin.new").write_bytes(b"cut short")  # what a power cut leaves behind
    with powered(interpreter, tmp_path, **operator) as line:
        hello = cbor.decode(line.await_frame(link.HELLO))
        assert (hello[4], hello[6], hello[8]) == (2, first[6], first[8])
        line.send(link.CHALLENGE, bytes(16))
        possession = cbor.decode(line.await_frame(link.POSSESSION))
        new_key = cbor.decode(possession.parts[2])[2]
        assert new_key != key
        message = cbor.encode(["Signature1", possession.parts[0], b"packseal/possession/1", possession.parts[2]])
        VerifyKey(new_key).verify(message, possession.parts[3])
        line.send(link.ORDER, signed(OPERATOR, cose.ORDER_PURPOSE, [1, payload[1], 1, cose.key_id(new_key), 3]))
        line.send(link.WANT, cbor.encode([payload[2], 200, 1]))
        while cbor.decode(line.await_frame(link.ENTRY))[0] != SEAL:
            pass
        last = cbor.decode(cbor.decode(line.await_frame(link.CHECKPOINT)).parts[2])
        line.send(link.RECEIPT, receipt_for(last))
        hello = cbor.decode(line.await_frame(link.HELLO))
        body = cbor.decode(hello[6])[4]
        assert (body[2], body[6]) == (new_key, last[1:4])
        assert body[5] == sha256(hello[8]).digest()
    assert (tmp_path / "key.bin").read_bytes() != key_file


def test_the_settings_digest_is_of_all_settings_but_the_line(interpreter: Interpreter, tmp_path: Path) -> None:
    digests = []
    for number, changes in enumerate([{}, {"flash_sectors": 16}, {"window_ms": 20_000}]):
        folder = tmp_path / str(number)
        folder.mkdir()
        with powered(interpreter, folder, **changes) as line:
            entries, _ = entries_up_to_a_checkpoint(line, 0)
        assert cbor.decode(entries[2])[0] == CONFIG
        digests.append(cbor.decode(entries[2])[4][5])
    assert digests[0] == digests[1] != digests[2]


def test_a_damaged_key_file_is_not_replaced(interpreter: Interpreter, tmp_path: Path) -> None:
    (tmp_path / "key.bin").write_bytes(bytes(100))
    (tmp_path / "config.json").write_text(json.dumps(settings("/dev/null")))
    process = start(interpreter, tmp_path, stdin=subprocess.DEVNULL)
    _, said = process.communicate(timeout=TIMEOUT_S)
    assert process.returncode == 2
    assert said.decode().count("\n") == 1
    assert "key.bin is damaged" in said.decode()
    assert (tmp_path / "key.bin").read_bytes() == bytes(100)


def test_a_closed_line_does_not_stop_the_board(interpreter: Interpreter, tmp_path: Path) -> None:
    board_end, gateway_end = os.openpty()
    tty.setraw(gateway_end)
    name = os.ttyname(gateway_end)
    os.close(gateway_end)
    (tmp_path / "config.json").write_text(json.dumps(settings(board_end)))
    process = start(interpreter, tmp_path, board_end)
    try:
        for _ in range(2):
            gateway_end = os.open(name, os.O_RDWR | os.O_NOCTTY)
            entries, _ = entries_up_to_a_checkpoint(Line(gateway_end), 0)
            assert 0 in entries
            os.close(gateway_end)
        assert process.poll() is None
    finally:
        process.kill()
        process.communicate()
        os.close(board_end)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"window_s": 10}, "unknown key window_s"),
        ({"strings": None}, "missing key strings"),
        ({"sample_ms": 0}, "sample_ms must be a number from 10 to 60000"),
        ({"service_public_key": "abc"}, "service_public_key must be 64 hexadecimal digits"),
        ({"operator_public_key": "0" * 63}, "operator_public_key must be 64 hexadecimal digits"),
        ({"time_every_ms": 59_999}, "time_every_ms must be a number from 60000 to 604800000"),
        ({"cell_blocks": 13}, "cell_blocks must be a multiple of strings"),
        ({"simulator": {"seed": 1}}, "simulator: missing key origin_unix_ms"),
        ({"serial": "/nowhere"}, "ENOENT"),
    ],
)
def test_a_wrong_configuration_is_named_in_one_line(
    interpreter: Interpreter, tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    changed = {key: value for key, value in {**settings(1), **change}.items() if value is not None}
    (tmp_path / "config.json").write_text(json.dumps(changed))
    process = start(interpreter, tmp_path)
    _, said = process.communicate(timeout=TIMEOUT_S)
    assert process.returncode == 2
    assert said.decode().count("\n") == 1
    assert message in said.decode() or (message == "ENOENT" and "No such file" in said.decode())


def test_the_flash_of_another_key_is_refused(interpreter: Interpreter, tmp_path: Path) -> None:
    with powered(interpreter, tmp_path) as line:
        line.await_frame(link.HELLO)
    (tmp_path / "key.bin").unlink()
    (tmp_path / "config.json").write_text(json.dumps(settings("/dev/null")))
    process = start(interpreter, tmp_path)
    _, said = process.communicate(timeout=TIMEOUT_S)
    assert process.returncode == 2
    assert b"another key" in said


@pytest.mark.parametrize("name", ["key.bin", "flash.bin"])
def test_what_is_there_but_cannot_be_opened_is_not_replaced(
    interpreter: Interpreter, tmp_path: Path, name: str
) -> None:
    """A link to itself is ELOOP for every user; EACCES is not for root, and EIO needs a broken disk."""
    (tmp_path / name).symlink_to(tmp_path / name)
    (tmp_path / "config.json").write_text(json.dumps(settings("/dev/null")))
    process = start(interpreter, tmp_path, stdin=subprocess.DEVNULL)
    try:
        _, said = process.communicate(timeout=TIMEOUT_S)
    finally:
        process.kill()
    assert process.returncode == 2
    assert said.decode().count("\n") == 1
    assert f"{tmp_path / name} cannot be opened" in said.decode()
    assert (tmp_path / name).is_symlink()
    assert not (tmp_path / f"{name}.new").exists()


def test_ten_samples_a_second_and_a_signature_every_second(tmp_path: Path) -> None:
    """In real time on MicroPython, with a large pack: one slot may be missed, and more only when the machine was busy
    with others."""
    fast = {"clock_rate": 1, "sample_ms": 100, "window_ms": 1_000, "checkpoint_every": 1, "cell_blocks": 96}
    checkpoints = uptime_ms = slots_missed = 0
    with powered(find_interpreter("micropython"), tmp_path, **fast) as line:
        line.await_frame(link.HELLO)
        line.send(link.WANT, cbor.encode([0, 200, 1]))
        while uptime_ms < 6_500:
            kind, body = line.next_frame()
            if kind == link.STATUS:
                uptime_ms, _, _, _, _, slots_missed, *_ = cbor.decode(body)
            checkpoints += kind == link.CHECKPOINT
        waited_ms = waited_for_a_processor_ms(line.pid)
    assert slots_missed <= 1 + waited_ms // 100, f"{waited_ms} ms waited for a processor"
    assert checkpoints >= 6


def waited_for_a_processor_ms(pid: int) -> int:
    """How long the process was ready to run while others ran (Linux, sched-stats.rst: the second number)."""
    try:
        return int(Path(f"/proc/{pid}/schedstat").read_text().split()[1]) // 1_000_000
    except FileNotFoundError:
        return 0


# --- the end of the process that started a board


@pytest.mark.parametrize("options", [[], ["--end-with-stdin"]])
def test_the_end_of_stdin_ends_the_firmware_when_it_is_told_so(
    interpreter: Interpreter, tmp_path: Path, options: list[str]
) -> None:
    board_end, gateway_end = os.openpty()
    tty.setraw(gateway_end)
    (tmp_path / "config.json").write_text(json.dumps(settings(board_end)))
    process = start(interpreter, tmp_path, board_end, options=options, stdin=subprocess.PIPE)
    try:
        line = Line(gateway_end)
        line.send(link.WANT, cbor.encode([0, 0, 1]))
        await_statuses(line, 3)
        assert process.stdin is not None
        process.stdin.close()
        if options:
            assert process.wait(TIMEOUT_S) == 0
        else:
            await_statuses(line, 3)
    finally:
        process.kill()
        process.wait()
        assert process.stderr is not None
        process.stderr.close()
        os.close(board_end)
        os.close(gateway_end)


def await_statuses(line: Line, number: int) -> None:
    """One comes each second, and the firmware looks at stdin as often."""
    for _ in range(number):
        line.await_frame(link.STATUS)


def test_another_option_is_refused(interpreter: Interpreter, tmp_path: Path) -> None:
    process = start(interpreter, tmp_path, options=["--end"])
    _, said = process.communicate(timeout=TIMEOUT_S)
    assert process.returncode == 2
    assert said == b"usage: main.py FOLDER [--end-with-stdin]\n"


def test_boards_end_when_their_parent_is_killed(tmp_path: Path) -> None:
    find_interpreter("micropython")
    config = json.dumps({key: value for key, value in settings(0).items() if key != "serial"})
    command = [sys.executable, "-c", PARENT, str(tmp_path), config]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        other, *boards = map(int, parent.stdout.readline().split())
        try:
            assert len(boards) == 3
            assert all(map(is_running, boards))
            parent.kill()
            for board in boards:
                await_end(board)
            assert is_running(other)
        finally:
            for pid in filter(is_running, [other, *boards]):
                os.kill(pid, signal.SIGKILL)


def is_running(pid: int) -> bool:
    """A zombie, which an init that does not reap leaves behind, has no command line: it has ended."""
    try:
        return bool(Path(f"/proc/{pid}/cmdline").read_bytes())
    except FileNotFoundError:
        return False


def await_end(pid: int) -> None:
    try:
        ended = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        assert select.select([ended], [], [], TIMEOUT_S)[0], f"process {pid} goes on without its parent"
    finally:
        os.close(ended)
