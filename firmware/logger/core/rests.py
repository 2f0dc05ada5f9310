"""Anchors: the open-circuit voltages of rests, with what was counted between them.

Decides when a pack is rested and how well its voltage is known. A voltage goes on relaxing for hours: how far it moved
since the rest was half as old says how far it will still go, about half of that again, and how unsure that is: the
more, the more often the rest has yet to double its age until it is three hours old.
"""

from array import array

REST_MS = 240000  # younger rests are no anchors
MAX_ANCHORS = 8
_FIRST_MARK_MS = 150000  # voltages are marked at this age of a rest, and whenever it has doubled
_REPEAT_UV = 300  # a mean over half a minute
_YOUNG_MS, _YOUNG_UV = 600000, 2000  # in a rest younger than this, what moves slowly has hardly begun to show
_OLD_MS = 3 * 3600000


class Anchor:
    """A rest. Voltages in µV, 0 for a block without a value."""

    def __init__(self, cell_uv, sigma_uv, ddegc, totals, zero_ma, rest_ms):
        self.cell_uv = cell_uv
        self.sigma_uv = sigma_uv  # how well they are known, meter and curve aside
        self.ddegc = ddegc
        self.totals = totals
        self.zero_ma = zero_ma  # what the meter showed late in the rest
        self.rest_ms = rest_ms
        self.window_seq = None  # of the WINDOW entry that holds the rest, known when the window ends

    @property
    def mean_uv(self):
        known = [uv for uv in self.cell_uv if uv]
        return sum(known) // len(known)


class Rests:
    """Told of every segment; `anchors`, oldest first, and `is_resting`, with `rest_ms` so far."""

    def __init__(self):
        self.anchors = []
        self._fresh = None
        self._marks = []  # (age of the rest, voltages)
        self._next_mark_ms = _FIRST_MARK_MS
        self.end()

    def forget(self):
        """Charge was not counted, or the windows that the anchors rest on are not in the log."""
        self.anchors = []
        self._fresh = None
        self.end()

    def note(self, segment):
        if not segment.is_rest or segment.mean_uv is None:
            self.end()
            return
        if segment.is_first:
            self.end()
        self.is_resting = True
        self.rest_ms += segment.ms
        cell_uv = array("i", [uv or 0 for uv in segment.cell_uv])
        if self.rest_ms >= REST_MS and self._marks:
            self._set_anchor(segment, cell_uv)
        if self.rest_ms >= self._next_mark_ms:
            self._marks = self._marks[-1:] + [(self.rest_ms, cell_uv)]
            self._next_mark_ms = 2 * self.rest_ms

    def note_window(self, seq):
        """Says which entry holds the window that has just ended."""
        for anchor in self.anchors:
            if anchor.window_seq is None:
                anchor.window_seq = seq

    def latest(self):
        """The anchor of the rest that goes on, None before it is one."""
        return self.anchors[-1] if self._is_anchored else None

    def take_fresh(self):
        """The anchor of the rest that is over, once; None when it was too short."""
        fresh, self._fresh = self._fresh, None
        return fresh

    def until(self, anchor):
        """The anchors up to this one; none when it has been forgotten."""
        return self.anchors[: self.anchors.index(anchor) + 1] if anchor in self.anchors else []

    def begin_ring(self, anchor):
        """What the anchors up to this one say has been taken into account: it begins the next ring."""
        if anchor in self.anchors:
            self.anchors = self.anchors[self.anchors.index(anchor) :]

    def end(self):
        """The rest is over, if there was one."""
        self.is_resting = self._is_anchored = False
        self.rest_ms = 0
        self._marks = []
        self._next_mark_ms = _FIRST_MARK_MS

    def _set_anchor(self, segment, latest_uv):
        marked_uv = self._marks[-1][1] if 2 * self._marks[-1][0] <= self.rest_ms + 30000 else self._marks[0][1]
        cell_uv = array("i", latest_uv)
        moved = count = 0
        for i in range(len(cell_uv)):
            if not marked_uv[i]:
                cell_uv[i] = 0
            if cell_uv[i]:
                moved_uv = latest_uv[i] - marked_uv[i]
                cell_uv[i] += moved_uv // 2
                moved += moved_uv
                count += 1
        if not count:
            return
        doublings = 0
        while self.rest_ms << doublings + 1 <= _OLD_MS:
            doublings += 1
        sigma_uv = abs(moved // count) * (2 + doublings) // 4 + _REPEAT_UV
        if self.rest_ms < _YOUNG_MS:
            sigma_uv += _YOUNG_UV
        anchor = Anchor(cell_uv, sigma_uv, segment.ddegc, segment.totals, segment.current_ma, self.rest_ms)
        if self._is_anchored:
            self.anchors.pop()
        self._is_anchored = True
        self.anchors = self.anchors[1 - MAX_ANCHORS :]
        self.anchors.append(anchor)
        self._fresh = anchor
