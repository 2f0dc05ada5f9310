"""The native signer's machine code: that its time does not depend on the seed, and that it signs rightly everywhere.

On the host, memcheck follows the seed through the code and reports every branch and address that depends on it. On
emulated Cortex-M processors the instructions are counted, which must be as many for each key, and few.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from nacl.signing import SigningKey

ROOT = Path(__file__).resolve().parents[2]
NATIVE = ROOT / "firmware/native"
DRIVER = Path(__file__).parent / "native_secrets.c"
LEAK_FOUND = 9  # the exit code that memcheck is told to end with

# what must not be in the code: file, what is there, a careless way of writing the same
LEAKS = {
    "entry chosen by its address": (
        "point.c",
        "    for (word entry = 0; entry < ROW_ENTRIES; entry++, row += ENTRY_WORDS) {",
        "    field_copy(out, row + ENTRY_WORDS * index);\n"
        "    for (word entry = 0; entry < ROW_ENTRIES; entry++, row += ENTRY_WORDS) {",
    ),
    "entry chosen by a branch": (
        "point.c",
        "        word mask = opaque(mask_of((other - 1) >> 31));",
        "        word mask = 0xffffffff;\n        if (other) continue;",
    ),
    "point negated by a branch": (
        "point.c",
        "    field_copy(plus, entry);",
        "    if (is_negative) field_copy(plus, entry);",
    ),
    "scalar reduced by a branch": (
        "words.c",
        "    word mask = opaque(mask_of(bit));",
        "    word mask = 0xffffffff;\n    if (!(bit & 1)) return;",
    ),
}


def need(*programs: str) -> None:
    missing = [program for program in programs if not shutil.which(program)]
    if missing and os.environ.get("CI") == "true":
        pytest.fail(f"missing: {', '.join(missing)}")
    if missing:
        pytest.skip(f"missing: {', '.join(missing)}")


@pytest.fixture(scope="module")
def objects(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the object files that the x64 module is linked from."""
    need("gcc", "valgrind")
    if platform.machine() != "x86_64":
        pytest.skip("the host build is for x86-64")
    folder = tmp_path_factory.mktemp("objects")
    build = [sys.executable, str(NATIVE / "build.py"), "--objects", "x64", str(folder)]
    subprocess.run(build, check=True, capture_output=True)
    return folder


def under_memcheck(objects: Path, folder: Path, changed: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Signs with an undefined seed; `changed`: a source that takes the place of the one of its name."""
    parts = [path for path in sorted(objects.glob("*.o")) if changed is None or path.stem != changed.stem]
    sources = [str(path) for path in (DRIVER, *([changed] if changed else []), *parts)]
    program = str(folder / "signs")
    subprocess.run(["gcc", "-g", "-O1", f"-I{NATIVE}", f"-I{objects}", *sources, "-o", program], check=True)
    command = ["valgrind", "--quiet", f"--error-exitcode={LEAK_FOUND}", program]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_no_branch_and_no_address_depends_on_the_seed(objects: Path, tmp_path: Path) -> None:
    done = under_memcheck(objects, tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.strip() == SigningKey(bytes(range(32))).sign(b"entry").signature.hex()


@pytest.mark.parametrize("name", LEAKS)
def test_memcheck_would_see_a_leak(objects: Path, tmp_path: Path, name: str) -> None:
    """The control: each of these signs the same, and is found."""
    file, right, careless = LEAKS[name]
    text = (NATIVE / file).read_text()
    assert text.count(right) == 1
    changed = tmp_path / file
    changed.write_text(text.replace(right, careless))
    done = under_memcheck(objects, tmp_path, changed)
    assert done.returncode == LEAK_FOUND
    assert "uninitialised value" in done.stderr


@pytest.fixture(scope="module")
def figures() -> dict[str, dict[str, Any]]:
    need("arm-none-eabi-gcc", "riscv64-unknown-elf-gcc", "qemu-system-arm", "qemu-riscv32")
    command = [sys.executable, str(ROOT / "benchmarks/bench_native.py")]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=300)
    found: dict[str, dict[str, Any]] = json.loads(done.stdout.splitlines()[-1])
    return found


def chain_of_signatures(count: int = 100) -> bytes:
    """What benchmarks/native_counts.c does, by libsodium."""
    signature = bytes(64)
    for _ in range(count):
        signature = SigningKey(signature[:32]).sign(bytes(92)).signature
    return signature


@pytest.mark.parametrize("architecture", ["armv6m", "armv7m", "armv7emsp", "rv32imc"])
def test_a_chain_of_signatures_ends_as_libsodiums(figures: dict[str, dict[str, Any]], architecture: str) -> None:
    assert figures[architecture]["wrong_verdicts"] == 0
    assert figures[architecture]["last_signature"] == chain_of_signatures().hex()


# a tenth above what was measured
LIMITS = {
    "armv6m": {"sign": 2_640_000, "verify": 9_750_000, "sign_longest_step": 280_000, "verify_longest_step": 280_000},
    "armv7m": {"sign": 732_000, "verify": 2_090_000, "sign_longest_step": 54_000, "verify_longest_step": 77_000},
    "armv7emsp": {"sign": 610_000, "verify": 1_580_000, "sign_longest_step": 54_000, "verify_longest_step": 75_000},
}


@pytest.mark.parametrize("architecture", LIMITS)
def test_instructions(figures: dict[str, dict[str, Any]], architecture: str) -> None:
    found = figures[architecture]
    assert {name: limit for name, limit in LIMITS[architecture].items() if not 0 < found[name] <= limit} == {}


@pytest.mark.parametrize("architecture", LIMITS)
def test_every_key_takes_as_many_instructions(figures: dict[str, dict[str, Any]], architecture: str) -> None:
    resolution = 2 * 40 // 10  # of the board's counter: two sums, each a tenth of 40 instructions
    assert figures[architecture]["spread_over_keys"] <= resolution
