"""Makes a BQ76952 or BQ76942 measure what is wanted: which monitor it is, and its data memory. No bus here.

Sources: SLUUBY2B ("TRM"): section 3.1 subcommands, 7.6 CONFIG_UPDATE mode, 13.1 data memory access, 13.3.2 settings of
the pins, DA Configuration and Vcell Mode; 4.4 the gain of the coulomb counter; SLUAA11B sections 2.1 and 3.

The data memory is read first. It is written only where it differs, and only if this board may (`may_write`): entering
CONFIG_UPDATE opens the FETs of a pack for some ten milliseconds.
"""

from logger.core.bq769x2 import BATTERY_STATUS, CFGUPDATE, POR, SECURITY, THERMISTORS, bits_of, word

DEVICES = {76952: (0x7695, 16), 76942: (0x7694, 10)}  # setting: (device number, cell inputs)
UNITS_UA = (100, 1000, 10000, 100000)  # of current, in the order of USER_AMPS
SEALED = 3 << 8

_SUBCOMMAND, _BUFFER, _CHECKSUM = 0x3E, 0x40, 0x60
_DEVICE_NUMBER, _SET_CFGUPDATE, _EXIT_CFGUPDATE = 0x0001, 0x0090, 0x0092
_VCELL_MODE, _DA_CONFIGURATION, _CC_GAIN, _CAPACITY_GAIN = 0x9304, 0x9303, 0x91A8, 0x91AC
_FIRST_PIN, _PIN_THERMISTOR = 0x92FA, 0x07  # 18 kΩ pull-up, cell temperature, for a 10 kΩ 103-AT (TRM 13.3.2.9)
_USER_VOLTS_CV, _UNITS_MASK = 0x04, 0x07  # of DA Configuration: hundredths of a volt; the bits that are ours
_WAIT_MS = 3  # SLUAA11B section 2: 2 ms suffice for the subcommands used here
_TRIES = 5
_SOON_MS, _LATER_MS = 250, 10000

# CC Gain = 7.5684 / sense resistor in mΩ; Capacity Gain = 298261.6178 times that (TRM section 4.4).
_CC_GAIN_UOHM = (75684, 10)
_CAPACITY_PER_CC = (2982616178, 10000)


class Setup:
    """Readable after run: `is_refused`, whether it is the monitor that is wrong and not the bus; `retry_ms`; `had_por`,
    whether Battery Status had POR set before the data memory was last compared.
    """

    def __init__(self, bus, device, cell_inputs, thermistors, unit_ua, sense_uohm, may_write):
        """Raises ValueError where the settings contradict each other."""
        if device not in DEVICES or unit_ua not in UNITS_UA:
            raise ValueError("device must be 76952 or 76942, current_unit_ua 100, 1000, 10000 or 100000")
        self._device_number, inputs = DEVICES[device]
        if not 0 < cell_inputs < 1 << inputs or thermistors >> THERMISTORS:
            raise ValueError("cell_inputs or thermistors names a pin that the device does not have")
        self.is_refused = self.had_por = False
        self.retry_ms = _SOON_MS
        self._bus = bus
        self._may_write = may_write
        self._word = bytearray(2)
        self._items = _items(cell_inputs, thermistors, unit_ua, sense_uohm)

    def run(self):
        """Yields how long to wait; returns whether the monitor is the right one and set up."""
        self.is_refused, self.retry_ms = False, _SOON_MS
        if not (yield from self._identify()):
            return False
        for _ in range(3):  # as it is, after writing, and once more for a monitor that was reset meanwhile
            differing = yield from self._differing()
            if differing is None:
                return False
            if not differing:
                return True
            if not self._may_write or self._is_sealed():
                break
            if not (yield from self._write(differing)):
                return False
        self.is_refused, self.retry_ms = True, _LATER_MS
        return False

    def _identify(self):
        found = yield from self._fetch(_DEVICE_NUMBER, 2)
        if found is None:
            return False
        if word(found, 0) != self._device_number:
            self.is_refused, self.retry_ms = True, _LATER_MS
            return False
        return True

    def _differing(self):
        """The items (address, content) that are not as wanted; None when they cannot be read."""
        if not (self._bus.read(BATTERY_STATUS, self._word) and word(self._word, 0) & SECURITY):
            return None  # of the security bits none is set while it starts
        self.had_por = bool(self._word[0] & POR)
        differing = []
        for address, wanted, mask in self._items:
            found = yield from self._fetch(address, len(wanted))
            if found is None:
                return None
            changed = bytes([(found[i] & ~mask[i] & 0xFF) | wanted[i] for i in range(len(wanted))])
            if found != changed:
                differing.append((address, changed))
        return differing

    def _fetch(self, subcommand, count):
        """The first bytes of its answer, None when it cannot be had. Read twice: a bus without CRC has no other check
        (what the monitor says of checksum and length of a read is not what the TRM says, e2e.ti.com 1208899)."""
        low, high = subcommand & 0xFF, subcommand >> 8
        if not self._bus.write(_SUBCOMMAND, bytes([low, high])):
            return None
        for _ in range(_TRIES):
            yield _WAIT_MS
            if not self._bus.read(_SUBCOMMAND, self._word):
                return None
            if self._word[0] == low and self._word[1] == high:  # else FF: not yet done
                first, second = bytearray(count), bytearray(count)
                is_read = self._bus.read(_BUFFER, first) and self._bus.read(_BUFFER, second)
                return bytes(second) if is_read and first == second else None
        return None

    def _is_sealed(self):
        return self._bus.read(BATTERY_STATUS, self._word) and word(self._word, 0) & SECURITY == SEALED

    def _write(self, items):
        """In CONFIG_UPDATE mode, which is left again whatever happens in it."""
        yield from self._command(_SET_CFGUPDATE)
        is_done = yield from self._has_mode(CFGUPDATE)
        for address, content in items:
            is_done = is_done and (yield from self._store(address, content))
        yield from self._command(_EXIT_CFGUPDATE)
        return (yield from self._has_mode(0)) and is_done

    def _command(self, subcommand):
        for _ in range(_TRIES):
            if self._bus.write(_SUBCOMMAND, bytes([subcommand & 0xFF, subcommand >> 8])):
                break
            yield _WAIT_MS
        yield _WAIT_MS

    def _has_mode(self, wanted):
        """Waits until CFGUPDATE is as wanted."""
        for _ in range(_TRIES):
            if self._bus.read(BATTERY_STATUS, self._word) and self._word[0] & CFGUPDATE == wanted:
                return True
            yield _WAIT_MS
        return False

    def _store(self, address, content):
        """Checksum and length must be written together, and last (TRM section 3.1)."""
        content = bytes([address & 0xFF, address >> 8]) + content
        closing = bytes([checksum(content), len(content) + 2])
        is_done = self._bus.write(_SUBCOMMAND, content) and self._bus.write(_CHECKSUM, closing)
        yield _WAIT_MS
        return is_done


def _items(cell_inputs, thermistors, unit_ua, sense_uohm):
    """(address, content, which of its bits are ours) of all that is wanted. sense_uohm 0: the gains stay as they are.

    Thermistor 0 is the monitor's own and has no pin.
    """
    units = _USER_VOLTS_CV | UNITS_UA.index(unit_ua)
    items = [
        (_VCELL_MODE, cell_inputs.to_bytes(2, "little"), b"\xff\xff"),
        (_DA_CONFIGURATION, bytes([units]), bytes([_UNITS_MASK])),
    ]
    for thermistor in bits_of(thermistors):
        if thermistor:
            items.append((_FIRST_PIN + thermistor - 1, bytes([_PIN_THERMISTOR]), b"\xff"))
    if sense_uohm:
        numerator, denominator = _CC_GAIN_UOHM[0] * 1000, _CC_GAIN_UOHM[1] * 1000 * sense_uohm
        items.append((_CC_GAIN, float_bytes(numerator, denominator), b"\xff" * 4))
        numerator *= _CAPACITY_PER_CC[0]
        denominator *= _CAPACITY_PER_CC[1]
        items.append((_CAPACITY_GAIN, float_bytes(numerator, denominator), b"\xff" * 4))
    return items


def checksum(content):
    """Of a subcommand with its data (TRM section 3.1)."""
    return ~sum(content) & 0xFF


def float_bytes(numerator, denominator):
    """numerator / denominator, both positive, as IEEE 754 single precision, little endian: rounded to nearest.

    In integers, for the floats of most boards lose bits of their own.
    """
    exponent = 0
    while numerator >= denominator << 24:
        denominator <<= 1
        exponent += 1
    while numerator < denominator << 23:
        numerator <<= 1
        exponent -= 1
    mantissa = (2 * numerator + denominator) // (2 * denominator)
    if mantissa == 1 << 24:
        mantissa >>= 1
        exponent += 1
    return ((exponent + 150) << 23 | mantissa & 0x7FFFFF).to_bytes(4, "little")
