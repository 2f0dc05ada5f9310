"""The link (docs/link.md): its messages, their frames on a serial line, and the board's side of the conversation.

Bytes in, bytes out; no port here. `SerialLine` moves them over a byte stream, can_link.py over CAN.

What the gateway sends cannot harm the board: a frame that does not decode, or that says what no gateway says, is
counted and has no other effect.
"""

from binascii import crc32

from logger.core import cbor, sectorlog
from logger.core.cose import NONCE_BYTES
from logger.core.cursor import AGAIN
from logger.core.merkle import MAX_SIZE

VERSION = 1
HELLO, ENTRY, CHECKPOINT, STATUS, POSSESSION, UPDATE_STATE, FRESH_STATE = 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07
WANT, RECEIPT, ASK, CHALLENGE, ORDER, UPDATE, FRESH = 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17
MAX_FRAME_BYTES = 1024
_MAX_ENCODED_BYTES = MAX_FRAME_BYTES + MAX_FRAME_BYTES // 254 + 1
_KIND_AND_CRC_BYTES = 5
_WANT_TYPES = (int, int, int)
_UPDATE_TYPES = (int, bytes)
_NO_SLOTS = [0, 10, None, None]  # UPDATE_STATE of a board that takes no updates; the other states are update.py's
_STATUS_PERIOD_MS = 1000  # of real time


class FrameError(ValueError):
    """The sender's fault, or the line's: a frame that does not decode."""


def encode_message(kind, body=b""):
    """Clause 1, before COBS."""
    content = bytes([kind]) + body
    content += crc32(content).to_bytes(4, "little")
    if len(content) > MAX_FRAME_BYTES:
        raise ValueError(f"a frame of {len(content)} bytes")
    return content


def encode_frame(kind, body=b""):
    """Clause 1."""
    return _framed(encode_message(kind, body))


def _framed(message):
    return cobs_encode(message) + b"\x00"


def decode_frame(encoded):
    """(kind, body) of a frame without its closing zero. Raises FrameError."""
    return decode_message(cobs_decode(encoded))


def decode_message(content):
    """(kind, body) of what encode_message has made. Raises FrameError."""
    if not _KIND_AND_CRC_BYTES <= len(content) <= MAX_FRAME_BYTES:
        raise FrameError("its length is no frame's")
    if crc32(content[:-4]) != int.from_bytes(content[-4:], "little"):
        raise FrameError("its CRC differs")
    return content[0], content[1:-4]


def cobs_encode(content):
    """Consistent overhead byte stuffing (Cheshire and Baker 1999): the same content without a zero byte."""
    out = bytearray()
    start = 0
    while start <= len(content):
        end = content.find(b"\x00", start, start + 254)
        if end < 0:
            end = min(start + 254, len(content))
        out.append(end - start + 1)
        out.extend(content[start:end])
        start = end if end - start == 254 else end + 1  # a group of 254 bytes is not followed by a zero
    return bytes(out)


def cobs_decode(encoded):
    """Raises FrameError when a group is cut short or holds a zero."""
    out = bytearray()
    at = 0
    while at < len(encoded):
        code = encoded[at]
        group = encoded[at + 1 : at + code]
        if len(group) != code - 1 or 0 in group:
            raise FrameError("a group of the stuffing is cut short")
        out.extend(group)
        at += code
        if code < 255 and at < len(encoded):
            out.append(0)
    return bytes(out)


class FrameReceiver:
    """Cuts a byte stream, fed in any pieces, into frames; what is none is dropped and counted in `frames_refused`."""

    def __init__(self):
        self.frames_refused = 0
        self._buffer = bytearray(_MAX_ENCODED_BYTES)
        self._count = 0  # bytes since the last zero; beyond the buffer they are only counted

    def feed(self, content):
        """The (kind, body) of each frame that ends in content."""
        frames = []
        for byte in content:
            if byte:
                if self._count < _MAX_ENCODED_BYTES:
                    self._buffer[self._count] = byte
                self._count += 1
            elif self._count:  # two zeros in a row are no frame, and nothing was lost
                self._end_frame(frames)
        return frames

    def _end_frame(self, frames):
        count, self._count = self._count, 0
        try:
            if count > _MAX_ENCODED_BYTES:
                raise FrameError("longer than any frame")
            frames.append(decode_frame(bytes(self._buffer[:count])))
        except FrameError:
            self.frames_refused += 1


class BoardLink:
    """The board's side. `logger` is what it speaks for: its log, its figures, and where requests go.

    Keeps no queue: next_frame makes a frame when the one before has left. A gateway that does not read costs nothing.
    """

    def __init__(self, logger):
        self._logger = logger
        self._receiver = FrameReceiver()
        self._messages_refused = 0
        self._status_period_ms = _STATUS_PERIOD_MS * logger.config["clock_rate"]
        self._receipts_seen = 0
        self._is_update_due = False  # since the gateway has asked, or sent a piece
        self._begin()

    def _begin(self):
        """At the start, and when the board has opened another log."""
        self._log_id = self._logger.log.log_id
        self._is_hello_due = True  # clause 3
        self._cursor = None  # None before the first WANT
        self._ready = None  # the record that the credit did not reach
        self._fresh_state = None  # what was said to the newest nonce, until that has been told
        self._limit_seq = 0
        self._next_status_ms = 0

    @property
    def frames_refused(self):
        return self._receiver.frames_refused + self._messages_refused

    def feed(self, content):
        """Bytes of a serial line."""
        for kind, body in self._receiver.feed(content):
            self._take(kind, body)

    def take(self, message):
        """A message that came whole, as CAN brings it."""
        try:
            kind, body = decode_message(message)
        except FrameError:
            self._messages_refused += 1
        else:
            self._take(kind, body)

    def _take(self, kind, body):
        if kind == ASK and not body:
            self._is_hello_due = True
        elif kind == WANT:
            self._want(body)
        elif kind == RECEIPT:
            self._logger.requests.offer_receipt(body)
        elif kind == ORDER:
            self._logger.requests.offer_order(body)
        elif kind == CHALLENGE and len(body) == NONCE_BYTES:
            self._logger.requests.offer_challenge(body, self)
        elif kind == UPDATE:
            self._offer(body)
        elif kind == FRESH and len(body) == NONCE_BYTES:
            self._fresh_state = (body,) + self._logger.offer_nonce(body)
        else:
            self._messages_refused += 1

    def next_frame(self):
        """The bytes to send next on a serial line, None when there is nothing to say."""
        message = self.next_message()
        if message is None:
            return None
        # a zero before HELLO ends what a cut before the start left half said (clause 3)
        return _framed(message) if message[0] != HELLO else b"\x00" + _framed(message)

    def next_message(self):
        """What to say next, as encode_message makes it; None when there is nothing to say."""
        if self._log_id != self._logger.log.log_id:
            self._begin()
        if self._is_hello_due:
            self._is_hello_due = False
            return encode_message(HELLO, self._hello())
        possession = self._logger.requests.take_possession(self)
        if possession:
            return encode_message(POSSESSION, possession)
        if self._cursor is None:
            return None
        if self._fresh_state:  # clause 20
            state, self._fresh_state = self._fresh_state, None
            return encode_message(FRESH_STATE, cbor.encode(list(state)))
        if self._is_status_due():
            return encode_message(STATUS, self._status())
        return self._next_record() or self._update_state()

    def _offer(self, body):
        """Clause 16."""
        try:
            offset, piece = cbor.items(cbor.decode(body), _UPDATE_TYPES)
            if offset < 0:
                raise ValueError
        except ValueError:
            self._messages_refused += 1
            return
        self._is_update_due = True
        if self._logger.update:
            self._logger.update.offer(offset, piece, self)

    def _update_state(self):
        """Clause 17: behind all else, and when what came has been dealt with."""
        update = self._logger.update
        if not self._is_update_due or (update and not update.is_hungry):
            return None
        self._is_update_due = False
        return encode_message(UPDATE_STATE, cbor.encode(update.report() if update else _NO_SLOTS))

    def _want(self, body):
        """Clause 4."""
        try:
            next_seq, credit, rewind = cbor.items(cbor.decode(body), _WANT_TYPES)
            if not (0 <= next_seq <= MAX_SIZE and 0 <= credit <= MAX_SIZE and rewind in (0, 1)):
                raise ValueError
        except ValueError:
            self._messages_refused += 1
            return
        self._limit_seq = next_seq + credit
        if rewind or self._cursor is None:
            self._cursor = self._logger.log.read_from(next_seq)
            self._ready = None

    def _hello(self):
        logger = self._logger
        oldest_seq, roots = logger.log.oldest()
        hello = [VERSION, oldest_seq, logger.log.size, logger.log.receipted_size, logger.boot, logger.uptime_ms]
        identity = logger.identity
        hello.extend((identity.genesis, b"".join(roots), identity.disclosure_seed))
        return cbor.encode(hello)

    def _is_status_due(self):
        """Each period, and at once when a receipt has been dealt with: the gateway waits for that."""
        logger = self._logger
        return logger.uptime_ms >= self._next_status_ms or logger.requests.receipts_settled != self._receipts_seen

    def _status(self):
        logger, requests = self._logger, self._logger.requests
        self._next_status_ms = logger.uptime_ms + self._status_period_ms
        self._receipts_seen = requests.receipts_settled
        status = [logger.uptime_ms, logger.log.size, logger.log.receipted_size]
        status.extend((self.frames_refused, requests.receipts_refused, logger.slots_missed, logger.windows_lost))
        status.extend((requests.orders_refused, logger.source_refused, logger.config_refused))
        return cbor.encode(status)

    def _next_record(self):
        """Clause 5: in the log's order, entries below the credit only."""
        record = self._ready or self._cursor.next()
        while record is AGAIN:  # at once: the gateway rewinds again after a second
            record = self._cursor.next()
        self._ready = None
        if record is None:
            return None
        kind, number, content = record
        if kind == sectorlog.CHECKPOINT:
            return encode_message(CHECKPOINT, content)
        if number >= self._limit_seq:
            self._ready = record
            return None
        return encode_message(ENTRY, content)


class SerialLine:
    """A byte stream under a BoardLink. port: read() -> bytes, write(content) -> how many it took; neither blocks."""

    def __init__(self, link, port):
        self._link = link
        self._port = port
        self._unsent = b""

    def step(self, _now_ms):
        """Moves what there is to move. True where more may follow at once."""
        self._link.feed(self._port.read())
        self._unsent = self._unsent or self._link.next_frame() or b""
        sent = self._port.write(self._unsent) if self._unsent else 0
        self._unsent = self._unsent[sent:]
        return sent > 0
