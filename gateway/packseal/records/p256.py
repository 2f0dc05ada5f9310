"""ECDSA over P-256 with SHA-256 (COSE's ESP256, RFC 9864): decides whether a secure element signed.

A public key is x and y, a signature r and s, each number 32 bytes with the highest first (RFC 9053 section 2.1). One
acceptance rule on every side, FIPS 186-5 section 6.4.2 made narrower at 3:

1. x and y are below p, and (x, y) lies on the curve (SEC 1 section 3.2.2.1). Infinity has no 64 bytes: (0, 0) is not on
   the curve. The cofactor is 1, so that each point of the curve has the order n and needs no further check.
2. r is 1 to n - 1.
3. s is 1 to n // 2. Where s fits, n - s fits as well: only the lower is taken, so that a signature has one form.
4. With e, the SHA-256 of the message, R = (e / s) * G + (r / s) * Q is not infinity.
5. The x of R is r modulo n.

NOT CONSTANT TIME: a verifier has no secret. Nothing here may sign, except in tests. A verification takes less than
2 ms in CPython.

What the caller must still do: know that the key is the board's, and lower s before a secure element's signature gets
here, because the element returns either of the two.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import accumulate, zip_longest
from typing import TypeAlias

from packseal.errors import EvidenceError, Reason

PUBLIC_KEY_BYTES = SIGNATURE_BYTES = 64

# The curve y**2 = x**3 - 3*x + B modulo P, its base point and the order of that (SP 800-186 section 3.2.1.3)
P = (1 << 256) - (1 << 224) + (1 << 192) + (1 << 96) - 1
B = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
G = (
    0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
    0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5,
)

Affine: TypeAlias = tuple[int, int]
Jacobian: TypeAlias = tuple[int, int, int]  # x = X / Z**2, y = Y / Z**3; infinity has Z = 0
_Table: TypeAlias = dict[int, Affine]  # odd multiples of a point by their factor, which may be negative

_INFINITY: Jacobian = (1, 1, 0)
_BASE_WINDOW_BITS = 8  # 64 multiples, made once
_KEY_WINDOW_BITS = 5  # 8 multiples, made for each signature: with 4 or 6 bits it takes longer


def verify(public_key: bytes, message: bytes, signature: bytes) -> None:
    """The rule of this module, by its numbers. Raises EvidenceError (BAD_SIGNATURE)."""
    if not is_public_key(public_key):  # 1
        raise _refused(public_key, "is not a point of P-256")
    if len(signature) != SIGNATURE_BYTES:
        raise _refused(public_key, f"the signature has {len(signature)} bytes, expected {SIGNATURE_BYTES}")
    r, s = _pair(signature)
    if not 0 < r < N:  # 2
        raise _refused(public_key, "r is not 1 to n - 1")
    if not 0 < s <= N // 2:  # 3
        raise _refused(public_key, "s is not 1 to n // 2")
    e = int.from_bytes(hashlib.sha256(message).digest())
    inverse = pow(s, -1, N)
    if not _has_x(combination(e * inverse % N, r * inverse % N, _pair(public_key)), r):  # 4 and 5
        raise _refused(public_key, "did not sign this")


def is_public_key(content: bytes) -> bool:
    """Whether these are the 64 bytes of a point of the curve (number 1 of the rule)."""
    if len(content) != PUBLIC_KEY_BYTES:
        return False
    x, y = _pair(content)
    return x < P and y < P and (y * y - (x * x - 3) * x - B) % P == 0


def combination(u: int, v: int, point: Affine) -> Jacobian:
    """u * G + v * point, for 0 <= u, v < N; both share the doublings (algorithm 3.51 of the book at _signed_digits)."""
    base_multiples, multiples = _base_multiples(), _odd_multiples(point, _KEY_WINDOW_BITS)
    digits = zip_longest(_signed_digits(u, _BASE_WINDOW_BITS), _signed_digits(v, _KEY_WINDOW_BITS), fillvalue=0)
    total = _INFINITY
    for base_digit, digit in reversed(list(digits)):
        total = _double(total)
        if base_digit:
            total = _add(total, base_multiples[base_digit])
        if digit:
            total = _add(total, multiples[digit])
    return total


def affine(points: Sequence[Jacobian]) -> Iterator[Affine]:
    """The points, none of them infinity, as x and y, last first: one division for all of them (Montgomery's trick)."""
    *products, product = accumulate((z for _, _, z in points), lambda a, b: a * b % P, initial=1)
    inverse = pow(product, -1, P)
    for (x, y, z), before in zip(reversed(points), reversed(products), strict=True):
        z_inverse = inverse * before % P
        inverse = inverse * z % P
        square = z_inverse * z_inverse % P
        yield x * square % P, y * square * z_inverse % P


def _refused(public_key: bytes, why: str) -> EvidenceError:
    return EvidenceError(Reason.BAD_SIGNATURE, f"key {public_key.hex()[:16]}: {why}")


def _pair(content: bytes) -> tuple[int, int]:
    return int.from_bytes(content[:32]), int.from_bytes(content[32:])


def _has_x(point: Jacobian, r: int) -> bool:
    """Whether the point is not infinity and its x is r modulo N: below P that is r and, for a small r, r + N."""
    x, _, z = point
    return z != 0 and any((candidate * z * z - x) % P == 0 for candidate in range(r, P, N))


def _signed_digits(factor: int, window_bits: int) -> Iterator[int]:
    """The factor as the sum of digit[i] * 2**i, from i = 0; at least window_bits - 1 zeros follow each odd digit.

    Hankerson, Menezes and Vanstone, Guide to Elliptic Curve Cryptography, algorithm 3.35.
    """
    modulus = 1 << window_bits
    while factor:
        digit = factor % modulus if factor & 1 else 0
        if digit > modulus >> 1:
            digit -= modulus
        yield digit
        factor = (factor - digit) >> 1


@cache
def _base_multiples() -> _Table:
    return _odd_multiples(G, _BASE_WINDOW_BITS)


def _odd_multiples(point: Affine, window_bits: int) -> _Table:
    """The multiples that the digits of _signed_digits ask for. None is infinity, because N is prime."""
    first: Jacobian = (*point, 1)
    (twice,) = affine([_double(first)])
    factors = range(1, 1 << (window_bits - 1), 2)
    multiples = list(accumulate(factors[1:], lambda total, _: _add(total, twice), initial=first))
    table: _Table = {}
    for factor, (x, y) in zip(reversed(factors), affine(multiples), strict=True):
        table[factor], table[-factor] = (x, y), (x, P - y)
    return table


def _double(point: Jacobian) -> Jacobian:
    """2 * point: "dbl-2001-b" for a = -3 (Bernstein and Lange, Explicit-Formulas Database). Infinity stays infinity."""
    x, y, z = point
    delta = z * z % P
    gamma = y * y % P
    beta = x * gamma % P
    alpha = 3 * (x - delta) * (x + delta) % P
    x_out = (alpha * alpha - 8 * beta) % P
    return x_out, (alpha * (4 * beta - x_out) - 8 * gamma * gamma) % P, 2 * y * z % P


def _add(point: Jacobian, other: Affine) -> Jacobian:
    """point + other, for every pair: Cohen, Miyaji and Ono 1998 with Z = 1 of the other, and its three exceptions."""
    x, y, z = point
    x_other, y_other = other
    if not z:
        return (*other, 1)
    zz = z * z % P
    h = (x_other * zz - x) % P
    slope = (y_other * zz * z - y) % P
    if not h:
        return _INFINITY if slope else _double(point)
    hh = h * h % P
    hhh = h * hh % P
    v = x * hh % P
    x_out = (slope * slope - hhh - 2 * v) % P
    return x_out, (slope * (v - x_out) - y * hhh) % P, z * h % P
