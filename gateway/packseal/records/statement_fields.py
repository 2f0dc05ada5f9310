"""The fields of each kind of statement on the wire (docs/record.md sections 5.11 and 5.12).

Decides which shapes are statements at all, strictly: every statement has one encoding.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from itertools import pairwise

from packseal.records.acts import MAX_BATTERY_BYTES
from packseal.records.cbor import Value
from packseal.records.cose import PUBLIC_KEY_BYTES, VerifyingKey
from packseal.records.entries import LOG_ID_BYTES
from packseal.records.fields import DIGEST_BYTES, MAX_NUMBER, Fields, is_number, malformed
from packseal.records.merkle import HASH_BYTES, MAX_SIZE
from packseal.records.statement_bodies import (
    CATEGORIES,
    GROUPS,
    PASSPORT_ID_BYTES,
    Attachment,
    CapacityTest,
    Create,
    Handover,
    Kind,
    ModulePlace,
    Note,
    NoteKind,
    Original,
    RecordRef,
    SealedLog,
    Stage,
    Stated,
    Statement,
    Status,
    Values,
)

MAX_WORDS_BYTES = 255  # a name, a place, a method, a key of a map
MAX_TEXT_BYTES = 4096
MAX_CONSENT_BYTES = 512
MAX_CPCT = 20_000
MAX_VALUE_DEPTH = 4

BATTERY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._~-]{0,62}")  # one level of a topic and of a URL
MEDIA_TYPE = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,126}/[a-z0-9][a-z0-9!#$&^_.+-]{0,126}")  # RFC 6838 section 4.2
FILE_NAME = re.compile(r"(?!\.\.?$)[^\x00-\x1f\x7f-\x9f/\\]+")


def encode_fields(statement: Statement) -> dict[int, Value]:
    """Raises ValueError or TypeError for what has no place in them."""
    return {1: statement.passport_id, **_own_fields(statement)}


def _own_fields(statement: Statement) -> dict[int, Value]:
    match statement:
        case Create() as s:
            originals: list[Value] = [[one.passport_id, one.head, one.consent] for one in s.originals]
            modules: list[Value] = [[one.module, one.original, one.place] for one in s.modules]
            sealed: list[Value] = [[one.log_id, one.size, one.root] for one in s.sealed]
            named: dict[int, Value] = {
                2: s.battery,
                3: CATEGORIES.index(s.category) + 1,
                4: s.name,
                5: _key(s.operator),
            }
            given = _given({9: s.rated_capacity_mah, 10: s.chemistry})
            return {**named, 6: originals, 7: modules, 8: sealed, **given}
        case Status(_, after, stage, note, evidence):
            return _given({11: after, 12: int(stage), 13: note or None, 14: _records(evidence)})
        case Handover(_, after, operator, consent):
            return {5: _key(operator), 11: after, 15: consent}
        case Values(_, group, values, attachments):
            files: list[Value] = [[one.name, one.media_type, one.size_bytes, one.sha256] for one in attachments]
            return {16: group, 17: encode_stated(values, MAX_VALUE_DEPTH + 1), 18: files}
        case Note(_, kind, at_unix_ms, text, evidence):
            return {13: text, 14: _records(evidence), 19: int(kind), 20: at_unix_ms}
        case CapacityTest(_, capacity_cpct, spread_cpct, method, at_unix_ms):
            return {20: at_unix_ms, 21: capacity_cpct, 22: spread_cpct, 23: method}


def decode_fields(kind: int, fields: Mapping[int, Value]) -> Statement:
    """Raises EvidenceError(MALFORMED)."""
    if kind not in _READERS:
        raise malformed(f"statement {kind} is not one of version 1")
    required, optional, read = _READERS[Kind(kind)]
    if not required <= fields.keys() <= required | optional:
        raise malformed(f"fields {sorted(fields)} in place of {sorted(required)}")
    return read(Fields(fields))


# ---- values of attributes: text and number are themselves; [0, *items], [1, *keys and values], [2, 0 or 1]

LIST, MAP, TRUTH = range(3)


def encode_stated(value: Stated, depth: int = MAX_VALUE_DEPTH) -> Value:
    """Raises TypeError for a float and whatever else is no value, ValueError for what is nested too deep."""
    if not depth:
        raise ValueError(f"a value that is nested deeper than {MAX_VALUE_DEPTH}")
    match value:
        case bool():
            return [TRUTH, int(value)]
        case str() | int():
            return value
        case Mapping():
            pairs = sorted(value.items(), key=lambda pair: pair[0].encode())
            return [MAP, *(part for key, item in pairs for part in (key, encode_stated(item, depth - 1)))]
        case tuple() | list():
            return [LIST, *(encode_stated(item, depth - 1) for item in value)]
    raise TypeError(f"{type(value).__name__} is no value of an attribute; a decimal is a text")


def _stated(value: Value, depth: int) -> Stated:
    if not depth:
        raise malformed(f"a value that is nested deeper than {MAX_VALUE_DEPTH}")
    match value:
        case str() if value:
            return value
        case int() if is_number(value):
            return value
        case [0, *items]:
            return tuple(_stated(item, depth - 1) for item in items)
        case [1, *parts]:
            return _stated_map(parts, depth)
        case [2, 0 | 1 as truth]:
            return truth == 1
    raise malformed("a value is a text, a number of 64 bits, a list, a map or a truth")


def _stated_map(parts: list[Value], depth: int) -> dict[str, Stated]:
    keys = [_words(key, "a key of a map") for key in parts[::2]]
    encoded = [key.encode() for key in keys]
    if len(parts) % 2 or any(first >= second for first, second in pairwise(encoded)):
        raise malformed("a map without a value for each key, or with keys twice or out of order")
    return {key: _stated(item, depth - 1) for key, item in zip(keys, parts[1::2], strict=True)}


# ---- one kind each


def _create(fields: Fields) -> Create:
    passport_id, category = _passport_id(fields), CATEGORIES[fields.uint(3, 1, len(CATEGORIES)) - 1]
    battery = fields.text(2, MAX_BATTERY_BYTES)
    if not BATTERY.fullmatch(battery):
        raise malformed(f"battery {battery!r} is not of letters, digits, '.', '_', '~' and '-'")
    originals = tuple(map(_original, fields.items(6)))
    modules, sealed = tuple(map(_module, fields.items(7))), tuple(map(_sealed, fields.items(8)))
    _check_once("original", [passport_id, *(one.passport_id for one in originals)])
    _check_once("module", [(one.original, one.module) for one in modules])
    _check_once("sealed log", [one.log_id for one in sealed])
    if any(one.original >= len(originals) for one in modules) or (sealed and not originals):
        raise malformed("a module or a sealed log of an original that is not listed")
    rated_mah = fields.uint(9, 1) if 9 in fields else None
    chemistry = fields.text(10, MAX_BATTERY_BYTES) if 10 in fields else None
    name, operator = fields.text(4, MAX_WORDS_BYTES), _operator(fields)
    return Create(passport_id, battery, category, name, operator, originals, modules, sealed, rated_mah, chemistry)


def _status(fields: Fields) -> Status:
    stage = Stage(fields.uint(12, Stage.ORIGINAL, Stage.RECYCLED))
    note = fields.text(13, MAX_TEXT_BYTES) if 13 in fields else ""
    return Status(_passport_id(fields), fields.digest(11), stage, note, _evidence(fields))


def _handover(fields: Fields) -> Handover:
    consent = fields.string(15, 0, MAX_CONSENT_BYTES)
    return Handover(_passport_id(fields), fields.digest(11), _operator(fields), consent)


def _values(fields: Fields) -> Values:
    values = _stated(fields.items(17), MAX_VALUE_DEPTH + 1)
    attachments = tuple(map(_attachment, fields.items(18)))
    _check_once("attachment", [one.sha256 for one in attachments])
    if not isinstance(values, Mapping) or not (values or attachments):
        raise malformed("values are a map; without an attachment one at least is there")
    return Values(_passport_id(fields), fields.uint(16, GROUPS[0], GROUPS[-1]), values, attachments)


def _note(fields: Fields) -> Note:
    kind = NoteKind(fields.uint(19, NoteKind.REPAIR, max(NoteKind)))
    return Note(_passport_id(fields), kind, fields.uint(20), fields.text(13, MAX_TEXT_BYTES), _evidence(fields))


def _test(fields: Fields) -> CapacityTest:
    capacity_cpct, spread_cpct = fields.uint(21, 0, MAX_CPCT), fields.uint(22, 0, MAX_CPCT)
    return CapacityTest(
        _passport_id(fields), capacity_cpct, spread_cpct, fields.text(23, MAX_TEXT_BYTES), fields.uint(20)
    )


# ---- parts


def _passport_id(fields: Fields) -> bytes:
    return fields.string(1, PASSPORT_ID_BYTES, PASSPORT_ID_BYTES)


def _operator(fields: Fields) -> VerifyingKey:
    match fields.values.get(5):
        case [int(algorithm), bytes(public_key)] if len(public_key) == PUBLIC_KEY_BYTES.get(algorithm):
            return VerifyingKey(public_key, algorithm)
    raise malformed("field 5 is not [algorithm, public_key]")


def _original(value: Value) -> Original:
    match value:
        case [bytes(passport_id), bytes(head), bytes() | None as consent] if len(head) == DIGEST_BYTES:
            if len(passport_id) == PASSPORT_ID_BYTES and len(consent or b"") <= MAX_CONSENT_BYTES:
                return Original(passport_id, head, consent)
    raise malformed("an original is [passport_id, head, consent / null]")


def _module(value: Value) -> ModulePlace:
    match value:
        case [module, int(original), place] if 0 <= original <= MAX_NUMBER:
            return ModulePlace(_words(module, "a module"), original, _words(place, "a place"))
    raise malformed("a module is [module, original, place]")


def _sealed(value: Value) -> SealedLog:
    match value:
        case [bytes(log_id), int(size), bytes(root)] if len(log_id) == LOG_ID_BYTES and len(root) == HASH_BYTES:
            if 0 < size < MAX_SIZE:
                return SealedLog(log_id, size, root)
    raise malformed("a sealed log is [log_id, size, root]")


def _attachment(value: Value) -> Attachment:
    match value:
        case [name, str(media_type), int(size), bytes(digest)] if len(digest) == DIGEST_BYTES:
            is_named = FILE_NAME.fullmatch(_words(name, "the name of an attachment"))
            if is_named and MEDIA_TYPE.fullmatch(media_type) and 0 <= size <= MAX_NUMBER:
                return Attachment(str(name), media_type, size, digest)
    raise malformed("an attachment is [name of a file, media type, size, sha256]")


def _evidence(fields: Fields) -> tuple[RecordRef, ...]:
    found = tuple(map(_record, fields.items(14)))
    _check_once("record", found)
    return found


def _record(value: Value) -> RecordRef:
    match value:
        case [bytes(log_id), int(seq)] if len(log_id) == LOG_ID_BYTES and 0 <= seq < MAX_SIZE:
            return RecordRef(log_id, seq)
    raise malformed("a record is [log_id, seq]")


def _words(value: Value, what: str) -> str:
    if not isinstance(value, str) or not 0 < len(value.encode()) <= MAX_WORDS_BYTES:
        raise malformed(f"{what} is not a text of 1 to {MAX_WORDS_BYTES} bytes")
    return value


def _check_once(what: str, values: Iterable[object]) -> None:
    found = list(values)
    if len(set(found)) < len(found):
        raise malformed(f"the same {what} twice")


def _key(key: VerifyingKey) -> Value:
    return [key.algorithm, key.public_key]


def _records(records: tuple[RecordRef, ...]) -> Value:
    return [[one.log_id, one.seq] for one in records]


def _given(fields: Mapping[int, Value]) -> dict[int, Value]:
    """What is not available is left out (section 1.5)."""
    return {key: value for key, value in fields.items() if value is not None}


_READERS: Mapping[Kind, tuple[frozenset[int], frozenset[int], Callable[[Fields], Statement]]] = {
    Kind.CREATE: (frozenset(range(1, 9)), frozenset({9, 10}), _create),
    Kind.STATUS: (frozenset({1, 11, 12, 14}), frozenset({13}), _status),
    Kind.HANDOVER: (frozenset({1, 5, 11, 15}), frozenset(), _handover),
    Kind.VALUES: (frozenset({1, 16, 17, 18}), frozenset(), _values),
    Kind.NOTE: (frozenset({1, 13, 14, 19, 20}), frozenset(), _note),
    Kind.TEST: (frozenset({1, 20, 21, 22, 23}), frozenset(), _test),
}
