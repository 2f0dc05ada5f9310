"""The byte line between a source and an emulated BMS, in emulated time: 9600 baud, with whatever may go wrong on it."""

BYTE_MS = 1  # 10 bits at 9600 baud are 1.04 ms
_PAUSE_MS = 15  # longer than this between two bytes, and a BMS takes the second one for the start of a request


class SerialWire:
    """bms: hear(request, now_ms) -> list of (delay in ms, content). `spoil` is applied to each content.

    `now_ms` is set by whoever drives; `has_echo` gives back what is written, as a two-wire line does.
    """

    def __init__(self, bms, latency_ms=30, byte_ms=BYTE_MS):
        self.now_ms = 0
        self.has_echo = False
        self.is_cut = False
        self.takes_bytes = 64  # at a time
        self.spoil = lambda content: content
        self._bms = bms
        self._latency_ms = latency_ms
        self._byte_ms = byte_ms
        self._coming = []  # (when, byte), in the order of their times
        self._heard, self._heard_ms = b"", 0  # of a request that is still being written

    def read(self):
        count = 0
        while count < min(len(self._coming), 64) and self._coming[count][0] <= self.now_ms:
            count += 1
        content = bytes([byte for _, byte in self._coming[:count]])
        del self._coming[:count]
        return content

    def write(self, content):
        content = bytes(content[: self.takes_bytes])
        if self.has_echo:
            self.carry(content, self.now_ms)
        if not self.is_cut:
            self._hear(content)
        return len(content)

    def _hear(self, content):
        is_next_part = self.now_ms - self._heard_ms < _PAUSE_MS
        self._heard = (self._heard if is_next_part else b"") + content
        self._heard_ms = self.now_ms
        answers = self._bms.hear(self._heard, self.now_ms)
        if answers:
            self._heard = b""
        start_ms = self.now_ms + len(content) * self._byte_ms + self._latency_ms
        for delay_ms, answer in answers:
            self.carry(self.spoil(answer), start_ms + delay_ms)

    def carry(self, content, start_ms, byte_ms=None):
        """Puts content on the line, a byte after the other, behind what is on it already."""
        byte_ms = self._byte_ms if byte_ms is None else byte_ms
        if self._coming:
            start_ms = max(start_ms, self._coming[-1][0])
        for i in range(len(content)):
            self._coming.append((start_ms + (i + 1) * byte_ms, content[i]))
