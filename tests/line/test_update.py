"""A firmware update over the line, all in processes of their own: loader and two slots on MicroPython, the gateway.

Both are killed on the way, and the board runs the new firmware in the end; a spoilt package leaves it the old one.
"""

from __future__ import annotations

import json
import os
import subprocess
import termios
import threading
import tty
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from nacl.signing import SigningKey

from logger.core.slots import FILE
from packseal.apps.board_tools import Firmware, update_package
from packseal.apps.demo import board_config
from packseal.io.enrol import hello_of
from packseal.io.keys import Signer
from packseal.io.micropython import micropython_command
from packseal.io.unix_board import HEAP_BYTES, firmware_folder
from packseal.records.entries import genesis_key
from tests.line.rig import PACKSEAL, Process
from tests.waiting import until

SCRIPT = Path(__file__).parents[1] / "firmware/board_tests/slot_board.py"
UPDATER = SigningKey(bytes(range(64, 96)))
PACKAGE_BYTES = 30_000  # four seconds: there is time to kill something on the way


def program(words: str, package_bytes: int = PACKAGE_BYTES) -> bytes:
    """main.py as it is, with words that make another firmware of it; the rest is not in the slot, as if frozen."""
    firmware = firmware_folder()
    paths = [str(firmware), str(firmware / "boards/unix")]
    text = f"import sys\n\nsys.path.extend({paths})\n" + (firmware / "main.py").read_text()
    return (text + f"# {words}\n" * (package_bytes // (len(words) + 3))).encode()


def package(content: bytes) -> bytes:
    return update_package(Firmware("unix", (0, 2, 0), {"main.py": content}, {}), Signer(UPDATER))


class SlotBoard:
    """A board at a pseudo-terminal; whenever it ends by itself it is started again, as by its reset."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._master, self._slave = os.openpty()
        tty.setraw(self._slave, termios.TCSANOW)
        self.port = os.ttyname(self._slave)
        config = board_config(bytes(32)) | {
            "serial": self._master,
            "update_public_key": UPDATER.verify_key.encode().hex(),
        }
        (folder / "a").mkdir(parents=True)
        (folder / "a/main.py").write_bytes(program("the old one", 100))
        config |= {"clock_rate": 5, "window_ms": 2_000, "checkpoint_every": 1}
        (folder / "config.json").write_text(json.dumps(config))
        self.starts = 0
        self._is_on = True
        self._process: subprocess.Popen[bytes] | None = None
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        command = [*micropython_command(), "-X", f"heapsize={HEAP_BYTES}", str(SCRIPT), str(self.folder)]
        with (self.folder / "board.log").open("ab") as log:
            while self._is_on:
                self.starts += 1
                self._process = subprocess.Popen(
                    [*command, str(firmware_folder())], pass_fds=[self._master], stdout=log, stderr=log
                )
                self._process.wait()

    def cut_power(self) -> None:
        if self._process:
            self._process.kill()

    def stop(self) -> None:
        self._is_on = False
        self.cut_power()
        self._thread.join()
        os.close(self._master)
        os.close(self._slave)

    @property
    def good(self) -> str:
        """The slot that has proven itself."""
        path = self.folder / FILE
        return chr(path.read_bytes()[4]) if path.is_file() else "a"


@contextmanager
def site(folder: Path, package: bytes) -> Iterator[tuple[SlotBoard, Process]]:
    board = SlotBoard(folder / "board")
    gateway = Process([PACKSEAL, "gateway", "run", str(folder / "gateway.toml")], folder / "gateway.log")
    try:
        key = genesis_key(hello_of(board.port).genesis).public_key
        (folder / "update.bin").write_bytes(package)
        (folder / "gateway.toml").write_text(
            f'site = "rig"\nbroker = "mqtt://127.0.0.1:9"\noutbox = "outbox.db"\nservice_public_key = "{"11" * 32}"\n'
            f'[[board]]\nbattery = "pack"\nport = "{board.port}"\npublic_key = "{key.hex()}"\nupdate = "update.bin"\n'
        )
        gateway.start()
        yield board, gateway
    finally:
        gateway.kill()
        board.stop()


@pytest.mark.usefixtures("micropython")
def test_gateway_and_board_are_killed_on_the_way_and_the_new_firmware_runs(tmp_path: Path) -> None:
    new = program("the new one")
    with site(tmp_path, package(new)) as (board, gateway):
        gateway.wait_for_output("update 0.2.0 for unix: ", "% taken")
        gateway.kill()
        killed_at = len(gateway.output())
        gateway.start()
        until(lambda: "% taken" in gateway.output()[killed_at:], "more of it")
        assert "offered" not in gateway.output()[killed_at:], "it began anew"
        board.cut_power()
        gateway.wait_for_output("the board runs it")
        until(lambda: board.good == "b", "the proof of the new one")
        assert (board.folder / "b/main.py").read_bytes() == new
        assert board.starts == 3


@pytest.mark.usefixtures("micropython")
def test_a_spoilt_package_is_refused_in_words_and_the_old_firmware_goes_on(tmp_path: Path) -> None:
    with site(tmp_path, package(program("the new one", 100))[:-2] + b"X\n") as (board, gateway):
        gateway.wait_for_output(
            "battery pack: update 0.2.0 for unix: the board refuses it: a file in it is not as signed"
        )
        assert board.good == "a"
        assert not (board.folder / "b/main.py").exists()
        assert board.starts == 1
