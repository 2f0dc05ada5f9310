"""The native signer: the same vectors, verdicts and words as the portable one, and when it is chosen."""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from logger.core import ed25519, ed25519_portable
from tests.firmware.conftest import FIRMWARE, Interpreter, find_interpreter
from tests.firmware.test_crypto import (
    BAD_SIGNATURES,
    ask,
    flipped,
    libsodium_accepts,
    random_cases,
    sha512_messages,
    sign_input_cases,
)

BOARD_TESTS = Path(__file__).parent / "board_tests"
ARCHITECTURES = ("x64", "armv6m", "armv7m", "armv7emsp", "rv32imc")
NATIVE = FIRMWARE / "logger/native"


def module_path(folder: Path, architecture: str) -> Path:
    return folder / f"packseal_ed25519_{architecture}.mpy"


@pytest.fixture(scope="module")
def micropython() -> Interpreter:
    interpreter = find_interpreter("micropython")
    if interpreter.run(BOARD_TESTS / "native_choice.py").split()[1] == "None":
        pytest.skip("no native signer for this machine's processor")
    return interpreter


# --- the same results


def test_sha512_agrees_with_hashlib(micropython: Interpreter) -> None:
    answers = ask(micropython, [("sha512", message) for message in sha512_messages()], "native")
    assert answers == [hashlib.sha512(message).hexdigest() for message in sha512_messages()]


def test_rfc8032_section_7_1(micropython: Interpreter, shared: Path) -> None:
    cases = json.loads((shared / "vectors/rfc8032-ed25519/rfc8032-7.1.json").read_text())
    for case in cases:
        seed, public, message, signature = [
            bytes.fromhex(case[k]) for k in ("secret", "public", "message", "signature")
        ]
        questions = [("public", seed), ("sign", seed, public, message), ("verify", public, message, signature)]
        assert ask(micropython, questions, "native") == [public.hex(), signature.hex(), "good"]


def test_reference_sign_input(micropython: Interpreter, shared: Path) -> None:
    cases = list(sign_input_cases(shared / "vectors/rfc8032-ed25519/sign.input"))
    signed = ask(micropython, [("sign", *case[:3]) for case in cases], "native")
    assert signed == [signature.hex() for *_, signature in cases]
    assert set(ask(micropython, [("verify", *case[1:]) for case in cases], "native")) == {"good"}


def test_random_signatures_equal_libsodiums(micropython: Interpreter) -> None:
    cases = list(random_cases())
    assert ask(micropython, [("public", case[0]) for case in cases], "native") == [case[1].hex() for case in cases]
    assert ask(micropython, [("sign", *case[:3]) for case in cases], "native") == [case[3].hex() for case in cases]
    assert set(ask(micropython, [("verify", *case[1:]) for case in cases], "native")) == {"good"}


def spoilt_cases() -> Iterator[tuple[Any, ...]]:
    """One bit flipped in the key, the message or the signature, each in a third of the cases."""
    generator = random.Random(7)
    for number, (_, public, message, signature) in enumerate(random_cases(600)):
        parts = [public, message or b"\0", signature]
        spoilt = parts[number % 3]
        parts[number % 3] = flipped(spoilt, generator.randrange(8 * len(spoilt)))
        yield ("verify", *parts)


def test_flipped_bits_are_refused_in_the_portable_ones_words(micropython: Interpreter) -> None:
    answers = ask(micropython, list(spoilt_cases()), "native")
    assert all(answer.startswith("bad: ") for answer in answers)
    assert answers == ask(micropython, list(spoilt_cases()), "portable")


def test_cctv_verdicts_and_words(micropython: Interpreter, shared: Path) -> None:
    cases = json.loads((shared / "vectors/cctv-ed25519/ed25519vectors.json").read_text())
    parts = [(bytes.fromhex(case["key"]), case["msg"].encode(), bytes.fromhex(case["sig"])) for case in cases]
    questions = [("verify", *part) for part in parts]
    answers = ask(micropython, questions, "native")
    assert [answer == "good" for answer in answers] == [libsodium_accepts(*part) for part in parts]
    assert answers == ask(micropython, questions, "portable")


def test_each_clause_refuses_with_its_reason(micropython: Interpreter) -> None:
    questions: list[tuple[Any, ...]] = [("verify", *case[:3]) for case in BAD_SIGNATURES.values()]
    assert ask(micropython, questions, "native") == [f"bad: {case[3]}" for case in BAD_SIGNATURES.values()]


# --- what it takes


def test_memory_is_allocated_once_and_wiped(micropython: Interpreter) -> None:
    resident_bytes, live_bytes, state_bytes = map(int, micropython.run(BOARD_TESTS / "native_memory.py").split())
    assert state_bytes <= 2048
    assert resident_bytes <= 10 * 1024  # without the native code itself, which the unix port keeps outside the heap
    assert live_bytes <= 4096  # the generators, with pointers of 8 bytes


def test_wrong_arguments_are_refused(micropython: Interpreter) -> None:
    counts, alive = micropython.run(BOARD_TESTS / "native_arguments.py").splitlines()
    refused, calls = map(int, counts.split())
    assert refused == calls > 40
    assert alive == "alive"


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_files_are_small_and_of_their_architecture(architecture: str) -> None:
    content = module_path(NATIVE, architecture).read_bytes()
    numbers = {"x64": 2, "armv6m": 4, "armv7m": 5, "armv7emsp": 7, "rv32imc": 11}
    assert content[:2] == b"M\x06"  # the version that MicroPython 1.23 and later read
    assert content[2] >> 2 == numbers[architecture]
    assert len(content) <= 16 * 1024


# --- the choice


def choice(interpreter: Interpreter, firmware: Path = FIRMWARE) -> list[str]:
    """IMPLEMENTATION, ARCHITECTURE and REFUSAL with this folder of firmware."""
    environment = {**os.environ, "PYTHONPATH": str(firmware), "MICROPYPATH": f".frozen:{firmware}"}
    command = [*interpreter.command, str(BOARD_TESTS / "native_choice.py")]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.splitlines()


@pytest.fixture
def firmware_copy(tmp_path: Path) -> Path:
    shutil.copytree(FIRMWARE / "logger", tmp_path / "logger")
    return tmp_path


def test_native_is_the_default_where_it_is_built(micropython: Interpreter) -> None:
    assert choice(micropython)[0::2] == ["native", "None"]


def test_cpython_has_the_portable_one() -> None:
    assert ed25519.IMPLEMENTATION == "portable"
    assert ed25519.sign_steps is ed25519_portable.sign_steps
    assert choice(find_interpreter("cpython")) == ["portable", "None", "no native signer for this interpreter"]


def test_a_missing_file_is_replaced_by_the_portable_one(micropython: Interpreter, firmware_copy: Path) -> None:
    shutil.rmtree(firmware_copy / "logger/native")
    implementation, _, refusal = choice(micropython, firmware_copy)
    assert implementation == "portable"
    assert "no module" in refusal


@pytest.mark.parametrize("content", ["other architecture", "empty"])
def test_a_file_that_does_not_load_is_replaced(micropython: Interpreter, firmware_copy: Path, content: str) -> None:
    folder = firmware_copy / "logger/native"
    unreadable = module_path(folder, "armv7m").read_bytes() if content == "other architecture" else b""
    module_path(folder, choice(micropython)[1]).write_bytes(unreadable)
    implementation, architecture, refusal = choice(micropython, firmware_copy)
    assert implementation == "portable"
    assert refusal.startswith(f"native signer for {architecture}: ")


def test_a_file_that_computes_wrongly_does_not_sign(micropython: Interpreter, firmware_copy: Path) -> None:
    """One bit of the table of base points: code and file are whole, every key is wrong."""
    from logger.core.edwards25519_base import ENTRY_BYTES, TABLE  # noqa: PLC0415

    architecture = choice(micropython)[1]
    path = module_path(firmware_copy / "logger/native", architecture)
    content = path.read_bytes()
    assert content.count(TABLE) == 1
    start = content.index(TABLE)
    spoilt = b"".join(flipped(TABLE[i : i + ENTRY_BYTES], 3) for i in range(0, len(TABLE), ENTRY_BYTES))
    path.write_bytes(content[:start] + spoilt + content[start + len(TABLE) :])
    assert choice(micropython, firmware_copy) == [
        "portable",
        architecture,
        f"native signer for {architecture} computes wrongly",
    ]
