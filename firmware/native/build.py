"""Builds the native signer for every architecture into firmware/logger/native, or checks that what is there is that.

    python firmware/native/build.py            # builds and writes the five files
    python firmware/native/build.py --check    # builds and compares, byte for byte
    python firmware/native/build.py --objects armv7m FOLDER    # only compiles, without the Python side

The files depend on these sources, on the compilers and on MicroPython's mpy_ld.py, which links them; not on paths, the
time or the machine. MicroPython's source is Debian's source package, fetched and verified. Compilers of another version
than GCC make working files that differ: --check then compares nothing, and says so.

Without MicroPython's own makefile (py/dynruntime.mk) because that wants its mpy-cross, which C alone does not need, and
links libgcc, whose multiplication for ARMv6-M takes four times as many instructions as ours.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from packseal.errors import MicroPythonError
from packseal.io.debian_source import micropython_source

HERE = Path(__file__).resolve().parent
TARGET = HERE.parent / "logger" / "native"
MODULE = "packseal_ed25519"
SOURCES = ("ed25519", "field", "point", "scalar", "sha512", "words")
FAST = ("field", "sha512")  # nine tenths of the time; all else is compiled for size
GCC = "12.2"  # Debian 12's, for all three kinds of processor
MAX_BYTES = 16 * 1024
FLAGS = [
    "-std=gnu11",
    "-Wall",
    "-Wextra",
    "-Werror",
    "-Wno-unused-parameter",  # mpy_init's are MicroPython's
    "-fpic",
    "-fno-common",
    "-fvisibility=hidden",
    "-ffreestanding",  # no memset, no memcpy: there is no library to link
    "-fno-tree-loop-distribute-patterns",  # nor one that the compiler sees in a loop
    "-fno-jump-tables",
    "-fno-ident",
    "-U_FORTIFY_SOURCE",
]
MODULE_FLAGS = [
    "-DNDEBUG",
    "-DNO_QSTR",
    "-DMICROPY_ENABLE_DYNRUNTIME",
    "-DMICROPY_FLOAT_IMPL=MICROPY_FLOAT_IMPL_NONE",
    "-DMP_CONFIGFILE=<config.h>",
]


class BuildError(Exception):
    """A tool is missing or has failed; the message names it."""


@dataclass(frozen=True)
class Architecture:
    """One of MicroPython's names for native code, and how to compile for it."""

    name: str
    compiler: str
    package: str
    flags: tuple[str, ...]


ARM = ("arm-none-eabi-gcc", "gcc-arm-none-eabi libnewlib-arm-none-eabi")
RISCV = ("riscv64-unknown-elf-gcc", "gcc-riscv64-unknown-elf picolibc-riscv64-unknown-elf")
ARCHITECTURES = (
    Architecture("x64", "gcc", "gcc libc6-dev", ("-fno-stack-protector", "-fcf-protection=none")),
    Architecture("armv6m", *ARM, ("-mthumb", "-mcpu=cortex-m0")),
    Architecture("armv7m", *ARM, ("-mthumb", "-mcpu=cortex-m3")),
    Architecture("armv7emsp", *ARM, ("-mthumb", "-mcpu=cortex-m4")),
    Architecture("rv32imc", *RISCV, ("-march=rv32imc", "-mabi=ilp32", "-mno-relax")),
)
NAMES = {architecture.name: architecture for architecture in ARCHITECTURES}


def run(command: list[str], folder: Path) -> str:
    environment = {**os.environ, "PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1", "LC_ALL": "C"}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BuildError(f"{' '.join(command)}\n{done.stdout}{done.stderr}")
    return done.stdout


def compiler_version(architecture: Architecture) -> str:
    """Raises BuildError, naming the packages, where there is no compiler for this architecture."""
    if not shutil.which(architecture.compiler):
        raise BuildError(f"{architecture.name}: no {architecture.compiler}; install {architecture.package}")
    return run([architecture.compiler, "-dumpfullversion"], HERE).strip()


def compile_source(architecture: Architecture, name: str, folder: Path, flags: list[str]) -> None:
    level = "-O2" if name in FAST else "-Os"
    command = [architecture.compiler, *FLAGS, level, *architecture.flags, *flags, f"-I{folder}", f"-I{HERE}"]
    run([*command, "-c", str(HERE / f"{name}.c"), "-o", f"{name}.o"], folder)


def compile_all(architecture: Architecture, folder: Path) -> list[str]:
    """Compiles all but the Python side; returns the names of the object files in the folder."""
    compiler_version(architecture)
    (folder / "tables.h").write_text(run([sys.executable, str(HERE / "tables.py")], folder))
    for name in SOURCES:
        compile_source(architecture, name, folder, [])
    return [f"{name}.o" for name in SOURCES]


def library_flags(architecture: Architecture) -> list[str]:
    """MicroPython's headers include the C library's; RISC-V's is not where its compiler looks by itself."""
    if not architecture.compiler.startswith("riscv"):
        return []
    return [f"-specs={run([architecture.compiler, '--print-file-name=picolibc.specs'], HERE).strip()}"]


def build(architecture: Architecture, micropython: Path, folder: Path) -> bytes:
    """The .mpy file's content; the folder, which is empty, takes what is made on the way."""
    objects = compile_all(architecture, folder)
    link = [sys.executable, str(micropython / "tools" / "mpy_ld.py"), "--arch", architecture.name]
    run([*link, "--preprocess", "-o", "config.h", str(HERE / "module.c")], folder)
    flags = [*MODULE_FLAGS, *library_flags(architecture), f"-I{micropython}"]
    compile_source(architecture, "module", folder, flags)
    output = file_name(architecture)  # without its folder, because mpy_ld.py writes it into the file
    run([*link, "--qstrs", "config.h", "-o", output, *objects, "module.o"], folder)
    content = (folder / output).read_bytes()
    if len(content) > MAX_BYTES:
        raise BuildError(f"{output} has {len(content)} bytes, at most {MAX_BYTES} are wanted")
    return content


def file_name(architecture: Architecture) -> str:
    return f"{MODULE}_{architecture.name}.mpy"


def build_all(target: Path | None) -> int:
    """Writes the files into the target or, where that is None, compares; returns how many differ or failed."""
    micropython = micropython_source().folder
    failures = 0
    for architecture in ARCHITECTURES:
        try:
            failures += not build_one(architecture, micropython, target)
        except BuildError as error:
            print(error, file=sys.stderr)
            failures += target is not None or os.environ.get("CI") == "true"
    return failures


def build_one(architecture: Architecture, micropython: Path, target: Path | None) -> bool:
    version = compiler_version(architecture)
    if target is None and not version.startswith(GCC) and os.environ.get("CI") != "true":
        print(f"{file_name(architecture)} not compared: made with GCC {GCC}, here is {version}")
        return True
    with tempfile.TemporaryDirectory() as folder:
        content = build(architecture, micropython, Path(folder))
    return write(architecture, content, target) if target else compare(architecture, content)


def write(architecture: Architecture, content: bytes, target: Path) -> bool:
    (target / file_name(architecture)).write_bytes(content)
    print(f"{file_name(architecture)}: {len(content)} bytes")
    return True


def compare(architecture: Architecture, content: bytes) -> bool:
    path = TARGET / file_name(architecture)
    is_same = path.is_file() and path.read_bytes() == content
    state = "is what the sources make" if is_same else "is NOT what the sources make; run `make native`"
    print(f"{path.name}: {len(content)} bytes, {state}")
    return is_same


def main() -> int:
    parser = argparse.ArgumentParser(description="Builds the native signer.")
    parser.add_argument("--check", action="store_true", help="compare with firmware/logger/native instead of writing")
    parser.add_argument("--objects", nargs=2, metavar=("ARCHITECTURE", "FOLDER"), help="only compile, into the folder")
    chosen = parser.parse_args()
    try:
        if chosen.objects:
            name, folder = chosen.objects
            print(*compile_all(NAMES[name], Path(folder)))
            return 0
        return min(1, build_all(None if chosen.check else TARGET))
    except (BuildError, MicroPythonError) as error:
        print(error, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
