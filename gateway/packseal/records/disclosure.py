"""Showing some values of a blinded record, and no other (docs/record.md section 4.6 and 4.7).

Who has an open record and its seed makes a disclosure; who reads one computes the record's root again from what is
shown and from the hashes of what is not. Bounds of the state of health are shown as links of hash chains.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from packseal.errors import EvidenceError, Reason
from packseal.records.blinding import (
    CEILING_FIELD,
    CELLS_FIELD,
    CHAIN_STEP_CPCT,
    CHAIN_STEPS,
    FIELDS,
    FLOOR_FIELD,
    SALT_BYTES,
    OpenRecord,
    chain,
    salted_leaf,
)
from packseal.records.bodies import EntryType
from packseal.records.cbor import Value, decode, encode
from packseal.records.entries import Entry, read_fields
from packseal.records.fields import is_number, is_plain, malformed
from packseal.records.merkle import HASH_BYTES, subset_proof, subset_root

MAX_CELLS = 1024
Bound: TypeAlias = tuple[int, bytes]  # (steps, link)
_MORE: Mapping[int, set[int]] = {EntryType.WINDOW: {3}, EntryType.SOH: {4, 5}}  # keys of a disclosure: cells; bounds
_HASHES: Mapping[int, set[int]] = {EntryType.WINDOW: {CELLS_FIELD}, EntryType.SOH: {FLOOR_FIELD, CEILING_FIELD}}


@dataclass(frozen=True, slots=True)
class ShownLeaf:
    """A field of the record or a cell block, by number."""

    number: int
    value: Value
    salt: bytes

    @property
    def leaf(self) -> bytes:
        return salted_leaf(self.salt, encode([self.number, self.value]))


@dataclass(frozen=True, slots=True)
class Cells:
    """Shown blocks of a tree of `count`, and the hashes of the others."""

    count: int
    shown: tuple[ShownLeaf, ...]
    hashes: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Disclosure:
    """What is shown of a blinded record: values with salts, and the hashes of what is not."""

    shown: tuple[ShownLeaf, ...]
    hashes: tuple[bytes, ...]
    cells: Cells | None = None
    floor: Bound | None = None
    ceiling: Bound | None = None

    def to_map(self) -> dict[int, Value]:
        value: dict[int, Value] = {1: _listed(self.shown), 2: list(self.hashes)}
        if self.cells:
            value[3] = [self.cells.count, _listed(self.cells.shown), list(self.cells.hashes)]
        value |= {key: list(bound) for key, bound in ((4, self.floor), (5, self.ceiling)) if bound}
        return value

    @classmethod
    def from_value(cls, value: dict[int, Value], entry_type: int) -> Disclosure:
        """Raises EvidenceError(MALFORMED) for what section 4.6 has no place for in a record of this type."""
        if not {1, 2} <= set(value) <= {1, 2} | _MORE.get(entry_type, set()):
            raise malformed("a disclosure has shown fields and hashes, and what its type of record can show")
        shown = _shown(value[1], FIELDS)
        _read({leaf.number: leaf.value for leaf in shown}, entry_type)
        return cls(
            shown,
            _hashes(value[2]),
            _cells(value[3]) if 3 in value else None,
            _bound(value[4]) if 4 in value else None,
            _bound(value[5]) if 5 in value else None,
        )


@dataclass(frozen=True, slots=True)
class Shown:
    """What a good disclosure says: fields by name (no root, no chain end among them), cell blocks, bounds in cpct."""

    fields: Mapping[str, Any] = field(default_factory=dict)
    cells: Mapping[int, int | None] = field(default_factory=dict)
    at_least_cpct: int | None = None
    at_most_cpct: int | None = None


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to show: fields by key, cell blocks by number, bounds of soh_capacity_cpct."""

    fields: Collection[int] = ()
    cells: Collection[int] = ()
    at_least_cpct: int | None = None
    at_most_cpct: int | None = None


def disclose(content: bytes, seed: bytes, wanted: Wanted) -> tuple[bytes, Disclosure]:
    """(blinded entry, disclosure) of an open one with its record seed.

    Raises EvidenceError: MALFORMED for what is no open WINDOW, SOH or ESTIMATE, BAD_THRESHOLD for a bound that does not
    hold or is no multiple of half a percent, BAD_DISCLOSURE for a field or a cell block that the record does not have.
    """
    record = OpenRecord.of(content, seed)
    floor = _link(record, FLOOR_FIELD, wanted.at_least_cpct)
    ceiling = _link(record, CEILING_FIELD, wanted.at_most_cpct)
    needed = {CELLS_FIELD: wanted.cells, FLOOR_FIELD: floor, CEILING_FIELD: ceiling}
    keys = sorted({*wanted.fields, *(key for key, need in needed.items() if need)})
    if not set(keys) <= set(record.pairs):
        raise EvidenceError(Reason.BAD_DISCLOSURE, f"record {record.entry.seq} has no such value")
    shown = tuple(ShownLeaf(key, _second(record.pairs[key]), record.salt(key)) for key in keys)
    cells = _shown_cells(record, sorted(set(wanted.cells))) if wanted.cells else None
    return record.blinded(), Disclosure(shown, tuple(subset_proof(record.leaves(), keys)), cells, floor, ceiling)


def verify_disclosure(entry: Entry, disclosure: Disclosure) -> Shown:
    """What is shown of a blinded entry. Raises EvidenceError (BAD_DISCLOSURE, BAD_THRESHOLD, MALFORMED)."""
    fields = {leaf.number: leaf.value for leaf in disclosure.shown}
    root = subset_root(FIELDS, {leaf.number: leaf.leaf for leaf in disclosure.shown}, disclosure.hashes)
    if root != entry.root:
        raise EvidenceError(Reason.BAD_DISCLOSURE, f"record {entry.seq}: what is shown is not what was signed")
    cells = _verified_cells(fields, disclosure.cells) if disclosure.cells else {}
    at_least = _verified_bound(fields, FLOOR_FIELD, disclosure.floor)
    at_most = _verified_bound(fields, CEILING_FIELD, disclosure.ceiling)
    return Shown(
        _read(fields, entry.type), cells, at_least, None if at_most is None else CHAIN_STEPS * CHAIN_STEP_CPCT - at_most
    )


# ---- making


def _link(record: OpenRecord, key: int, bound_cpct: int | None) -> Bound | None:
    if bound_cpct is None:
        return None
    if key not in record.chains:
        raise EvidenceError(Reason.BAD_THRESHOLD, "only a state of health has bounds")
    first, length = record.chains[key]
    steps, rest = divmod(bound_cpct, CHAIN_STEP_CPCT)
    steps = steps if key == FLOOR_FIELD else CHAIN_STEPS - steps
    if rest or not 0 < steps <= CHAIN_STEPS:
        raise EvidenceError(Reason.BAD_THRESHOLD, f"{bound_cpct} is no bound: take a multiple of {CHAIN_STEP_CPCT}")
    if steps > length:
        raise EvidenceError(Reason.BAD_THRESHOLD, f"soh_capacity_cpct does not keep the bound {bound_cpct}")
    return steps, chain(first, length - steps)


def _shown_cells(record: OpenRecord, blocks: Sequence[int]) -> Cells:
    count = len(record.cell_pairs)
    if not 0 <= blocks[0] <= blocks[-1] < count:
        raise EvidenceError(Reason.BAD_DISCLOSURE, f"the cell blocks of this record are 0 to {count - 1}")
    shown = tuple(ShownLeaf(b, _second(record.cell_pairs[b]), record.cell_salt(b)) for b in blocks)
    return Cells(count, shown, tuple(subset_proof(record.cell_leaves(), blocks)))


def _second(pair: bytes) -> Value:
    value = decode(pair)
    return value[1] if isinstance(value, list) else None


def _listed(leaves: Sequence[ShownLeaf]) -> Value:
    return [[leaf.number, leaf.value, leaf.salt] for leaf in leaves]


# ---- reading


def _read(fields: Mapping[int, Value], entry_type: int) -> dict[str, Any]:
    """The values by name, each of its kind or absent; what is a hash says nothing by itself."""
    hashes = _HASHES.get(entry_type, set())
    present = {key: value for key, value in fields.items() if value is not None}
    if not all(_is_hash(value) if key in hashes else is_plain(value) for key, value in present.items()):
        raise malformed("a shown value is not of its kind")
    return read_fields(entry_type, {key: value for key, value in present.items() if key not in hashes})


def _is_hash(value: Value) -> bool:
    return isinstance(value, bytes) and len(value) == HASH_BYTES


def _verified_cells(fields: Mapping[int, Value], cells: Cells) -> dict[int, int | None]:
    root = subset_root(cells.count, {leaf.number: leaf.leaf for leaf in cells.shown}, cells.hashes)
    if root is None or fields.get(CELLS_FIELD) != root:
        raise EvidenceError(Reason.BAD_DISCLOSURE, "the cell blocks shown are not those that were signed")
    return {leaf.number: leaf.value if isinstance(leaf.value, int) else None for leaf in cells.shown}


def _verified_bound(fields: Mapping[int, Value], key: int, bound: Bound | None) -> int | None:
    if bound is None:
        return None
    steps, link = bound
    if not 0 < steps <= CHAIN_STEPS or fields.get(key) != chain(link, steps):
        raise EvidenceError(Reason.BAD_THRESHOLD, "the bound shown is not one that was signed")
    return steps * CHAIN_STEP_CPCT


def _shown(value: Value, count: int) -> tuple[ShownLeaf, ...]:
    """Strictly rising, so that nothing is shown twice."""
    leaves = tuple(_leaf(item) for item in value) if isinstance(value, list) else None
    numbers = [leaf.number for leaf in leaves or ()]
    if leaves is None or numbers != sorted(set(numbers)) or (numbers and not 0 <= numbers[0] <= numbers[-1] < count):
        raise malformed("shown values are [number, value, salt], in order")
    return leaves


def _leaf(value: Value) -> ShownLeaf:
    match value:
        case [int(number), shown, bytes(salt)] if len(salt) == SALT_BYTES:
            return ShownLeaf(number, shown, salt)
    raise malformed("a shown value is [number, value, salt]")


def _hashes(value: Value) -> tuple[bytes, ...]:
    hashes = tuple(item for item in value if isinstance(item, bytes)) if isinstance(value, list) else None
    if hashes is None or len(hashes) != len(value or ()) or any(len(item) != HASH_BYTES for item in hashes):  # type: ignore[arg-type]
        raise malformed("hashes are byte strings of 32 bytes")
    return hashes


def _cells(value: Value) -> Cells:
    match value:
        case [int(count), list(shown), list(hashes)] if 0 < count <= MAX_CELLS:
            leaves = _shown(shown, count)
            if all(leaf.value is None or is_number(leaf.value) for leaf in leaves):
                return Cells(count, leaves, _hashes(hashes))
    raise malformed("shown cells are [blocks, [[block, millivolt, salt]], [hash]]")


def _bound(value: Value) -> Bound:
    match value:
        case [int(steps), bytes(link)] if len(link) == HASH_BYTES:
            return steps, link
    raise malformed("a bound is [steps, link]")
