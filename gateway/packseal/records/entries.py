"""Entries: what a leaf of the log says (docs/record.md section 2).

Decides the shape of every body that version 1 defines, open or blinded. Whether an entry may be believed is decided by
log.py and bundle.py.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Any, TypeAlias

from packseal.records.bodies import (
    COUNTERS,
    COUNTS_GIVEN,
    BlockEstimate,
    Body,
    Boot,
    Config,
    EntryType,
    Estimate,
    Event,
    Gap,
    Key,
    MeanMinMax,
    Origin,
    Previous,
    QuantityEstimate,
    Rotation,
    Seal,
    StateOfHealth,
    Time,
    Window,
)
from packseal.records.cbor import ARRAY, BYTES, Value, decode_head, decode_item, decode_pairs
from packseal.records.cose import PUBLIC_KEY_BYTES, VerifyingKey
from packseal.records.fields import MAX_NUMBER, Fields, is_plain, malformed
from packseal.records.merkle import HASH_BYTES, MAX_SIZE, leaf_hash

MAX_ENTRY_BYTES = 512
LOG_ID_BYTES = LABEL_BYTES = 16
FILE_LABEL_BYTES = 32  # a digest in place of random bytes
MAX_TYPE = 31
MAX_BOOT = (1 << 32) - 1
BLINDED_TYPES = frozenset({EntryType.WINDOW, EntryType.SOH, EntryType.ESTIMATE})
BLINDED_NAMES = "WINDOW, SOH or ESTIMATE"
MAX_OPEN_KEY = 13  # 14 and 15 are the chains of a SOH (section 4)
MAX_CODE = 255  # of a quantity and of what is lacking, so that later ones break no reader
MAX_BLOCKS = 1024  # of BOOT key 5
_OPEN_KEYS = frozenset(range(MAX_OPEN_KEY + 1))
BODY_DEPTH = 7  # levels left for what an entry's array holds
ACT_OPEN, ACT_ROTATE = 1, 2


@dataclass(frozen=True, slots=True)
class Entry:
    """One leaf. `body` is None for a type that version 1 gives no body to, and where it is blinded: then `root`."""

    type: int
    seq: int
    boot: int
    uptime_ms: int
    body: Body | None
    root: bytes | None = None


@dataclass(frozen=True, slots=True)
class Parts:
    """An entry with the bytes it is made of, for hashing: those before its body, and each pair of key and value."""

    entry: Entry
    head: bytes
    pairs: dict[int, bytes]


def decode_entry(content: bytes) -> Entry:
    """Raises EvidenceError(MALFORMED) for anything that docs/record.md section 2 does not allow."""
    return decode_parts(content).entry


def decode_parts(content: bytes) -> Parts:
    """Raises EvidenceError(MALFORMED)."""
    if len(content) > MAX_ENTRY_BYTES:
        raise malformed(f"an entry of {len(content)} bytes; the limit is {MAX_ENTRY_BYTES}")
    numbers, at = _numbers(content)
    kind, seq, boot, uptime_ms = numbers
    if not (1 <= kind <= MAX_TYPE and 0 <= seq < MAX_SIZE and 1 <= boot <= MAX_BOOT and 0 <= uptime_ms <= MAX_NUMBER):
        raise malformed(f"entry type {kind}, seq {seq}, boot {boot} or uptime {uptime_ms} out of range")
    if at < len(content) and content[at] >> 5 == BYTES:
        return Parts(Entry(kind, seq, boot, uptime_ms, None, _blinded_root(content, at, kind)), content[:at], {})
    pairs, end = decode_pairs(content, at, BODY_DEPTH)
    if end != len(content):
        raise malformed(f"{len(content) - end} bytes behind an entry")
    body = _body(kind, seq, {key: value for key, value, _, _ in pairs})
    encoded = {key: content[start:stop] for key, _, start, stop in pairs}
    return Parts(Entry(kind, seq, boot, uptime_ms, body), content[:at], encoded)


def _numbers(content: bytes) -> tuple[list[int], int]:
    if not content or decode_head(content, 0) != (ARRAY, 5, 1):
        raise malformed("an entry is [type, seq, boot, uptime_ms, body]")
    numbers, at = [], 1
    for _ in range(4):
        value, at = decode_item(content, at, BODY_DEPTH)
        if not isinstance(value, int):
            raise malformed("an entry begins with four numbers")
        numbers.append(value)
    return numbers, at


def _blinded_root(content: bytes, at: int, kind: int) -> bytes:
    root, end = decode_item(content, at, BODY_DEPTH)
    if kind not in BLINDED_TYPES or not isinstance(root, bytes) or len(root) != HASH_BYTES or end != len(content):
        raise malformed(f"a body is a map, or the root of a blinded {BLINDED_NAMES}")
    return root


def _body(kind: int, seq: int, fields: dict[int, Value]) -> Body | None:
    if kind in BLINDED_TYPES and (not fields.keys() <= _OPEN_KEYS or None in fields.values()):
        raise malformed(f"an open {BLINDED_NAMES} has keys 0 to {MAX_OPEN_KEY}, and none for what it does not have")
    if not all(map(is_plain, fields.values())):
        raise malformed("a tag inside of an entry")
    read = _BODIES.get(kind)
    body = read(Fields(fields)) if read else None
    if kind == EntryType.KEY and isinstance(body, Key) != (seq == 0):
        raise malformed("the entry with seq 0 opens a log, and no other does")
    return body


@lru_cache(maxsize=256)  # every delivery and every receipt asks for it again
def genesis_key(content: bytes) -> Key:
    """The key that a log's first entry opens it with. Raises EvidenceError(MALFORMED)."""
    entry = decode_entry(content)
    if not isinstance(entry.body, Key):
        raise malformed("a log opens with a KEY entry of seq 0")
    return entry.body


def log_id_of(genesis: bytes) -> bytes:
    return leaf_hash(genesis)[:LOG_ID_BYTES]


def _key(fields: Fields) -> Key | Rotation:
    act = fields.uint(0, ACT_OPEN, ACT_ROTATE)
    key = verifying_key(fields, 1, 2)
    if act == ACT_ROTATE:
        return Rotation(key, fields.string(7, 64, 64))
    origin = Origin(fields.uint(3, Origin.BOARD, Origin.FILE))
    length = FILE_LABEL_BYTES if origin is Origin.FILE else LABEL_BYTES
    label, seed_digest = fields.string(4, length, length), fields.digest(5)
    return Key(key.public_key, origin, label, seed_digest, key.algorithm, _previous(fields))


def _previous(fields: Fields) -> Previous | None:
    if 6 not in fields:
        return None
    match fields.items(6):
        case [bytes(log_id), int(size), bytes(root)]:
            if len(log_id) == LOG_ID_BYTES and 0 < size < MAX_SIZE and len(root) == HASH_BYTES:
                return Previous(log_id, size, root)
    raise malformed("field 6 of a genesis is not [log_id, size, root]")


def verifying_key(fields: Fields, algorithm_key: int, public_key_key: int) -> VerifyingKey:
    """Raises EvidenceError(MALFORMED)."""
    algorithm = fields.optional_int(algorithm_key) or 0
    length = PUBLIC_KEY_BYTES.get(algorithm)
    if length is None:
        raise malformed(f"algorithm {algorithm} is not one of version 1")
    return VerifyingKey(fields.string(public_key_key, length, length), algorithm)


def _boot(fields: Fields) -> Boot:
    clock_rate, cell_blocks, strings = fields.uint(4, 1, 10_000), fields.uint(5, 1, MAX_BLOCKS), fields.uint(6, 1, 1024)
    return Boot(fields.digest(1), fields.uint(2), fields.uint(3), clock_rate, cell_blocks, strings, fields.uint(7))


def _counters(fields: Fields, key: int) -> tuple[int, ...]:
    given = len(fields.items(key))
    return fields.uints(key, given if given in COUNTS_GIVEN else len(COUNTERS))


def _mean_min_max(fields: Fields, key: int) -> MeanMinMax:
    match fields.column(key, MAX_ENTRY_BYTES):
        case (int(mean), int(minimum), int(maximum)):
            return MeanMinMax(mean, minimum, maximum)
    raise malformed(f"field {key} is not a column of mean, least and greatest")


def _column(fields: Fields, key: int) -> tuple[int | None, ...]:
    return fields.column(key, MAX_ENTRY_BYTES)


def _estimate(fields: Fields, key: int) -> Estimate:
    value, uncertainty = fields.uints(key, 2)
    return Estimate(value, uncertainty)


def _signed_estimate(fields: Fields, key: int) -> Estimate:
    """A value near zero can be measured as one below it; how far off it may be cannot."""
    value, uncertainty = fields.ints(key, 2)
    if uncertainty < 0:
        raise malformed(f"field {key} has an uncertainty below zero")
    return Estimate(value, uncertainty)


def _block(key: int, numbers: tuple[int, ...]) -> BlockEstimate:
    block, value, uncertainty = numbers
    if not 0 <= block < MAX_BLOCKS or uncertainty < 0:
        raise malformed(f"field {key} is not [cell block from 0 to {MAX_BLOCKS - 1}, value, uncertainty from 0]")
    return BlockEstimate(block, value, uncertainty)


def _block_estimate(fields: Fields, key: int) -> BlockEstimate:
    return _block(key, fields.uints(key, 3))


def _signed_block_estimate(fields: Fields, key: int) -> BlockEstimate:
    return _block(key, fields.ints(key, 3))


def _code(fields: Fields, key: int) -> int:
    return fields.uint(key, 1, MAX_CODE)


def _codes(fields: Fields, key: int) -> tuple[int, ...]:
    codes = fields.ints(key, len(fields.items(key)))
    if not codes or any(first >= second for first, second in pairwise((0, *codes, MAX_CODE + 1))):
        raise malformed(f"field {key} is not codes from 1 to {MAX_CODE} in ascending order, one at least")
    return codes


def _inputs(fields: Fields, key: int) -> tuple[int, int]:
    first, last = fields.uints(key, 2, MAX_SIZE - 1)
    return first, last


def _span(fields: Fields, key: int) -> tuple[int, int]:
    first, last = fields.uints(key, 2)
    return first, last


def _signed(fields: Fields, key: int) -> int:
    value = fields.optional_int(key)
    if value is None:
        raise malformed(f"field {key} is not a number")
    return value


FieldReader: TypeAlias = Callable[[Fields, int], object]
_SHOWABLE: dict[int, dict[int, tuple[str, FieldReader]]] = {
    EntryType.WINDOW: {
        1: ("duration_ms", Fields.uint),
        2: ("samples", Fields.uint),
        3: ("slots_missed", Fields.uint),
        4: ("pack_current_ma", _mean_min_max),
        5: ("pack_voltage_mv", _mean_min_max),
        6: ("cell_mv", _column),
        7: ("temperature_ddegc", _column),
        8: ("soc_cpct", Fields.uint),
        9: ("counters", _counters),
        10: ("soc_reported_cpct", Fields.uint),
        11: ("soh_reported_cpct", Fields.uint),
        12: ("values_unavailable", Fields.uint),
        13: ("values_missing", Fields.uint),
    },
    EntryType.SOH: {
        1: ("method", Fields.uint),
        2: ("inputs", _inputs),
        3: ("rated_capacity_mah", Fields.uint),
        4: ("remaining_capacity_mah", _estimate),
        5: ("soh_capacity_cpct", _estimate),
        6: ("resistance_uohm", _estimate),
        7: ("temperature_ddegc", _signed),
        8: ("soc_span_cpct", _span),
        9: ("age_ms", Fields.uint),
        10: ("weakest", _block_estimate),
        11: ("strongest", _block_estimate),
    },
    EntryType.ESTIMATE: {
        1: ("quantity", _code),
        2: ("method", Fields.uint),
        3: ("inputs", _inputs),
        4: ("value", _signed_estimate),
        5: ("lacking", _codes),
        6: ("temperature_ddegc", _signed),
        7: ("soc_span_cpct", _span),
        8: ("age_ms", Fields.uint),
        9: ("least", _signed_block_estimate),
        10: ("most", _signed_block_estimate),
    },
}


def showable_fields(kind: int) -> dict[str, int]:
    """The fields of a WINDOW, SOH or ESTIMATE that can be shown alone: name -> key."""
    return {name: key for key, (name, _) in _SHOWABLE.get(kind, {}).items()}


def read_fields(kind: int, values: Mapping[int, Value]) -> dict[str, Any]:
    """Single fields of a WINDOW, SOH or ESTIMATE, by name; keys unknown to version 1 are left out.

    Raises EvidenceError(MALFORMED).
    """
    fields = Fields(values)
    return {name: read(fields, key) for key, (name, read) in _SHOWABLE[kind].items() if key in values}


def _window(fields: Fields) -> Window:
    fields.need(1, 2)
    return Window(**read_fields(EntryType.WINDOW, fields.values))


def _state_of_health(fields: Fields) -> StateOfHealth:
    fields.need(1, 2, 3, 4, 5, 9)
    return StateOfHealth(**read_fields(EntryType.SOH, fields.values))


def _quantity_estimate(fields: Fields) -> QuantityEstimate:
    fields.need(1, 2)
    if (4 in fields) == (5 in fields):
        raise malformed("an ESTIMATE has a value, or says what is lacking: one of the two")
    if (3 in fields) != (8 in fields):
        raise malformed("an ESTIMATE has its inputs and their age, or neither")
    return QuantityEstimate(**read_fields(EntryType.ESTIMATE, fields.values))


def _event(fields: Fields) -> Event:
    return Event(fields.uint(1), fields.uint(2), fields.optional_int(3), fields.optional_uint(4))


def _gap(fields: Fields) -> Gap:
    return Gap(fields.uint(1), fields.uint(2), _pair(fields.uints(3, 2)), _bare_range(fields) if 4 in fields else None)


def _bare_range(fields: Fields) -> tuple[int, int, int]:
    first, last, count = fields.uints(4, 3)
    return first, last, count


def _time(fields: Fields) -> Time:
    return Time(fields.digest(1), fields.uint(2))


def _seal(fields: Fields) -> Seal:
    return Seal(fields.uint(1), fields.optional_digest(2))


def _config(fields: Fields) -> Config:
    config = Config(
        source_digest=fields.optional_digest(1),
        dbc_digest=fields.optional_digest(2),
        binding_digest=fields.optional_digest(3),
        losses=fields.uints(4, 6) if 4 in fields else (),
        settings_digest=fields.optional_digest(5),
    )
    if config == Config():
        raise malformed("a CONFIG without anything that version 1 knows")
    return config


def _pair(numbers: Sequence[int]) -> tuple[int, int]:
    first, second = numbers
    return first, second


_BODIES: dict[int, Callable[[Fields], Body]] = {
    EntryType.KEY: _key,
    EntryType.BOOT: _boot,
    EntryType.WINDOW: _window,
    EntryType.SOH: _state_of_health,
    EntryType.EVENT: _event,
    EntryType.GAP: _gap,
    EntryType.TIME: _time,
    EntryType.SEAL: _seal,
    EntryType.CONFIG: _config,
    EntryType.ESTIMATE: _quantity_estimate,
}
