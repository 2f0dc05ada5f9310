"""What the entries of a log say (docs/record.md section 2): builds their bodies, and reads back where a log stands."""

import struct

from logger.core import cbor
from logger.core.cose import ED25519

BOOT, WINDOW, SOH, EVENT, GAP, KEY = 1, 2, 3, 4, 5, 6
MAX_ENTRY_BYTES = 512
CAUSE_LOG_FULL = 1
ORIGIN_BOARD = 1
METHOD_TWO_ANCHORS = 1


def encode(kind, seq, boot, uptime_ms, body):
    """The bytes of an entry. Raises ValueError when they are more than section 2.1 allows."""
    entry = cbor.encode([kind, seq, boot, uptime_ms, body])
    if len(entry) > MAX_ENTRY_BYTES:
        raise ValueError(f"an entry of {len(entry)} bytes; the limit is {MAX_ENTRY_BYTES}")
    return entry


def genesis(public_key, label):
    """The entry that opens a board's log: the same bytes whenever it is asked for."""
    return encode(KEY, 0, 1, 0, {0: 1, 1: ED25519, 2: public_key, 3: ORIGIN_BOARD, 4: label})


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


def gap_body(windows, first_ms, last_ms):
    return {1: CAUSE_LOG_FULL, 2: windows, 3: [first_ms, last_ms]}


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


class Progress:
    """What a restart resumes from: boot, uptime and the counters of the newest entries."""

    _LAYOUT = "<IQQQQQ"
    BYTES = 44

    def __init__(self):
        self.boot = 0
        self.uptime_ms = 0
        self.counters = [0, 0, 0, 0]  # charge_mah, discharge_mah, charge_wh, discharge_wh

    def note(self, entry):
        """Takes over what one of our own entries, the next of the log, says."""
        kind, _, self.boot, self.uptime_ms, body = cbor.decode(entry)
        if kind == WINDOW and 9 in body:
            self.counters = body[9]

    def to_bytes(self):
        return struct.pack(self._LAYOUT, self.boot, self.uptime_ms, *self.counters)

    @staticmethod
    def from_bytes(content):
        progress = Progress()
        progress.boot, progress.uptime_ms, *progress.counters = struct.unpack(Progress._LAYOUT, content)
        return progress
