"""Which message a frame belongs to: by its identifier, and for SAE J1939 by its parameter group number.

Decides the order: the identifier as it is; then the J1939 message of this group and source; then that of this group and
any source (a DBC writes 0xFE, the null address, there). Priority and, in PDU1, the destination are never compared
(SAE J1939-21, 5.2). Where two messages claim the same frames, the first in the file has them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from packseal.frames import Frames
from packseal.signals.layout import MessageLayout

ANY_SOURCE = 0xFE
EXTENDED = 1 << 31  # of a key; the rest of it is the identifier
_STANDARD_IDS, _EXTENDED_IDS = 1 << 11, 1 << 29
_FIRST_PDU2 = 0xF0  # PF from here on has no destination: PS is part of the group number
_GROUP_PDU1, _GROUP_PDU2 = 0x03FF_0000, 0x03FF_FF00  # reserved bit, data page, PF and, in PDU2, PS
_HASH_BITS = range(8, 15)
_MULTIPLIERS = [0x9E37_79B1 * odd & 0xFFFF_FFFF for odd in range(1, 65, 2)]  # of the golden ratio: scatters neighbours

Numbers = npt.NDArray[np.unsignedinteger[Any]]  # of as few bits as will do: sorted so much faster
Ids = npt.NDArray[np.uint32]


def dtype_of(count: int) -> type[np.unsignedinteger[Any]]:
    """The type for numbers up to `count`."""
    if count < 1 << 8:
        return np.uint8
    return np.uint16 if count < 1 << 16 else np.uint32


def group_of(can_id: int) -> int:
    """The bits of a 29-bit identifier that name the parameter group."""
    return can_id & (_GROUP_PDU2 if can_id >> 16 & 0xFF >= _FIRST_PDU2 else _GROUP_PDU1)


def frame_filter(message: MessageLayout) -> tuple[int, int]:
    """(identifier, mask): the frames of this message are those that have its identifier in the bits of the mask."""
    if not message.is_extended:
        return message.can_id, _STANDARD_IDS - 1
    if not message.is_j1939:
        return message.can_id, _EXTENDED_IDS - 1
    group = _GROUP_PDU2 if message.can_id >> 16 & 0xFF >= _FIRST_PDU2 else _GROUP_PDU1
    mask = group | (0 if message.can_id & 0xFF == ANY_SOURCE else 0xFF)
    return message.can_id & mask, mask


class MessageLookup:
    """Numbers of messages by identifier; `unknown`, the count of messages, for a frame of none."""

    def __init__(self, messages: Sequence[MessageLayout]) -> None:
        self.unknown = len(messages)
        self._by_key: dict[int, int] = {}
        self._by_source: dict[int, int] = {}
        self._by_group: dict[int, int] = {}
        for number, message in enumerate(messages):
            self._by_key.setdefault(message.key, number)
            if message.is_j1939 and message.is_extended:
                source = message.can_id & 0xFF
                table = self._by_group if source == ANY_SOURCE else self._by_source
                table.setdefault(group_of(message.can_id) | (0 if source == ANY_SOURCE else source), number)
        self._standard: Numbers = np.full(_STANDARD_IDS + 1, self.unknown, dtype_of(self.unknown))
        for key, number in self._by_key.items():
            if key < _STANDARD_IDS:
                self._standard[key] = number
        extended = {key ^ EXTENDED: number for key, number in self._by_key.items() if key & EXTENDED}
        self._extended = _IdTable(extended, self.unknown)
        self._sources, self._groups = _IdTable(self._by_source, self.unknown), _IdTable(self._by_group, self.unknown)

    def number_of(self, key: int) -> int:
        """key: the identifier, bit 31 set for an extended one."""
        number = self._by_key.get(key)
        if number is None and key & EXTENDED and (self._by_group or self._by_source):
            group = group_of(key ^ EXTENDED)
            number = self._by_source.get(group | key & 0xFF, self._by_group.get(group))
        return self.unknown if number is None else number

    def numbers_of(self, frames: Frames) -> Numbers:
        """[n]"""
        numbers = self._standard.take(frames.can_id, mode="clip")
        if frames.is_extended.any():
            rows = frames.is_extended.nonzero()[0]
            numbers[rows] = self._extended_numbers(frames.can_id[rows])
        return numbers

    def _extended_numbers(self, ids: Ids) -> Numbers:
        numbers = self._extended.take(ids)
        if not (self._by_group or self._by_source):
            return numbers
        rows = (numbers == self.unknown).nonzero()[0]
        ids = ids[rows]
        is_pdu2 = (ids >> np.uint32(16) & np.uint32(0xFF)) >= _FIRST_PDU2
        groups = ids & np.where(is_pdu2, np.uint32(_GROUP_PDU2), np.uint32(_GROUP_PDU1))
        found = self._sources.take(groups | ids & np.uint32(0xFF))
        numbers[rows] = np.where(found == self.unknown, self._groups.take(groups), found)
        return numbers


class _IdTable:
    """Numbers by 29-bit identifier: a hash without collisions where one is found, else a search in sorted ones."""

    def __init__(self, numbers: Mapping[int, int], unknown: int) -> None:
        self._unknown = unknown
        self._ids = np.array(sorted(numbers), np.uint32)
        self._numbers: Numbers = np.array([numbers[int(can_id)] for can_id in self._ids], dtype_of(unknown))
        self._multiplier, self._shift = np.uint32(0), np.uint32(0)
        self._find_hash()

    def _find_hash(self) -> None:
        for bits in _HASH_BITS:
            for multiplier in _MULTIPLIERS if 0 < len(self._ids) ** 2 <= 8 << bits else ():  # above, hardly a chance
                places = self._ids * np.uint32(multiplier) >> np.uint32(32 - bits)
                ordered = np.sort(places)
                if not (ordered[1:] == ordered[:-1]).any():
                    self._multiplier, self._shift = np.uint32(multiplier), np.uint32(32 - bits)
                    self._fill(places, 1 << bits)
                    return

    def _fill(self, places: Ids, size: int) -> None:
        ids, numbers = np.full(size, 0xFFFF_FFFF, np.uint32), np.full(size, self._unknown, self._numbers.dtype)
        ids[places], numbers[places] = self._ids, self._numbers
        self._ids, self._numbers = ids, numbers

    def take(self, ids: Ids) -> Numbers:
        """[n] The numbers of these identifiers, `unknown` for others."""
        if not len(self._ids):
            return np.full(len(ids), self._unknown, self._numbers.dtype)
        if self._multiplier:
            places = (ids * self._multiplier >> self._shift).astype(np.intp)
        else:
            places = np.minimum(np.searchsorted(self._ids, ids), len(self._ids) - 1)
        unknown = self._numbers.dtype.type(self._unknown)
        return np.where(self._ids.take(places) == ids, self._numbers.take(places), unknown)


def shared_groups(messages: Sequence[MessageLayout]) -> list[tuple[MessageLayout, MessageLayout]]:
    """(first, second) of every two J1939 messages that claim the same frames: the first has them."""
    claims: dict[tuple[int, int], list[MessageLayout]] = {}
    for message in messages:
        if message.is_j1939:
            claims.setdefault((group_of(message.can_id), message.can_id & 0xFF), []).append(message)
    return [pair for same in claims.values() for pair in pairwise(same)]
