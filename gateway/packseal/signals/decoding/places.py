"""Where signals lie in the data bytes, as columns: a word of eight bytes, a shift and a mask for each.

Decides which words are read. Signals that lie in a whole word of their byte order share it; one that lies across two
gets a word of its own; only one of more than 56 bits can need nine bytes, and is put together from single ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from packseal.signals.layout import SignalLayout

Index = npt.NDArray[np.intp]
Words = npt.NDArray[np.uint64]
Data = npt.NDArray[np.uint8]

WORD_BYTES = 8


class Places:
    """Where k signals lie: a word of 8 data bytes, read in the signal's byte order, its shift and its mask.

    window  intp   [k]  index into `windows`, (first byte, is it little endian)
    shift   uint64 [k]
    mask    uint64 [k]  0 for a signal that ends behind the width: its bits are 0
    need    uint8  [k]  bytes of the shortest frame that holds it
    stride              number of windows
    """

    def __init__(self, signals: Sequence[SignalLayout], width: int) -> None:
        places = [_place(signal, width) for signal in signals]
        self._windows = _windows({(place.byte, place.is_little_endian) for place in places}, width)
        self._is_plain = self._windows == [(byte, True) for byte in range(0, width, WORD_BYTES)]
        self.stride = len(self._windows)
        numbers = {window: number for number, window in enumerate(self._windows)}
        self.window = np.array([numbers[place.byte, place.is_little_endian] for place in places], np.intp)
        self.shift = np.array([place.shift for place in places], np.uint64)
        self.mask = np.array([place.mask for place in places], np.uint64)
        self.need = np.array([signal.bytes_needed for signal in signals], np.uint8)
        self.straddling = {i: signals[i] for i, place in enumerate(places) if place.is_straddling}

    def words(self, data: Data) -> Words:
        """[n, windows]"""
        if self._is_plain:
            return data.view("<u8").astype(np.uint64, copy=False)
        result = np.empty((len(data), len(self._windows)), np.uint64)
        done = 0
        while done < len(self._windows):
            byte, is_little_endian = self._windows[done]
            columns = data if byte == 0 else data[:, byte : byte + WORD_BYTES].copy()
            words = columns.view("<u8" if is_little_endian else ">u8")
            result[:, done : done + words.shape[1]] = words
            done += words.shape[1]
        return result


def _windows(used: set[tuple[int, bool]], width: int) -> list[tuple[int, bool]]:
    """Those used, and with any at a whole word all whole words of that byte order, which are read at once."""
    windows: list[tuple[int, bool]] = []
    for order in (True, False):
        if any(byte % WORD_BYTES == 0 for byte, is_little_endian in used if is_little_endian == order):
            windows += [(byte, order) for byte in range(0, width, WORD_BYTES)]
    return windows + sorted(used - set(windows))


class _Place(NamedTuple):
    byte: int
    is_little_endian: bool
    shift: int
    mask: int
    is_straddling: bool


def _place(signal: SignalLayout, width: int) -> _Place:
    if signal.bytes_needed > width:
        return _Place(0, True, 0, 0, False)
    lowest, bit = signal.lowest
    span = (bit + signal.bit_length + 7) // 8
    first = lowest if signal.is_little_endian else lowest - span + 1
    byte = first - first % WORD_BYTES
    if first + span > byte + WORD_BYTES:  # not in one word of those that most signals share: a word of its own
        byte = min(first, width - WORD_BYTES)
    place = lowest - byte if signal.is_little_endian else byte + WORD_BYTES - 1 - lowest
    if span > WORD_BYTES:
        return _Place(byte, signal.is_little_endian, 0, 0, True)
    return _Place(byte, signal.is_little_endian, 8 * place + bit, (1 << signal.bit_length) - 1, False)


def own_bits(layout: SignalLayout, data: Data) -> Words:
    """[n] The bits of one signal, byte by byte."""
    mask = np.uint64((1 << layout.bit_length) - 1)
    return layout.bits(np.ascontiguousarray(data.T).astype(np.uint64)) & mask
