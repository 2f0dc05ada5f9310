"""Blinding (docs/record.md section 4): WINDOW, SOH and ESTIMATE are signed for as the root of their values' salted
hashes.

Decides salts, leaves and chains. Takes apart entries that this board has made, and no others.

Hashing the 96 cells of a large pack takes as long as a signature: hence the steps.
"""

from hashlib import sha256

from logger.core import cbor
from logger.core.entries import BLINDED, SOH, WINDOW, decode_column
from logger.core.merkle import Edge, leaf_hash
from logger.core.steps import finish

SEED_BYTES = 16
_SALT_BYTES = 16
_BLOCK_BYTES = 64  # of SHA-256
_FIELDS = 16
_CAPACITY, _CELLS, _FLOOR, _CEILING = 5, 6, 14, 15  # keys of fields
_CELL_SALT, _FLOOR_START, _CEILING_START = 16, 17, 18  # first bytes of what goes through HMAC
_CHAIN_STEPS, _CHAIN_STEP_CPCT = 255, 50
_PAIR = b"\x82"  # CBOR: an array of two
_DIGEST = b"\x58\x20"  # CBOR: 32 bytes follow
_LEAVES_A_STEP = 4  # about as much work as a step of a signature
_LINKS_A_STEP = 16


class HMAC:
    """HMAC-SHA-256 (RFC 2104) with one key of at most 64 bytes. MicroPython has no hmac, and hashes without copy()."""

    def __init__(self, key):
        block = key + bytes(_BLOCK_BYTES - len(key))
        self._inner = bytes([byte ^ 0x36 for byte in block])
        self._outer = bytes([byte ^ 0x5C for byte in block])

    def digest(self, message):
        inner, outer = sha256(self._inner), sha256(self._outer)
        inner.update(message)
        outer.update(inner.digest())
        return outer.digest()

    def salt(self, message):
        return self.digest(message)[:_SALT_BYTES]


def record_seed(disclosure_seed, seq):
    """Section 4.1."""
    return HMAC(disclosure_seed).digest(seq.to_bytes(4, "big"))[:SEED_BYTES]


def leaf_of(entry, disclosure_seed):
    """The leaf hash of an entry that this board has made (sections 3.1 and 4.5)."""
    return finish(leaf_steps(entry, disclosure_seed))


def leaf_steps(entry, disclosure_seed):
    """Like leaf_of, in about 6 steps and one for every 4 cells; types that are not blinded take none."""
    if entry[1] in BLINDED:  # a type is below 24: one byte, behind the array's head
        entry = yield from blinded_steps(entry, disclosure_seed)
    return leaf_hash(entry)


def blinded_steps(entry, disclosure_seed):
    """Section 4.5: a WINDOW, SOH or ESTIMATE with the root of its field tree in place of its body."""
    kind, at = cbor.decode_at(entry, 1)
    seq, at = cbor.decode_at(entry, at)
    _, at = cbor.decode_at(entry, at)
    _, at = cbor.decode_at(entry, at)
    fields = cbor.decode_pairs(entry, at)
    keyed = HMAC(record_seed(disclosure_seed, seq))
    yield
    if kind == WINDOW and _CELLS in fields:
        fields[_CELLS] = _pair(_CELLS, (yield from _cells_root_steps(keyed, cbor.decode_at(fields[_CELLS], 1)[0])))
    if kind == SOH:
        capacity_cpct = cbor.decode_at(fields[_CAPACITY], 1)[0][0]
        yield from _add_chains_steps(keyed, capacity_cpct, fields)
    return entry[:at] + _DIGEST + (yield from _fields_root_steps(keyed, fields))


def _fields_root_steps(keyed, fields):
    """Section 4.2. A field that is not there is hashed as null."""
    tree = Edge()
    for key in range(_FIELDS):
        pair = fields.get(key) or bytes((key, cbor.NULL))
        tree.append(leaf_hash(keyed.salt(bytes((key,))) + _PAIR + pair))
        if key % _LEAVES_A_STEP == _LEAVES_A_STEP - 1:
            yield
    return tree.root()


def _cells_root_steps(keyed, column):
    """Section 4.3."""
    tree = Edge()
    for cell_mv in decode_column(column):
        block = tree.size
        salt = keyed.salt(bytes((_CELL_SALT, block >> 8, block & 255)))
        tree.append(leaf_hash(salt + cbor.encode([block, cell_mv])))
        if block % _LEAVES_A_STEP == _LEAVES_A_STEP - 1:
            yield
    return tree.root()


def _add_chains_steps(keyed, capacity_cpct, fields):
    """Section 4.4: fields 14 and 15."""
    floor = min(capacity_cpct // _CHAIN_STEP_CPCT, _CHAIN_STEPS)
    ceiling = max(_CHAIN_STEPS + -capacity_cpct // _CHAIN_STEP_CPCT, 0)  # -c // 50 is -ceil(c / 50)
    for key, start, count in ((_FLOOR, _FLOOR_START, floor), (_CEILING, _CEILING_START, ceiling)):
        link = keyed.digest(bytes((start,)))
        for number in range(count):
            link = sha256(b"\x02" + link).digest()
            if number % _LINKS_A_STEP == _LINKS_A_STEP - 1:
                yield
        fields[key] = _pair(key, link)


def _pair(key, digest):
    return bytes((key,)) + _DIGEST + digest
