"""SHA-512 (FIPS 180-4 §6.4) on every interpreter the firmware meets.

Uses the interpreter's own SHA-512 where there is one (CPython). Stock MicroPython has none: there the compression
function is viper code (`sha512_viper`), and plain Python (`sha512_plain`) where the port cannot compile viper or the
installed .mpy file was compiled for another architecture. This module pads, and cuts the work into steps of one block.

The constants are computed from their definition at the import, with 15 million instructions (0.15 s at 168 MHz): no
table of 80 numbers that somebody would have to check.
"""

import hashlib
from array import array
from struct import pack

from logger.core.steps import finish

try:
    from logger.core.sha512_viper import compress
except (ImportError, SyntaxError, ValueError):  # no micropython module; no viper; .mpy for another architecture
    from logger.core.sha512_plain import compress

built_in_sha512 = getattr(hashlib, "sha512", None)  # by name: not all ports' hashlib has it
BLOCK_BYTES = 128
_FIRST_PRIMES = 80


def sha512(*parts):
    """SHA-512 of the parts (bytes, no other type on MicroPython) one behind the other: 64 bytes."""
    return finish(sha512_steps(*parts))


def sha512_steps(*parts):
    """Like sha512, as a generator: yields None after each block and returns the 64 bytes."""
    if built_in_sha512:
        yield
        return built_in_sha512(b"".join(parts)).digest()
    return (yield from portable_sha512_steps(compress, parts))


def portable_sha512_steps(compress_block, parts):
    """The hash of `parts` by a given compression function, which is how the tests reach every one of them."""
    state = array("Q", _INITIAL_STATE)  # from bytes: copied, not converted
    for block in _padded_blocks(b"".join(parts)):
        compress_block(state, block, _ROUND_CONSTANTS)
        yield
    return pack(">8Q", *state)


def _padded_blocks(message):
    """The blocks of the padded message (FIPS 180-4 §5.1.2): a one bit, zeros, the length in bits as 128-bit number."""
    whole_bytes = len(message) // BLOCK_BYTES * BLOCK_BYTES
    for start in range(0, whole_bytes, BLOCK_BYTES):
        yield message[start : start + BLOCK_BYTES]
    zeros = -(len(message) + 17) % BLOCK_BYTES
    tail = message[whole_bytes:] + b"\x80" + bytes(zeros) + (8 * len(message)).to_bytes(16, "big")
    for start in range(0, len(tail), BLOCK_BYTES):
        yield tail[start : start + BLOCK_BYTES]


def _primes(count):
    found = []
    candidate = 2
    while len(found) < count:
        if all(candidate % prime for prime in found):
            found.append(candidate)
        candidate += 1
    return found


def _root_fraction(number, degree):
    """The first 64 bits behind the point of the square (degree 2) or cube (3) root of a number; the root is below 8.

    Newton's method in integers from above: the sequence falls until it has reached the root rounded down.
    """
    scaled = number << 64 * degree
    root, nearer = 0, 8 << 64
    while root == 0 or nearer < root:
        root = nearer
        nearer = ((degree - 1) * root + scaled // root ** (degree - 1)) // degree
    return root & (1 << 64) - 1


# FIPS 180-4 §5.3.5 and §4.2.3: square roots of the first 8 primes, cube roots of the first 80
_INITIAL_STATE = bytes(array("Q", [_root_fraction(prime, 2) for prime in _primes(8)]))
_ROUND_CONSTANTS = array("Q", [_root_fraction(prime, 3) for prime in _primes(_FIRST_PRIMES)])

del _primes, _root_fraction  # only the import needs them; 288 bytes of heap
