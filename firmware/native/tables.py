"""Writes tables.h: the constants of the native signer, each computed from its definition.

    python firmware/native/tables.py > tables.h

The multiples of the base point are those of logger/core/edwards25519_base.py, so that a board has one table whoever
signs, and the test that holds it against the textbook holds for both.
"""

from __future__ import annotations

import sys
from math import isqrt
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from logger.core import edwards25519_base as base
from logger.core.edwards25519 import SQRT_MINUS_1, D, L, P

WORD_BYTES = 4
FIELD_WORDS = 8
# y of the points of order 8 is a root of D*y**4 + 2*y**2 = 1; of the two roots for y**2 one is no square
ORDER_8_YY = next(
    yy
    for root in (pow(1 + D, (P + 3) // 8, P), pow(1 + D, (P + 3) // 8, P) * SQRT_MINUS_1 % P)
    if root * root % P == 1 + D
    for yy in ((root - 1) * pow(D, -1, P) % P, (-root - 1) * pow(D, -1, P) % P)
    if pow(yy, (P - 1) // 2, P) == 1
)


def words(number: int, count: int = FIELD_WORDS) -> list[int]:
    content = number.to_bytes(WORD_BYTES * count, "little")
    return [int.from_bytes(content[i : i + WORD_BYTES], "little") for i in range(0, len(content), WORD_BYTES)]


def array(kind: str, name: str, values: list[int], suffix: str) -> str:
    items = "".join(f"    {value:#x}{suffix},\n" for value in values)
    return f"static const {kind} {name}[{len(values)}] = {{\n{items}}};\n"


def primes(count: int) -> list[int]:
    found: list[int] = []
    candidate = 2
    while len(found) < count:
        if all(candidate % prime for prime in found):
            found.append(candidate)
        candidate += 1
    return found


def cube_root(number: int) -> int:
    """Rounded down."""
    low, high = 0, number
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if middle**3 <= number else (low, middle - 1)
    return low


def sha512_constants() -> tuple[list[int], list[int]]:
    """FIPS 180-4 sections 5.3.5 and 4.2.3: fractions of square roots of 8 primes, of cube roots of 80."""
    low_64_bits = (1 << 64) - 1
    initial = [isqrt(prime << 128) & low_64_bits for prime in primes(8)]
    return initial, [cube_root(prime << 192) & low_64_bits for prime in primes(80)]


def source() -> str:
    initial, rounds = sha512_constants()
    table = words(int.from_bytes(base.TABLE, "little"), len(base.TABLE) // WORD_BYTES)
    sizes = {"TEETH": base.TEETH, "ROWS": base.ROWS, "COLUMNS": base.COLUMNS, "ROW_ENTRIES": base.ROW_ENTRIES}
    sizes["ENTRY_WORDS"] = base.ENTRY_BYTES // WORD_BYTES
    return "".join(
        [
            "/* Written by tables.py. */\n",
            *(f"#define {name} {value}\n" for name, value in sizes.items()),
            array("word", "BASE_TABLE", table, "u"),
            array("word", "D", words(D), "u"),
            array("word", "TWICE_D", words(2 * D % P), "u"),
            array("word", "SQRT_MINUS_1", words(SQRT_MINUS_1), "u"),
            array("word", "ORDER_8_YY", words(ORDER_8_YY), "u"),
            array("word", "ORDER", words(L, 9), "u"),
            array("word", "ORDER_INVERSE", words((1 << 512) // L, 9), "u"),
            array("word", "ALL_DIGITS", words(((1 << 255) - 1) % L), "u"),
            array("wide", "INITIAL_STATE", initial, "ull"),
            array("wide", "ROUND_CONSTANTS", rounds, "ull"),
        ]
    )


if __name__ == "__main__":
    sys.stdout.write(source())
