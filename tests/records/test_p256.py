"""One acceptance rule for P-256, beside OpenSSL's: it and ours agree on everything but a high s.

The browser's verification is asked the same cases in tests/apps/test_p256_js.py.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator
from typing import NamedTuple

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from hypothesis import given
from hypothesis import strategies as st

from packseal.errors import EvidenceError, Reason
from packseal.records.p256 import B, N, P, affine, combination, is_public_key, verify
from tests.records.p256_signer import SecureElement, base_multiple, packed

ES256 = ec.ECDSA(SHA256())
CURVE = ec.SECP256R1()
SQUARE_ROOT = (P + 1) // 4  # of a square, as a power, because P is 3 modulo 4
Y_OF_0 = pow(B, SQUARE_ROOT, P)
X_OF_1 = 0x8D0177EBAB9C6E9E10DB6DD095DBAC0D6375E8A97B70F611875D877F0069D2C7  # a root of x**3 - 3*x + B - 1
MESSAGE = b"a board's checkpoint"
ELEMENT = SecureElement(hashlib.sha256(b"a board").digest())
KEY, SIGNATURE = ELEMENT.public_key, ELEMENT(MESSAGE)


class Case(NamedTuple):
    public_key: bytes
    message: bytes
    signature: bytes


GOOD = Case(KEY, MESSAGE, SIGNATURE)


def pair(content: bytes) -> tuple[int, int]:
    return int.from_bytes(content[:32]), int.from_bytes(content[32:])


def refusal(case: Case) -> str:
    """What is said against it; empty when it is accepted."""
    try:
        verify(*case)
    except EvidenceError as error:
        return error.detail if error.reason == Reason.BAD_SIGNATURE else f"unexpected reason: {error}"
    return ""


def openssl_accepts(case: Case) -> bool:
    try:
        key = ec.EllipticCurvePublicNumbers(*pair(case.public_key), CURVE).public_key()
        key.verify(encode_dss_signature(*pair(case.signature)), case.message, ES256)
    except (InvalidSignature, ValueError):
        return False
    return True


# --- cases


def bit_flips(content: bytes) -> Iterator[bytes]:
    number = int.from_bytes(content)
    return ((number ^ 1 << bit).to_bytes(len(content)) for bit in range(8 * len(content)))


def flipped() -> list[Case]:
    cases = [GOOD._replace(signature=signature) for signature in bit_flips(SIGNATURE)]
    cases += [GOOD._replace(public_key=key) for key in bit_flips(KEY)]
    return cases + [GOOD._replace(message=message) for message in bit_flips(MESSAGE)]


def signed_by(element: SecureElement, message: bytes = MESSAGE) -> Case:
    return Case(element.public_key, message, element(message))


def out_of_range() -> dict[str, Case]:
    r, s = pair(SIGNATURE)
    numbers = {
        "r = 0": (0, s), "r = 1": (1, s), "r = n - 1": (N - 1, s), "r = n": (N, s), "r = p": (P, s),
        "r = 2**256 - 1": ((1 << 256) - 1, s), "s = 0": (r, 0), "s = 1": (r, 1), "s = n // 2": (r, N // 2),
        "s = n // 2 + 1": (r, N // 2 + 1), "s = n - 1": (r, N - 1), "s = n": (r, N), "s = p": (r, P),
        "s = 2**256 - 1": (r, (1 << 256) - 1), "r = s = 0": (0, 0), "r = s = n": (N, N), "r and s swapped": (s, r),
        "r = 0, s = n": (0, N), "r = s = 1": (1, 1), "high s": (r, N - s),
    }  # fmt: skip
    return {name: GOOD._replace(signature=packed(*both)) for name, both in numbers.items()}


def no_points() -> dict[str, Case]:
    """Keys that are none. Those with p in them are points of the curve when reduced modulo p."""
    x, y = pair(KEY)
    assert is_public_key(packed(0, Y_OF_0))
    assert is_public_key(packed(X_OF_1, 1))
    keys = {
        "(0, 0)": (0, 0), "(x, y + 1)": (x, y + 1), "(y, x)": (y, x), "(x, 0)": (x, 0), "(p, y of 0)": (P, Y_OF_0),
        "(x of 1, p + 1)": (X_OF_1, P + 1), "(p, p)": (P, P), "(p - 1, p - 1)": (P - 1, P - 1),
        "all ones": ((1 << 256) - 1, (1 << 256) - 1),
    }  # fmt: skip
    return {name: GOOD._replace(public_key=packed(*key)) for name, key in keys.items()}


def wrong_lengths() -> dict[str, Case]:
    cases = {f"signature of {size} bytes": GOOD._replace(signature=SIGNATURE[:size]) for size in (0, 32, 63)}
    cases |= {f"key of {size} bytes": GOOD._replace(public_key=KEY[:size]) for size in (0, 32, 63)}
    der = encode_dss_signature(*pair(SIGNATURE))
    return cases | {
        "signature and a byte": GOOD._replace(signature=SIGNATURE + b"\x00"),
        "key and a byte": GOOD._replace(public_key=KEY + b"\x00"),
        "key without zeros before y": GOOD._replace(public_key=X_OF_1.to_bytes(32) + b"\x01"),
        "key with the 4 of SEC 1": GOOD._replace(public_key=b"\x04" + KEY),
        "signature in DER": GOOD._replace(signature=der),
    }


def fitting_case(r: int, x: int) -> Case:
    """A key for which R is the point of this x: Q = (s / r) * R - (e / r) * G, at s = n // 2, which is taken yet."""
    point = (x, pow((x * x - 3) * x + B, SQUARE_ROOT, P))
    e, s, inverse = int.from_bytes(hashlib.sha256(MESSAGE).digest()), N // 2, pow(r, -1, N)
    (key,) = affine([combination(-e * inverse % N, s * inverse % N, point)])
    return Case(packed(*key), MESSAGE, packed(r, s))


def first_x(start: int) -> int:
    """The first x from here on that has a point."""
    x = start
    while pow((x * x - 3) * x + B, (P - 1) // 2, P) != 1:
        x += 1
    return x


def infinite_case(secret: int) -> Case:
    """r = -e / secret: u + v * secret is 0."""
    e = int.from_bytes(hashlib.sha256(MESSAGE).digest())
    return Case(packed(*base_multiple(secret)), MESSAGE, packed(-e * pow(secret, -1, N) % N, 1))


ABOVE_N, SMALL = first_x(N), first_x(1)
ACCEPTED = {
    "plain": GOOD,
    "the key is G": signed_by(SecureElement(bytes(32))),
    "no message": signed_by(ELEMENT, b""),
    "the key is -G": signed_by(SecureElement((N - 2).to_bytes(32))),
    "the key is 2 * G": signed_by(SecureElement((1).to_bytes(32))),
    "x of R is r + n": fitting_case(ABOVE_N - N, ABOVE_N),
    "x of R is r, and small": fitting_case(SMALL, SMALL),
}
REFUSED = {
    **out_of_range(),
    **no_points(),
    **wrong_lengths(),
    "another message": GOOD._replace(message=b"another"),
    "another key": GOOD._replace(public_key=SecureElement(b"\x01" * 32).public_key),
    "negative key": GOOD._replace(public_key=packed(pair(KEY)[0], P - pair(KEY)[1])),
    "x of R is r + n - p": fitting_case(SMALL + P - N, SMALL),
    "r is x of R, above n": fitting_case(ABOVE_N, ABOVE_N),
    **{f"R is infinity, {secret} * G": infinite_case(secret) for secret in (1, 2, 3, N - 1)},
}

# --- tests


@pytest.mark.parametrize("name", ACCEPTED)
def test_accepted(name: str) -> None:
    assert refusal(ACCEPTED[name]) == ""
    assert openssl_accepts(ACCEPTED[name])


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str) -> None:
    case = REFUSED[name]
    assert refusal(case).startswith(f"key {case.public_key.hex()[:16]}: ")
    if len(case.public_key) == len(case.signature) == 64 and name != "high s":
        assert not openssl_accepts(case)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("(p, y of 0)", "is not a point of P-256"),
        ("(x of 1, p + 1)", "is not a point of P-256"),
        ("key without zeros before y", "is not a point of P-256"),
        ("key of 63 bytes", "is not a point of P-256"),
        ("signature of 63 bytes", "the signature has 63 bytes, expected 64"),
        ("r = n", "r is not 1 to n - 1"),
        ("s = n // 2", "did not sign this"),
        ("s = n // 2 + 1", "s is not 1 to n // 2"),
        ("high s", "s is not 1 to n // 2"),
        ("R is infinity, 1 * G", "did not sign this"),
    ],
)
def test_a_refusal_says_why(name: str, words: str) -> None:
    assert refusal(REFUSED[name]).endswith(f": {words}")


def test_every_flipped_bit_is_refused() -> None:
    cases = flipped()
    assert len(cases) == 8 * (64 + 64 + len(MESSAGE))
    assert [case for case in cases if not refusal(case)] == []


def test_a_high_s_is_all_that_openssl_takes_beyond_the_rule() -> None:
    assert openssl_accepts(REFUSED["high s"])


def test_keys_and_signatures_of_openssl() -> None:
    chance = random.Random(1)
    for _ in range(100):
        secret = ec.derive_private_key(chance.randrange(1, N), CURVE)
        numbers = secret.public_key().public_numbers()
        message = chance.randbytes(chance.randrange(200))
        r, s = decode_dss_signature(secret.sign(message, ES256))
        case = Case(packed(numbers.x, numbers.y), message, packed(r, min(s, N - s)))
        assert is_public_key(case.public_key)
        assert refusal(case) == ""
        assert refusal(case._replace(signature=packed(r, max(s, N - s)))).endswith("s is not 1 to n // 2")


@given(seed=st.binary(min_size=32, max_size=32), message=st.binary(max_size=100), data=st.data())
def test_what_is_signed_verifies_and_what_is_changed_does_not(seed: bytes, message: bytes, data: st.DataObject) -> None:
    element = SecureElement(seed)
    case = signed_by(element, message)
    assert refusal(case) == ""
    assert openssl_accepts(case)
    part = data.draw(st.sampled_from(["public_key", "signature"]))
    changed = case._replace(**{part: data.draw(st.binary(min_size=64, max_size=64) | _edits(getattr(case, part)))})
    is_low = pair(changed.signature)[1] <= N // 2
    assert (refusal(changed) == "") == (openssl_accepts(changed) and is_low)


def _edits(content: bytes) -> st.SearchStrategy[bytes]:
    """One half of it replaced by an edge, or by its negative modulo N or P."""
    first, second = pair(content)
    edges = st.sampled_from([0, 1, N // 2, N // 2 + 1, N - 1, N, P - 1, P, (1 << 256) - 1])
    firsts = (edges | st.sampled_from([abs(N - first), abs(P - first)])).map(lambda number: packed(number, second))
    return firsts | (edges | st.sampled_from([abs(N - second), abs(P - second)])).map(lambda n: packed(first, n))


@given(st.binary(max_size=65) | st.binary(min_size=64, max_size=64))
def test_random_bytes_are_no_key(content: bytes) -> None:
    assert not is_public_key(content)


SCALARS = (0, 1, 2, 3, 4, 15, 16, 17, 255, 256, N // 2, N // 2 + 1, N - 2, N - 1)


@pytest.mark.parametrize("secret", [1, 2, 3, 5, N - 1, N - 2, N - 3, 0x1234567890ABCDEF])
def test_sums_that_double_or_vanish_on_the_way(secret: int) -> None:
    """Keys that are known multiples of G meet G's multiples: the exceptions of the addition's formula."""
    point = base_multiple(secret)
    for u in SCALARS:
        for v in SCALARS:
            total, expected = combination(u, v, point), (u + v * secret) % N
            if not expected:
                assert total[2] == 0
            else:
                numbers = ec.derive_private_key(expected, CURVE).public_key().public_numbers()
                assert list(affine([total])) == [(numbers.x, numbers.y)]


# RFC 6979 appendix A.2.5, with SHA-256; s is high in the first
RFC_SECRET = 0xC9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721
RFC_PUBLIC_KEY = packed(
    0x60FED4BA255A9D31C961EB74C6356D68C049B8923B61FA6CE669622E60F29FB6,
    0x7903FE1008B8BC99A41AE9E95628BC64F2F1B20C2D7E9F5177A3C294D4462299,
)
RFC_SIGNATURES = {
    b"sample": (
        0xEFD48B2AACB6A8FD1140DD9CD45E81D69D2C877B56AAF991C34D0EA84EAF3716,
        N - 0xF7CB1C942D657C41D436C7A1B6E29F65F3E900DBB9AFF4064DC4AB2F843ACDA8,
    ),
    b"test": (
        0xF1ABB023518351CD71D881567B1EA663ED3EFCF6C5132B354F28D3B0B7D38367,
        0x019F4113742A2B14BD25926B49C649155F267E60D3814B4C0CC84250E46F0083,
    ),
}


@pytest.mark.parametrize("message", RFC_SIGNATURES)
def test_signer_signs_as_rfc_6979_says(message: bytes) -> None:
    element = SecureElement((RFC_SECRET - 1).to_bytes(32))
    assert element.public_key == RFC_PUBLIC_KEY
    assert element(message) == packed(*RFC_SIGNATURES[message])
    verify(element.public_key, message, element(message))


def test_signer_wants_a_whole_seed() -> None:
    with pytest.raises(ValueError, match="seed has 31 bytes, expected 32"):
        SecureElement(bytes(31))
