"""Samples of quantities: integers in our units, or "not available" with the reason.

Decides their shape. fixed_point.py makes them of decoded signals, windows.py summarises them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from packseal.signals.absence import Absence

Index = npt.NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Samples:
    """One quantity over time: m samples in the order of the log.

    time_ns  int64 [m]
    value    int64 [m]  in the unit the quantity's name ends in; 0 where not available, to be read through is_valid
    absence  uint8 [m]  Absence; 0 where value is a measured value
    """

    time_ns: npt.NDArray[np.int64]
    value: npt.NDArray[np.int64]
    absence: npt.NDArray[np.uint8]

    def cut(self, part: slice) -> Samples:
        return Samples(self.time_ns[part], self.value[part], self.absence[part])

    @property
    def is_valid(self) -> npt.NDArray[np.bool_]:
        """bool [m]"""
        result: npt.NDArray[np.bool_] = self.absence == Absence.NONE
        return result

    @property
    def counts(self) -> dict[Absence, int]:
        """Samples by absence, all five listed; they add up to m."""
        return dict(zip(Absence, np.bincount(self.absence, minlength=len(Absence)).tolist(), strict=True))


@dataclass(frozen=True, eq=False)
class SampleBlock:
    """s quantities end to end, t samples in all; of each in the order of the log.

    quantity  intp  [s]  index into SampleTable.names
    counts    intp  [s]  samples of each
    samples   arrays of t
    """

    quantity: Index
    counts: Index
    samples: Samples

    @property
    def ends(self) -> Index:
        """intp [s] Where each quantity ends among the t samples."""
        return self.counts.cumsum()


class SampleTable(Mapping[str, Samples]):
    """Samples by quantity, of many quantities at once; one quantity's are cut out when they are asked for."""

    def __init__(self, names: Sequence[str], blocks: Sequence[SampleBlock]) -> None:
        """blocks: in the order of the log."""
        self.names, self.blocks = tuple(names), tuple(blocks)
        self._numbers = {name: number for number, name in enumerate(self.names)}

    @classmethod
    def of(cls, samples: Mapping[str, Samples]) -> SampleTable:
        if isinstance(samples, SampleTable):
            return samples
        each = [samples[name] for name in samples]
        counts = np.array([len(one.value) for one in each], np.intp)
        return cls([*samples], [SampleBlock(np.arange(len(each)), counts, _joined(each))])

    def __len__(self) -> int:
        return len(self.names)

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __getitem__(self, name: str) -> Samples:
        number = self._numbers[name]
        found = []
        for block in self.blocks:
            for place in np.flatnonzero(block.quantity == number).tolist():
                end = int(block.ends[place])
                part = slice(end - int(block.counts[place]), end)
                found.append(block.samples.cut(part))
        return _joined(found)

    @property
    def counts(self) -> dict[str, dict[Absence, int]]:
        """Of each quantity the samples by absence, all five listed."""
        kinds = len(Absence)
        total = np.zeros(len(self.names) * kinds, np.int64)
        for block in self.blocks:
            total += np.bincount(
                (block.quantity * kinds).repeat(block.counts) + block.samples.absence, minlength=len(total)
            )
        rows = total.reshape(-1, kinds).tolist()
        return {name: dict(zip(Absence, row, strict=True)) for name, row in zip(self.names, rows, strict=True)}


def _joined(parts: Sequence[Samples]) -> Samples:
    if not parts:
        return Samples(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, np.uint8))
    if len(parts) == 1:
        return parts[0]
    return Samples(
        np.concatenate([part.time_ns for part in parts]),
        np.concatenate([part.value for part in parts]),
        np.concatenate([part.absence for part in parts]),
    )
