"""The board's SHA-512 and portable Ed25519 against RFC 8032, hashlib, libsodium (by PyNaCl) and the CCTV edge cases.

The native signer has to pass the same: test_native.py.
"""

from __future__ import annotations

import hashlib
import json
import random
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from nacl.exceptions import CryptoError
from nacl.signing import SigningKey, VerifyKey

from logger.core import edwards25519_base
from logger.core.ed25519_portable import SignatureError, public_key, sign, sign_steps, verify, verify_steps
from logger.core.edwards25519 import has_small_order
from tests.firmware import base_table
from tests.firmware.conftest import Interpreter

pytestmark = pytest.mark.on_32_bits

BOARD_TESTS = Path(__file__).parent / "board_tests"
QUESTIONS = BOARD_TESTS / "crypto_vectors.py"
SIGN_ONCE = BOARD_TESTS / "sign_once.py"
SEED, MESSAGE = bytes(range(32)), b"entry"
ORDER_8_YS = (
    2707385501144840649318225287225658788936804267575313519463743609750303402022,
    55188659117513257062467267217118295137698188065244968500265048394206261417927,
)
L = 2**252 + 27742317777372353535851937790883648493


def ask(interpreter: Interpreter, questions: Sequence[tuple[Any, ...]], signer: str = "portable") -> list[str]:
    """The answers of board_tests/crypto_vectors.py: questions are tuples of a name and byte strings."""
    lines = [" ".join([name, *(part.hex() for part in parts)]) + "\n" for name, *parts in questions]
    return interpreter.run(QUESTIONS, signer, input_bytes="".join(lines).encode(), timeout_s=300).splitlines()


def number(value: int) -> bytes:
    return value.to_bytes(32, "little")


def flipped(content: bytes, bit: int) -> bytes:
    changed = bytearray(content)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


# --- SHA-512


def sha512_messages() -> list[bytes]:
    """Every length around the paddings of one, two and three blocks, all bits set, and some of many blocks."""
    generator = random.Random(512)
    return [generator.randbytes(length) for length in (*range(301), 4096, 30_000)] + [b"\xff" * 111, b"\xff" * 4096]


@pytest.mark.parametrize("question", ["sha512", "sha512_plain", "sha512_viper"])
def test_sha512_agrees_with_hashlib(interpreter: Interpreter, question: str) -> None:
    if question == "sha512_viper" and not interpreter.is_micropython:
        pytest.skip("CPython has no viper")
    answers = ask(interpreter, [(question, message) for message in sha512_messages()])
    assert answers == [hashlib.sha512(message).hexdigest() for message in sha512_messages()]


def test_micropython_has_viper(interpreter: Interpreter) -> None:
    assert ask(interpreter, [("engines",)]) == ["plain viper" if interpreter.is_micropython else "plain"]


# --- Ed25519: RFC 8032 and random cases


def test_rfc8032_section_7_1(interpreter: Interpreter, shared: Path) -> None:
    cases = json.loads((shared / "vectors/rfc8032-ed25519/rfc8032-7.1.json").read_text())
    names = ("secret", "public", "message", "signature")
    expected: list[str] = []
    questions: list[tuple[Any, ...]] = []
    for seed, public, message, signature in ([bytes.fromhex(case[name]) for name in names] for case in cases):
        questions += [("public", seed), ("sign", seed, public, message), ("verify", public, message, signature)]
        expected += [public.hex(), signature.hex(), "good"]
    assert ask(interpreter, questions) == expected


def sign_input_cases(path: Path) -> Iterator[tuple[bytes, bytes, bytes, bytes]]:
    """seed, public key, message and signature of each line `seed public:public:message:signature message:`."""
    for line in path.read_text().splitlines():
        secret, public, message, signed = [bytes.fromhex(field) for field in line.split(":")[:4]]
        yield secret[:32], public, message, signed[:64]


def test_reference_sign_input(interpreter: Interpreter, shared: Path) -> None:
    cases = list(sign_input_cases(shared / "vectors/rfc8032-ed25519/sign.input"))
    assert len(cases) == 1024
    signed = ask(interpreter, [("sign", *case[:3]) for case in cases])
    assert signed == [signature.hex() for *_, signature in cases]
    assert set(ask(interpreter, [("verify", *case[1:]) for case in cases[::16]])) == {"good"}


def random_cases(count: int = 1000) -> Iterator[tuple[bytes, bytes, bytes, bytes]]:
    generator = random.Random(25519)
    for _ in range(count):
        key = SigningKey(generator.randbytes(32))
        message = generator.randbytes(generator.randrange(300))
        yield bytes(key), bytes(key.verify_key), message, key.sign(message).signature


def test_random_signatures_equal_libsodiums(interpreter: Interpreter) -> None:
    cases = list(random_cases())
    assert ask(interpreter, [("sign", *case[:3]) for case in cases]) == [case[3].hex() for case in cases]


def test_random_signatures_with_and_without_a_flipped_bit(interpreter: Interpreter) -> None:
    generator = random.Random(1)
    questions: list[tuple[Any, ...]] = []
    # the portable signer is slow, and what the size of a word could change shows in a hundred
    for _, public, message, signature in random_cases(100 if interpreter.has_32_bits else 1000):
        if len(questions) % 2:
            questions.append(("verify", public, message, flipped(signature, generator.randrange(512))))
        else:
            questions.append(("verify", public, message, signature))
    answers = ask(interpreter, questions)
    assert set(answers[::2]) == {"good"}
    assert all(answer.startswith("bad: ") for answer in answers[1::2])


# --- Ed25519: one acceptance rule, libsodium's


def libsodium_accepts(public: bytes, message: bytes, signature: bytes) -> bool:
    try:
        VerifyKey(public).verify(message, signature)
    except CryptoError:
        return False
    return True


def test_cctv_verdicts_are_libsodiums(interpreter: Interpreter, shared: Path) -> None:
    cases = json.loads((shared / "vectors/cctv-ed25519/ed25519vectors.json").read_text())
    parts = [(bytes.fromhex(case["key"]), case["msg"].encode(), bytes.fromhex(case["sig"])) for case in cases]
    verdicts = [libsodium_accepts(*part) for part in parts]
    assert (len(verdicts), sum(verdicts)) == (914, 43)
    answers = ask(interpreter, [("verify", *part) for part in parts])
    assert [answer == "good" for answer in answers] == verdicts


PUBLIC = public_key(SEED)
SIGNATURE = sign(SEED, PUBLIC, MESSAGE)
R, S = SIGNATURE[:32], int.from_bytes(SIGNATURE[32:], "little")
P = base_table.P

# name: one fault each: public key, message, signature; the reason
BAD_SIGNATURES = {
    "S plus L": (PUBLIC, MESSAGE, R + number(S + L), "S is not below the group order"),
    "R small order": (PUBLIC, MESSAGE, bytes(32) + number(S), "R has small order"),
    "A small order": (bytes(32), MESSAGE, SIGNATURE, "public key has small order"),
    "A not canonical": (number(P + 3), MESSAGE, SIGNATURE, "public key is not canonical"),
    "A not a point": (number(2), MESSAGE, SIGNATURE, "public key is not a point of the curve"),
    "other message": (PUBLIC, MESSAGE + b"!", SIGNATURE, "signature does not match key and message"),
    "other key": (public_key(bytes(32)), MESSAGE, SIGNATURE, "signature does not match key and message"),
    "A short": (PUBLIC[:31], MESSAGE, SIGNATURE, "public key has 31 bytes, expected 32"),
    "signature long": (PUBLIC, MESSAGE, SIGNATURE + b"!", "signature has 65 bytes, expected 64"),
}


@pytest.mark.parametrize("name", BAD_SIGNATURES)
def test_each_clause_refuses_with_its_reason(name: str) -> None:
    verify(PUBLIC, MESSAGE, SIGNATURE)
    *arguments, reason = BAD_SIGNATURES[name]
    with pytest.raises(SignatureError, match=reason):
        verify(*arguments)


def small_order_encodings() -> list[bytes]:
    """The fourteen: y = 0, 1, -1 and both of order 8, their other form y + P where it fits, each with both signs."""
    ys = [y for y in (0, 1, P - 1, *ORDER_8_YS) for y in (y, y + P) if y < 2**255]
    return [number(y | sign_bit << 255) for y in ys for sign_bit in (0, 1)]


def test_points_of_small_order_are_refused() -> None:
    assert all((base_table.D * y**4 + 2 * y**2 - 1) % P == 0 for y in ORDER_8_YS)
    assert len(small_order_encodings()) == 14
    for encoded in small_order_encodings():
        assert has_small_order(encoded)
        assert not libsodium_accepts(PUBLIC, MESSAGE, encoded + number(S))
    assert not has_small_order(PUBLIC)


@pytest.mark.parametrize(("seed", "public"), [(bytes(31), bytes(32)), (bytes(32), bytes(33))])
def test_a_callers_wrong_length_is_no_signature_error(seed: bytes, public: bytes) -> None:
    with pytest.raises(ValueError, match="expected 32") as caught:
        sign(seed, public, MESSAGE)
    assert not isinstance(caught.value, SignatureError)


# --- steps, heap, table


def lines_run_in_each_step(steps: Iterator[Any]) -> list[int]:
    """How many lines of Python each step executes: a measure of work without a clock."""
    counts = [0]

    def trace(_frame: FrameType, event: str, _argument: Any) -> Callable[..., Any]:
        counts[-1] += event == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        for _ in steps:
            counts.append(0)
    finally:
        sys.settrace(before)
    return counts


@pytest.mark.parametrize(("start", "share"), [(sign_steps, 1 / 14), (verify_steps, 1 / 30)])
def test_no_step_is_long(start: Callable[..., Iterator[Any]], share: float) -> None:
    arguments = (SEED, PUBLIC, MESSAGE) if start is sign_steps else (PUBLIC, MESSAGE, SIGNATURE)
    counts = lines_run_in_each_step(start(*arguments))
    assert max(counts) <= share * sum(counts)


def test_sign_steps_yields_none_and_then_the_signature() -> None:
    *pauses, signature = sign_steps(SEED, PUBLIC, MESSAGE)
    assert set(pauses) == {None}
    assert signature == SIGNATURE


def test_verify_steps_accepts_only_at_its_end() -> None:
    good = list(verify_steps(PUBLIC, MESSAGE, SIGNATURE))
    bad = verify_steps(PUBLIC, MESSAGE + b"!", SIGNATURE)
    assert set(good) == {None}
    assert [next(bad) for _ in range(len(good) - 1)] == good[1:]
    with pytest.raises(SignatureError):
        list(bad)


def test_two_signatures_at_once_do_not_disturb_each_other(interpreter: Interpreter) -> None:
    assert interpreter.run(BOARD_TESTS / "sign_two.py").split() == [
        SigningKey(SEED).sign(message).signature.hex() for message in (b"first", b"the second")
    ]


def test_signs_in_a_small_heap(interpreter: Interpreter) -> None:
    """The heap holds the compiler of the four modules too, which needs the most; a board loads compiled ones."""
    output = interpreter.run(SIGN_ONCE, heap_bytes=64 * 1024)
    assert output.strip() == SigningKey(SEED).sign(bytes(150)).signature.hex()


def test_heap_in_use(interpreter: Interpreter) -> None:
    if not interpreter.is_micropython:
        pytest.skip("CPython does not count its heap")
    resident_bytes, live_bytes = map(int, interpreter.run(SIGN_ONCE, "heap").split())
    limit_bytes = 22 * 1024 if interpreter.has_32_bits else 26 * 1024  # of the portable signer; a native one takes half
    assert resident_bytes + live_bytes <= limit_bytes


def test_table_is_the_textbooks() -> None:
    assert Path(edwards25519_base.__file__).read_text() == base_table.source()
