"""What the entries of a log say (docs/record.md section 2): builds their bodies, and reads back where a log stands."""

import struct
from hashlib import sha256

from logger.core import cbor

BOOT, WINDOW, SOH, EVENT, GAP, KEY, TIME, SEAL, CONFIG = range(1, 10)
MAX_ENTRY_BYTES = 512
ACT_OPEN, ACT_ROTATE = 1, 2
CAUSE_LOG_FULL, CAUSE_SEALING = 1, 2
ORIGIN_BOARD = 1
METHOD_TWO_ANCHORS = 1
EVENT_SILENT = 6
BEGINS, ENDED, MOMENTARY = 1, 2, 3  # phases of an event


def encode(kind, seq, boot, uptime_ms, body):
    """The bytes of an entry. Raises ValueError when they are more than section 2.1 allows."""
    entry = cbor.encode([kind, seq, boot, uptime_ms, body])
    if len(entry) > MAX_ENTRY_BYTES:
        raise ValueError(f"an entry of {len(entry)} bytes; the limit is {MAX_ENTRY_BYTES}")
    return entry


def genesis(algorithm, public_key, label, disclosure_seed, previous=None):
    """The entry that opens a board's log. previous: [log_id, size, root] of the sealed log that it goes on from."""
    body = {0: ACT_OPEN, 1: algorithm, 2: public_key, 3: ORIGIN_BOARD, 4: label, 5: sha256(disclosure_seed).digest()}
    if previous:
        body[6] = previous
    return encode(KEY, 0, 1, 0, body)


def rotation_body(algorithm, public_key, possession):
    return {0: ACT_ROTATE, 1: algorithm, 2: public_key, 7: possession}


def boot_body(firmware_hash, reset_cause, source, config):
    return {
        1: firmware_hash,
        2: reset_cause,
        3: source,
        4: config["clock_rate"],
        5: config["cell_blocks"],
        6: config["strings"],
        7: config["rated_capacity_mah"],
    }


def event_body(event, phase, value=None, place=None):
    return without_absent({1: event, 2: phase, 3: value, 4: place})


def gap_body(cause, windows, first_ms, last_ms):
    return {1: cause, 2: windows, 3: [first_ms, last_ms]}


def time_body(receipt, received_unix_ms):
    """receipt: the bytes of the whole COSE_Sign1."""
    return {1: sha256(receipt).digest(), 2: received_unix_ms}


def seal_body(cause, order):
    """order: the bytes of the whole COSE_Sign1."""
    return {1: cause, 2: sha256(order).digest()}


def config_body(settings_digest):
    return {5: settings_digest}


def without_absent(body):
    """Section 1.5: what is not available is left out."""
    return {key: value for key, value in body.items() if value is not None}


def encode_column(values):
    """A column (section 2, WINDOW): zigzag differences as LEB128, 0 for None."""
    out = bytearray()
    previous = 0
    for value in values:
        if value is None:
            out.append(0)
            continue
        difference, previous = value - previous, value
        number = 1 + (2 * difference if difference >= 0 else -2 * difference - 1)
        while number > 127:
            out.append(number & 127 | 128)
            number >>= 7
        out.append(number)
    return bytes(out)


def decode_column(column):
    """The values of a column that encode_column has made, one after the other."""
    previous = number = shift = 0
    for byte in column:
        number |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            if number:
                zigzag = number - 1
                previous += -(zigzag + 1 >> 1) if zigzag & 1 else zigzag >> 1
            yield previous if number else None
            number = shift = 0


class Progress:
    """What a restart resumes from: where the log ends, and the counters of the newest entries."""

    _LAYOUT = "<IQQQQQQBB2x"
    BYTES = 56

    def __init__(self):
        self.boot = 0
        self.uptime_ms = 0
        self.counters = [0, 0, 0, 0]  # charge_mah, discharge_mah, charge_wh, discharge_wh
        self.time_ms = 0  # uptime of the newest TIME entry, 0 before the first
        self.last_kind = 0
        self.is_source_silent = False  # by the newest EVENT entry about it

    def note(self, entry):
        """Takes over what one of our own entries, the next of the log, says."""
        self.last_kind, _, self.boot, self.uptime_ms, body = cbor.decode(entry)
        if self.last_kind == WINDOW and 9 in body:
            self.counters = body[9]
        elif self.last_kind == TIME:
            self.time_ms = self.uptime_ms
        elif self.last_kind == EVENT and body[1] == EVENT_SILENT:
            self.is_source_silent = body[2] == BEGINS

    def to_bytes(self):
        flags = (self.time_ms, self.last_kind, self.is_source_silent)
        return struct.pack(self._LAYOUT, self.boot, self.uptime_ms, *self.counters, *flags)

    @staticmethod
    def from_bytes(content):
        progress = Progress()
        numbers = struct.unpack(Progress._LAYOUT, content)
        progress.boot, progress.uptime_ms, *progress.counters = numbers[:6]
        progress.time_ms, progress.last_kind, is_source_silent = numbers[6:]
        progress.is_source_silent = bool(is_source_silent)
        return progress
