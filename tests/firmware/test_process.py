"""The real firmware in a process of its own on MicroPython, at a pseudo-terminal, talked to by a tiny gateway."""

from __future__ import annotations

import json
import os
import select
import subprocess
import time
import tty
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from nacl.signing import SigningKey, VerifyKey

from logger.core import cbor, link
from tests.firmware.conftest import Interpreter

FIRMWARE = Path(__file__).resolve().parents[2] / "firmware"
SERVICE = SigningKey(bytes(range(32)))
TIMEOUT_S = 20


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
        "clock_rate": 60,
        "flash_sectors": 16,
        "source": "simulator",
        "simulator": {"origin_unix_ms": 0, "true_capacity_mah": 9_100, "seed": 1},
    }


class Line:
    """The gateway's end of the serial line."""

    def __init__(self, descriptor: int) -> None:
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


def start(interpreter: Interpreter, folder: Path, *descriptors: int) -> subprocess.Popen[bytes]:
    path = f"{FIRMWARE}:{FIRMWARE / 'boards/unix'}"
    return subprocess.Popen(
        [*interpreter.command, str(FIRMWARE / "main.py"), str(folder)],
        env={**os.environ, "PYTHONPATH": path, "MICROPYPATH": f".frozen:{path}"},
        pass_fds=descriptors,
        stderr=subprocess.PIPE,
    )


@contextmanager
def powered(interpreter: Interpreter, folder: Path) -> Iterator[Line]:
    """A running board and the line to it; at the end it is killed."""
    board_end, gateway_end = os.openpty()
    tty.setraw(gateway_end)
    (folder / "config.json").write_text(json.dumps(settings(board_end)))
    process = start(interpreter, folder, board_end)
    try:
        yield Line(gateway_end)
    finally:
        process.kill()
        process.communicate()
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
            entries[cbor.decode(body)[1]] = body
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
    protected = cbor.encode({1: -19, 4: sha256(bytes(SERVICE.verify_key)).digest()[:8]})
    body = cbor.encode([1, *payload[1:4], 0, 1])
    message = cbor.encode(["Signature1", protected, b"packseal/receipt/1", body])
    receipt: bytes = cbor.encode(cbor.Sign1([protected, {}, body, SERVICE.sign(message).signature]))
    return receipt


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
