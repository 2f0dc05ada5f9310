"""Finds a MicroPython for the unix port, or fetches Debian's and runs it with its own loader.

Order: $MICROPYTHON, `micropython` on PATH, the cache, Debian's package (suite trixie). The package and the libraries
it was linked with come from a mirror (debian_archive.py) and are unpacked into a cache folder. No root is needed,
nothing outside that folder changes.

Tests also want one with words of 32 bits, as boards have them: the same package for i386, which a PC's kernel runs too.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

from packseal.errors import MicroPythonError
from packseal.io.debian_archive import SUITE, cache_folder, fetch_packages

OLDEST = (1, 25)
PACKAGES = ("micropython", "libc6", "libffi8", "libmbedcrypto16", "libmbedtls21", "libmbedx509-7")
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
CURE = "install micropython 1.25 or newer, or set MICROPYTHON to its path"
CURE_32 = "set MICROPYTHON_32 to the path of a MicroPython 1.25 or newer with words of 32 bits"
LARGEST_WORD_32 = (1 << 31) - 1  # its sys.maxsize


def micropython_command() -> list[str]:
    """The command, as an argument list to put a script's path behind, that runs MicroPython here.

    Raises MicroPythonError, naming the cure, when none is installed and none can be fetched.
    """
    chosen = os.environ.get("MICROPYTHON")
    if chosen:
        if not shutil.which(chosen):
            raise MicroPythonError(f"MICROPYTHON is set to {chosen}, which is not a program; {CURE}")
        return _checked([chosen])
    installed = shutil.which("micropython")
    return _checked([installed]) if installed else _debians_command(_architecture(), CURE)


def micropython_32_command() -> list[str]:
    """The same for one with words of 32 bits: $MICROPYTHON_32, else Debian's for i386.

    Raises MicroPythonError, naming the cure, where there is neither, or the kernel runs no programs of 32 bits.
    """
    chosen = os.environ.get("MICROPYTHON_32")
    if not chosen and platform.machine() != "x86_64":
        raise MicroPythonError(f"no MicroPython of 32 bits to fetch for a {platform.machine()} machine; {CURE_32}")
    command = _checked([chosen] if chosen else _debians_command("i386", CURE_32), CURE_32)
    if _answer(command, "import sys; print(sys.maxsize)") != [str(LARGEST_WORD_32)]:
        raise MicroPythonError(f"{command[0]} has no words of 32 bits; {CURE_32}")
    return command


def _checked(command: list[str], cure: str = CURE) -> list[str]:
    """Raises MicroPythonError for one that does not run, or is older than what the firmware is written for."""
    answer = _answer(command, "import sys; print(sys.implementation.name, *sys.implementation.version[:2])")
    if len(answer) != 3 or answer[0] != "micropython" or (int(answer[1]), int(answer[2])) < OLDEST:
        found = " ".join(answer) or "nothing"
        raise MicroPythonError(f"{command[0]} is no MicroPython {OLDEST[0]}.{OLDEST[1]} or newer, but {found}; {cure}")
    return command


def _answer(command: list[str], question: str) -> list[str]:
    """The words that a program prints; none where it does not start, as one of 32 bits on some kernels."""
    try:
        return subprocess.run([*command, "-c", question], capture_output=True, text=True, check=False).stdout.split()
    except OSError:
        return []


def _debians_command(architecture: str, cure: str) -> list[str]:
    root = cache_folder(f"micropython-{SUITE}-{architecture}")
    return _cached_command(root) or _fetched_command(root, architecture, cure)


def _architecture() -> str:
    try:
        return ARCHITECTURES[platform.machine()]
    except KeyError:
        raise MicroPythonError(f"no MicroPython to fetch for a {platform.machine()} machine; {CURE}") from None


def _cached_command(root: Path) -> list[str] | None:
    loaders = sorted(root.glob("usr/lib*/**/ld-linux*.so.*"))
    program = root / "usr/bin/micropython"
    if not (loaders and program.is_file()):
        return None
    libraries = ":".join(str(path) for path in sorted(root.glob("usr/lib/*-linux-gnu")))
    return [str(loaders[0]), "--library-path", libraries, str(program)]


def _fetched_command(root: Path, architecture: str, cure: str) -> list[str]:
    if sys.platform != "linux":
        raise MicroPythonError(f"no MicroPython found; {cure}")
    sys.stderr.write(f"fetching MicroPython ({SUITE}) into {root}\n")
    try:
        fetch_packages(root, PACKAGES, architecture)
    except MicroPythonError as error:
        raise MicroPythonError(f"no MicroPython found and it {error}; {cure}") from None
    command = _cached_command(root)
    if command is None:
        raise MicroPythonError(f"Debian's package holds no program for this machine; {cure}")
    return command


if __name__ == "__main__":
    try:
        sys.stdout.write(" ".join(micropython_command()) + "\n")
    except MicroPythonError as error:
        sys.exit(f"packseal: {error}")
