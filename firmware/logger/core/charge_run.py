"""A run of segments of one steady current, and the few of them that stand for it: anchors, spread over its charge."""

SETTLE_MS = 15000  # after a change of current: diffusion has yet to follow
SETTLE_CHARGE_MS = 150000  # after a rest, as long as the family's curves were left to settle
SETTLE_DISCHARGE_MS = 240000
FIRST_APART_PPM = 15625  # between anchors; doubled whenever they are too many
MAX_ANCHORS = 8
MIN_ANCHORS = 4
MIN_SPAN_PPM = 80000  # below, an offset of 2 mV alone is worth more than what a window could tell


class Run:
    """rest: the segment right before, None where the run did not begin at a rest."""

    def __init__(self, segment, rest, rated_mah):
        self.is_charge = segment.current_ma > 0
        self.rest = rest
        self.first = self.last = segment.totals
        self.uv = []
        self.charge_ppm = []  # of rated_capacity, from the start of the run
        self.ms = 0
        self._rated_mah = rated_mah
        self._start_uah = segment.totals.charge_uah
        self._settle_ms = SETTLE_MS
        if rest is not None:
            self._settle_ms = SETTLE_CHARGE_MS if self.is_charge else SETTLE_DISCHARGE_MS
        self._apart_ppm = FIRST_APART_PPM
        self._newest = None
        self._drop_uv = 0
        self._segments = self._warm_segments = self._sum_ma = self._sum_ddegc = 0

    def add(self, segment):
        self.ms += segment.ms
        self.last = segment.totals
        if self.ms - segment.ms < self._settle_ms:
            return
        self._segments += 1
        self._sum_ma += segment.current_ma
        if segment.ddegc is not None:
            self._warm_segments += 1
            self._sum_ddegc += segment.ddegc
        self._newest = segment.mean_uv, self.ppm_at(segment.charge_uah)
        self._keep()

    def step_uv(self, segment):
        """Of its second segment: the mean drop over both, from the rest before. None for others, and without a rest."""
        if self.rest is None or self.ms - segment.ms > self.rest.ms + segment.ms or self._drop_uv is None:
            return None
        self._drop_uv += segment.mean_uv - self.rest.mean_uv
        if self.ms == segment.ms:
            return None
        drop_uv, self._drop_uv = self._drop_uv // 2, None
        return drop_uv

    def close(self):
        """The last segment is an anchor, however near to the one before."""
        if self._newest and self._newest[1] != self.charge_ppm[-1]:
            if len(self.uv) == MAX_ANCHORS:
                self.uv.pop()
                self.charge_ppm.pop()
            self._append()

    def is_window(self):
        return len(self.uv) >= MIN_ANCHORS and abs(self.charge_ppm[-1] - self.charge_ppm[0]) >= MIN_SPAN_PPM

    def ppm_at(self, charge_uah):
        """What was counted until then, in charge_ppm's unit."""
        return (charge_uah - self._start_uah) * 1000 // self._rated_mah

    def current_ma(self):
        return self._sum_ma // self._segments

    def ddegc(self):
        """None where no sensor had one."""
        return self._sum_ddegc // self._warm_segments if self._warm_segments else None

    def _keep(self):
        if self.uv and abs(self._newest[1] - self.charge_ppm[-1]) < self._apart_ppm:
            return
        if len(self.uv) == MAX_ANCHORS:
            self.uv = self.uv[::2]
            self.charge_ppm = self.charge_ppm[::2]
            self._apart_ppm *= 2
            if abs(self._newest[1] - self.charge_ppm[-1]) < self._apart_ppm:
                return
        self._append()

    def _append(self):
        self.uv.append(self._newest[0])
        self.charge_ppm.append(self._newest[1])
