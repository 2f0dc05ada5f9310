"""What the entries of a log say (docs/record.md section 2): builds their bodies, and reads back where a log stands."""

import struct
from hashlib import sha256

from logger.core import cbor

BOOT, WINDOW, SOH, EVENT, GAP, KEY, TIME, SEAL, CONFIG, ESTIMATE = range(1, 11)
BLINDED = (WINDOW, SOH, ESTIMATE)  # signed for as the root of their values: docs/record.md section 4
MAX_ENTRY_BYTES = 512
MAX_BLOCKS, MAX_SENSORS = 128, 64  # what a board reads at most
ACT_OPEN, ACT_ROTATE = 1, 2
CAUSE_LOG_FULL, CAUSE_SEALING = 1, 2
ORIGIN_BOARD = 1
METHOD_TWO_ANCHORS = 1
EVENT_DEEP_DISCHARGE, EVENT_OVERCHARGE, EVENT_TOO_HOT, EVENT_TOO_COLD, EVENT_BMS_RESET = range(1, 6)
EVENT_SILENT, EVENT_MISSING, EVENT_UPDATE, EVENT_FLASH = range(6, 10)
BEGINS, ENDED, MOMENTARY = 1, 2, 3  # phases of an event
DAMAGED_RECORDS = 1  # value of event 9
WINDOW_CELLS, WINDOW_TEMPERATURES = 6, 7  # keys of a WINDOW, and the kind of what is missing in event 7
# docs/record.md, WINDOW key 9
CHARGE_MAH, DISCHARGE_MAH, CHARGE_WH, DISCHARGE_WH, FULL_CYCLES_CPCT = range(5)
DEEP_DISCHARGES, OVERCHARGES, HOT_S, COLD_S, CHARGING_HOT_S, CHARGING_COLD_S = range(5, 11)
BMS_RESETS, FAILED_STARTS, EVENTS_UNSAID = range(11, 14)
COUNTERS = 14
OFTEN = 5  # the first of them, which move in nearly every window
FAILURES = (2, 4, 5)  # causes of a BOOT that are none of a board in good health: watchdog, brown-out, hard fault


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


def estimate_body(
    quantity,
    method,
    inputs=None,
    value=None,
    lacking=None,
    temperature_ddegc=None,
    soc_span_cpct=None,
    age_ms=None,
    least=None,
    most=None,
):
    """What one method says of one quantity: either value is there, or lacking, codes in whatever order.

    inputs: [first seq, last seq] of the windows it rests on, and then age_ms, the age of the newest; both or neither.
    value: [value, standard uncertainty]; least, most: [cell block, value, standard uncertainty]. Raises ValueError for
    what no reader takes: it would cost the whole delivery.
    """
    if (value is None) == (not lacking) or (inputs is None) != (age_ms is None):
        raise ValueError("an ESTIMATE has a value or what is lacking, and inputs with their age or neither")
    codes = sorted(set(lacking)) if lacking else None
    said = (quantity, method, inputs, value, codes, temperature_ddegc, soc_span_cpct, age_ms, least, most)
    return without_absent(dict(enumerate(said, 1)))


def bare_leaf(leaf, seq):
    """What stands in the place of an entry whose content could not be kept (docs/record.md section 3.3)."""
    return cbor.encode([leaf, seq])


def gap_body(cause, windows, first_ms, last_ms, bare=None):
    """bare: [first seq, last seq, count] of those windows whose leaves are in the log."""
    return without_absent({1: cause, 2: windows, 3: [first_ms, last_ms], 4: bare})


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
    """What a restart resumes from: where the log ends, its counters, and which events have begun and not ended."""

    _LAYOUT = "<IQ14QQIHB24s"
    BYTES = 163

    def __init__(self):
        self.boot = 0
        self.uptime_ms = 0
        self.counters = [0] * COUNTERS
        self.time_ms = 0  # uptime of the newest TIME entry, 0 before the first
        self.last_kind = 0
        self.damages = 0  # the damaged records that event 9 has told of
        self._open = 0  # a bit for each event that has begun and not ended
        self._missing = bytearray(24)  # a bit for each cell block and sensor that is missing

    def note(self, entry):
        """Takes over what one of our own entries, the next of the log, says."""
        self.last_kind, _, self.boot, self.uptime_ms, body = cbor.decode(entry)
        if self.last_kind == WINDOW and 9 in body:
            self.counters[: len(body[9])] = body[9]
        elif self.last_kind == BOOT and body[2] in FAILURES:
            self.counters[FAILED_STARTS] += 1
        elif self.last_kind == TIME:
            self.time_ms = self.uptime_ms
        elif self.last_kind == EVENT:
            self._note_event(body[1], body[2], body.get(3), body.get(4))

    def is_open(self, event):
        """By the newest EVENT entry about it. Of event 7, ask is_missing."""
        return bool(self._open >> event & 1)

    def is_missing(self, kind, place):
        """kind: WINDOW_CELLS or WINDOW_TEMPERATURES."""
        bit = self._bit(kind, place)
        return bit is not None and bool(self._missing[bit >> 3] >> (bit & 7) & 1)

    def _note_event(self, event, phase, kind, place):
        """kind: the value of the event, which for these is one."""
        if phase == MOMENTARY:
            if (event, kind) == (EVENT_FLASH, DAMAGED_RECORDS) and place:
                self.damages = place
            return
        bit = self._bit(kind, place) if event == EVENT_MISSING else None
        if bit is not None:
            mask = 1 << (bit & 7)
            self._missing[bit >> 3] &= ~mask & 0xFF
            self._missing[bit >> 3] |= mask if phase == BEGINS else 0
        elif event < 16:
            self._open &= ~(1 << event)
            self._open |= 1 << event if phase == BEGINS else 0

    @staticmethod
    def _bit(kind, place):
        """None for a place that is not remembered: after a restart it counts as never seen."""
        first = {WINDOW_CELLS: 0, WINDOW_TEMPERATURES: MAX_BLOCKS}.get(kind)
        most = MAX_BLOCKS if kind == WINDOW_CELLS else MAX_SENSORS
        return first + place if first is not None and place is not None and 0 <= place < most else None

    def to_bytes(self):
        state = (self.time_ms, self.damages, self._open, self.last_kind, self._missing)
        return struct.pack(self._LAYOUT, self.boot, self.uptime_ms, *self.counters, *state)

    @staticmethod
    def from_bytes(content):
        progress = Progress()
        numbers = struct.unpack(Progress._LAYOUT, content)
        progress.boot, progress.uptime_ms, *progress.counters = numbers[: 2 + COUNTERS]
        progress.time_ms, progress.damages, progress._open, progress.last_kind, missing = numbers[2 + COUNTERS :]
        progress._missing = bytearray(missing)
        return progress
