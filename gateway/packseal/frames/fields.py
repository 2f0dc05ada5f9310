"""Where the fields of each line of a block lie: between separators, or between stretches of white space.

All separators of a block are found in one pass; field k of a line is then an index away.
"""

from __future__ import annotations

import numpy as np

from packseal.frames.lines import I64, Lines, Mask

Span = tuple[I64, I64]


class SeparatedFields:
    """Fields with exactly one separator between two: `a,b,,d` has four."""

    def __init__(self, lines: Lines, separator: str) -> None:
        self._lines = lines
        found = lines.positions(separator)
        self._first, self._separators = _per_line(found, lines)
        self._least = int(self._separators.min()) if len(lines) else 0
        self._found = np.append(found, 0)
        self.count: I64 = self._separators + 1

    def span(self, index: int) -> Span:
        """[since, until) of one field; empty at the line's end where the line has too few."""
        since = self._lines.start if index == 0 else np.minimum(self._separator(index - 1) + 1, self._lines.end)
        return since, self._separator(index)

    def _separator(self, index: int) -> I64:
        found = self._found.take(self._first + index, mode="clip")
        if index < self._least:
            return found
        return np.where(self._separators > index, found, self._lines.end)


class SpacedFields:
    """Fields with any white space around them: `  a   b ` has two."""

    def __init__(self, lines: Lines) -> None:
        self._lines = lines
        is_space = lines.buffer <= ord(" ")
        edges = np.flatnonzero(is_space[1:] != is_space[:-1]) + 1
        self._starts, self._ends = edges[0::2].copy(), edges[1::2].copy()  # so that taking some is cheap
        self._first, self.count = _per_line(self._starts, lines)
        self._least = int(self.count.min()) if len(lines) else 0

    def span(self, index: int) -> Span:
        """[since, until) of one field; empty at the line's end where the line has too few."""
        if index < self._least:
            at = self._first + index
            return self._starts.take(at), self._ends.take(at)
        return self.spans(np.full(len(self._lines), index))

    def spans(self, index: I64) -> Span:
        """The same, of another field in every line."""
        is_there: Mask = (index < self.count) & (index >= 0)
        if not len(self._starts):
            return self._lines.end, self._lines.end
        at = self._first + index
        since = np.where(is_there, self._starts.take(at, mode="clip"), self._lines.end)
        return since, np.where(is_there, self._ends.take(at, mode="clip"), self._lines.end)


def _per_line(found: I64, lines: Lines) -> tuple[I64, I64]:
    """Index of each line's first of the sorted positions `found`, and how many it has."""
    each, rest = divmod(len(found), max(len(lines), 1))
    if each and not rest:
        table = found.reshape(-1, each)
        if ((table[:, 0] >= lines.start) & (table[:, -1] < lines.end)).all():
            return np.arange(len(lines)) * each, np.full(len(lines), each)
    first = np.searchsorted(found, lines.start)
    return first, np.diff(first, append=len(found))
