"""A CAN adapter on any byte line that speaks slcan: lines of ASCII, as the Lawicel CAN232 (manual 1.03, commands) and,
for CAN FD, CANable 2.0 (its README, "Supported Commands") do.

The protocol has no checksum: what a line corrupts inside a digit is not seen. What is no line of it is counted in
`faults`, and the next carriage return begins anew. An adapter says nothing of bus-off; `state` is always 0.
"""

from logger.drivers.can_lengths import LENGTHS, length_code

_RATES = {10000: 0, 20000: 1, 50000: 2, 100000: 3, 125000: 4, 250000: 5, 500000: 6, 1000000: 8}
_DATA_RATES = {0: b"", 2000000: b"Y2\r", 5000000: b"Y5\r"}
_END, _REFUSED = 13, 7
_MAX_LINE_BYTES = 10 + 2 * 64
_BYTES_A_TURN = 512


class Slcan:
    """The controller of docs/can.md, "Controllers"."""

    lost = 0  # an adapter does not tell

    def __init__(self, line, bitrate, data_bitrate=0, is_silent=False):
        """line: read() -> bytes, write(content) -> count taken. Raises ValueError for a rate that slcan has not."""
        if bitrate not in _RATES or data_bitrate not in _DATA_RATES:
            raise ValueError(f"slcan has no {bitrate} and {data_bitrate} bit/s")
        self.faults = 0
        self.max_data_bytes = 64 if data_bitrate else 8
        self._line = line
        self._is_silent = is_silent
        # a carriage return first ends whatever the adapter has of a line
        self._opening = b"\rC\rS%d\r" % _RATES[bitrate] + _DATA_RATES[data_bitrate] + (b"L\r" if is_silent else b"O\r")
        self._content = bytearray(_MAX_LINE_BYTES)
        self._count = 0
        self._is_too_long = False
        self._came, self._at = b"", 0
        data = memoryview(bytearray(64))
        self._data = [data[:length] for length in LENGTHS]
        self._frame = [0, False, self._data[0]]
        self.restart()

    def restart(self):
        """Closes the channel and opens it again. What was to be sent is forgotten."""
        self._unsent = self._opening
        self._flush()

    def set_filters(self, ids):
        """Nothing: adapters differ in theirs, and all frames are looked at again anyway."""

    def state(self):
        self._flush()
        return 0

    def send(self, can_id, is_extended, data, is_fd=False):
        """False where the line has not taken all of the last frame yet."""
        code = length_code(len(data), self.max_data_bytes if is_fd else 8)
        if self._is_silent or not self._flush():
            return False
        kind = ("B" if is_extended else "b") if is_fd else ("T" if is_extended else "t")
        head = f"{can_id:08X}" if is_extended else f"{can_id:03X}"
        self._unsent = f"{kind}{head}{code:X}{bytes(data).hex()}\r".encode()
        self._flush()
        return True

    def receive(self):
        """None or [identifier, is it extended, data], good until the next call."""
        self._flush()
        for _ in range(_BYTES_A_TURN):
            if self._at == len(self._came):
                self._came, self._at = self._line.read(), 0
                if not self._came:
                    return None
            byte = self._came[self._at]
            self._at += 1
            if self._take(byte):
                return self._frame
        return None

    def _flush(self):
        """True where nothing waits any more."""
        if self._unsent:
            self._unsent = self._unsent[self._line.write(self._unsent) :]
        return not self._unsent

    def _take(self, byte):
        """True where this byte completes a frame."""
        if byte in (_END, _REFUSED):
            count, is_too_long = self._count, self._is_too_long
            self._count, self._is_too_long = 0, False
            is_good = byte == _END and not is_too_long
            is_frame = is_good and self._parse(count)
            if is_frame is None or not is_good:
                self.faults += 1
            return bool(is_frame)
        if self._count == _MAX_LINE_BYTES:
            self._is_too_long = True
        else:
            self._content[self._count] = byte
            self._count += 1
        return False

    def _parse(self, count):
        """Fills the frame. True for data, False for an acknowledgement or a remote frame, None for neither."""
        content = self._content
        if not count or (count == 1 and content[0] in b"zZ"):
            return False
        kind = content[0]
        is_extended = kind in b"TRDB"
        digits = 8 if is_extended else 3
        if kind not in b"tTrRdDbB" or count < digits + 2:
            return None
        can_id = self._number(1, digits)
        code = self._digit(digits + 1)
        if can_id < 0 or code < 0 or can_id > (0x1FFFFFFF if is_extended else 0x7FF):
            return None
        if kind in b"rR":
            return False if count == digits + 2 else None
        if kind in b"tT" and code > 8:
            return None
        if count != digits + 2 + 2 * LENGTHS[code] or not self._fill(digits + 2, code):
            return None
        self._frame[0] = can_id
        self._frame[1] = is_extended
        self._frame[2] = self._data[code]
        return True

    def _fill(self, at, code):
        data = self._data[code]
        for i in range(LENGTHS[code]):
            byte = self._number(at + 2 * i, 2)
            if byte < 0:
                return False
            data[i] = byte
        return True

    def _number(self, at, digits):
        """-1 for what is none."""
        number = 0
        for i in range(digits):
            digit = self._digit(at + i)
            if digit < 0 or number >> 26:  # 30 bits: no identifier has more
                return -1
            number = number << 4 | digit
        return number

    def _digit(self, at):
        byte = self._content[at]
        if 48 <= byte <= 57:
            return byte - 48
        byte &= 0xDF  # upper case and lower
        return byte - 55 if 65 <= byte <= 70 else -1
