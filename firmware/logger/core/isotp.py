"""Messages of many bytes over CAN frames of few: ISO 15765-2:2016, classic CAN and CAN FD, for one pair of identifiers.

Frames in, frames out; no controller and no clock here. Both directions run at once and do not know of each other
(9.8.3, full duplex). What cannot be taken is counted and has no other effect.

    single frame       0L data           length 1 to 7; in FD frames of more than 8 bytes 00 LL data
    first frame        1L LL data        lengths below 4096; 10 00 and four bytes from there on
    consecutive frame  2N data           N counts from 1 and runs from 15 to 0
    flow control       3S BS ST          S: 0 go on, 1 wait, 2 too long for me; BS frames until the next one, 0 all
"""

MAX_MESSAGE_BYTES = 1024  # the link has no longer one (docs/link.md clause 1)
N_BS_MS = N_CR_MS = 1000  # 9.8.1, 9.8.2: until a flow control, until a consecutive frame
MAX_WAITS = 10  # N_WFTmax, 9.7
PADDING = 0xCC  # bits change often enough that none has to be stuffed
_SINGLE, _FIRST, _CONSECUTIVE, _FLOW = 0, 1, 2, 3
_GO_ON, _WAIT, _OVERFLOW = 0, 1, 2
_FD_LENGTHS = (8, 12, 16, 20, 24, 32, 48, 64)


class TransferError(Exception):
    """A message is under way, or one that cannot be sent at all. Nothing was changed."""


class Receiver:
    """What the other side sends. `dropped` counts messages that broke off, and frames that belong to none."""

    def __init__(self, block_size=8, st_min_ms=1):
        """block_size, st_min_ms: what this side asks of the sender."""
        self.dropped = 0
        self._asks = (block_size, st_min_ms)
        self._buffer = bytearray(MAX_MESSAGE_BYTES)
        self._length = 0  # of the message under way, 0 for none
        self._count = 0
        self._deadline_ms = 0
        self._flow = None  # a flow control to send

    def take(self, data, now_ms):
        """A frame. -> the message that it ends, as bytes, or None"""
        kind = data[0] >> 4 if len(data) else _FLOW
        if kind == _SINGLE:
            return self._single(data)
        if kind == _FIRST:
            self._first(data, now_ms)
        elif kind == _CONSECUTIVE:
            return self._consecutive(data, now_ms)
        return None

    def tick(self, now_ms):
        if self._length and now_ms >= self._deadline_ms:
            self._drop()

    def flow_control(self):
        """The frame to send now, None for none. It is asked for once."""
        status, self._flow = self._flow, None
        return None if status is None else bytes((_FLOW << 4 | status,) + self._asks)

    def ask_again(self, flow):
        """The controller had no room for what flow_control gave."""
        self._flow = flow[0] & 15

    def _drop(self):
        self.dropped += 1
        self._length = 0
        self._flow = None

    def _single(self, data):
        at, length = 1, data[0] & 15
        if not length and len(data) > 8:  # 9.6.2.1: the escape of CAN FD
            at, length = 2, data[1]
            if length < 8:
                length = 0
        elif len(data) > 8:
            length = 0
        if not 0 < length <= len(data) - at:  # 9.6.2.2: ignored
            self.dropped += 1
            return None
        if self._length:  # 9.8.3: the message under way has ended
            self._drop()
        return bytes(data[at : at + length])

    def _first(self, data, now_ms):
        at, length = 2, (data[0] & 15) << 8 | data[1] if len(data) > 1 else 0
        if not length and len(data) >= 8:
            at, length = 6, int.from_bytes(data[2:6], "big")
            if length < 4096:
                length = 0
        fits_single = 7 if len(data) == 8 else len(data) - 2
        if len(data) < 8 or length <= fits_single:  # 9.6.3.2: ignored
            self.dropped += 1
            return
        if self._length:  # 9.8.3
            self._drop()
        if length > MAX_MESSAGE_BYTES:
            self.dropped += 1
            self._flow = _OVERFLOW
            return
        self._length, self._count, self._next = length, len(data) - at, 1
        self._buffer[: self._count] = data[at:]
        self._frame_bytes = len(data) - 1
        self._open_block(now_ms)

    def _open_block(self, now_ms):
        self._flow = _GO_ON
        self._left = self._asks[0] or -1  # frames of this block
        self._deadline_ms = now_ms + N_CR_MS

    def _consecutive(self, data, now_ms):
        if not self._length:  # 9.8.3: ignored
            return None
        part = min(self._frame_bytes, self._length - self._count)
        if data[0] & 15 != self._next or len(data) - 1 < part or now_ms >= self._deadline_ms:
            self._drop()
            return None
        self._buffer[self._count : self._count + part] = data[1 : 1 + part]
        self._count += part
        self._next = self._next + 1 & 15
        if self._count == self._length:
            message, self._length = bytes(memoryview(self._buffer)[: self._count]), 0
            return message
        self._deadline_ms = now_ms + N_CR_MS
        self._left -= 1
        if not self._left:
            self._open_block(now_ms)
        return None


class Sender:
    """One message at a time. `aborted` counts those that the other side did not let end."""

    def __init__(self, max_data_bytes=8):
        """max_data_bytes: 8, or up to 64 for CAN FD."""
        self.aborted = 0
        self._frame_bytes = max_data_bytes
        self._message = None
        self._waiting = False  # for a flow control

    @property
    def is_busy(self):
        return self._message is not None

    @property
    def is_sending(self):
        """Whether a message is under way that does not wait for the other side."""
        return self._message is not None and not self._waiting

    def send(self, message):
        """Begins with it. Raises TransferError."""
        if self._message is not None or not 0 < len(message) <= MAX_MESSAGE_BYTES:
            raise TransferError("a message is under way, or this one has no length that can be sent")
        self._message = message
        self._at = self._count = self._waits = 0
        self._not_before_ms = 0
        self._st_min_ms = 0
        self._left = -1
        self._waiting = False

    def take(self, data, now_ms):
        """A flow control. Any other frame is not for the sender."""
        if not len(data) or data[0] >> 4 != _FLOW or not self._waiting:
            return
        status = data[0] & 15
        if status == _WAIT and self._waits < MAX_WAITS:
            self._waits += 1
            self._deadline_ms = now_ms + N_BS_MS
        elif status == _GO_ON and len(data) >= 3:
            self._left = data[1] or -1
            self._st_min_ms = _st_min_ms(data[2])
            self._not_before_ms = now_ms
            self._waiting, self._waits = False, 0
        else:
            self._abort()

    def tick(self, now_ms):
        if self._waiting and now_ms >= self._deadline_ms:
            self._abort()

    def frame(self, now_ms):
        """The frame to send now, None for none. It stays the same until `sent` is called."""
        if self._message is None or self._waiting or now_ms < self._not_before_ms:
            return None
        if self._count:
            part = self._message[self._at : self._at + self._frame_bytes - 1]
            return self._padded(bytes((_CONSECUTIVE << 4 | self._count & 15,)) + part)
        return self._padded(self._head())

    def sent(self, now_ms):
        """The controller has taken the frame."""
        is_first = not self._count
        self._at += self._first_bytes() if is_first else self._frame_bytes - 1
        self._count += 1
        if self._at >= len(self._message):
            self._message = None
            return
        if not is_first:
            self._left -= 1
            self._not_before_ms = now_ms + self._st_min_ms + 1 if self._st_min_ms else now_ms
        if is_first or not self._left:
            self._waiting = True
            self._deadline_ms = now_ms + N_BS_MS

    def _abort(self):
        self.aborted += 1
        self._message = None
        self._waiting = False

    def _first_bytes(self):
        length = len(self._message)
        if length <= 7 or (length <= self._frame_bytes - 2 and self._frame_bytes > 8):
            return length
        return self._frame_bytes - 2

    def _head(self):
        message, length = self._message, len(self._message)
        if length <= 7:
            return bytes((length,)) + message
        if self._first_bytes() == length:
            return bytes((0, length)) + message
        return bytes((_FIRST << 4 | length >> 8, length & 255)) + message[: self._frame_bytes - 2]

    def _padded(self, frame):
        for length in _FD_LENGTHS:
            if len(frame) <= length:
                return frame + bytes((PADDING,)) * (length - len(frame))
        return frame


def _st_min_ms(code):
    """9.6.5.4 and 9.6.5.5, rounded up; what is reserved means the longest."""
    if code <= 0x7F:
        return code
    return 1 if 0xF1 <= code <= 0xF9 else 0x7F
