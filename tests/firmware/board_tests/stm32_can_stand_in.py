"""machine.CAN and pyb.CAN, with the arguments, results and errors that MicroPython's manual gives them.

Frames arrive by `arrive`, and pass the filters. The numbers of flags and states are chosen unlike the real ones: a
driver has to ask the class for them.
"""

FIFO_FRAMES = 3


class MachineCAN:
    """Of MicroPython 1.28. Refuses filters beyond REAL_FILTERS, as a controller with shared ones may."""

    MODE_NORMAL, MODE_SILENT = 40, 43
    STATE_STOPPED, STATE_ACTIVE, STATE_WARNING, STATE_PASSIVE, STATE_BUS_OFF = 10, 11, 12, 13, 14
    FLAG_RTR, FLAG_EXT_ID = 64, 32
    RECV_ERR_FULL, RECV_ERR_OVERRUN = 4, 8
    FILTERS_MAX, REAL_FILTERS = 14, 14
    TX_QUEUE_LEN = 3

    def __init__(self, number, bitrate, mode=40):
        if number not in (1, 2) or mode not in (40, 43):
            raise ValueError("no such controller, or mode")
        self.bitrate = bitrate
        self.mode = mode
        self.sent = []
        self.waiting = []
        self.is_bus_dead = False
        self.filters = []
        self.now = self.STATE_ACTIVE
        self._came = []
        self._errors = 0

    def arrive(self, can_id, is_extended, data, is_remote=False):
        if not self._passes(can_id, is_extended):
            return
        if len(self._came) == FIFO_FRAMES:
            self._errors = self.RECV_ERR_OVERRUN
            return
        self._came.append((can_id, is_extended, bytes(data), is_remote))

    def _passes(self, can_id, is_extended):
        if self.filters is None:
            return True
        for wanted, mask, flags in self.filters:
            if bool(flags & self.FLAG_EXT_ID) == is_extended and not (wanted ^ can_id) & mask:
                return True
        return False

    def set_filters(self, filters):
        if filters is not None and len(filters) > self.REAL_FILTERS:
            raise ValueError("too many filters")
        self.filters = filters

    def recv(self, got):
        if not self._came:
            return None
        can_id, is_extended, data, is_remote = self._came.pop(0)
        got[0] = can_id
        got[1] = memoryview(data)
        got[2] = (self.FLAG_EXT_ID if is_extended else 0) | (self.FLAG_RTR if is_remote else 0)
        got[3], self._errors = self._errors, 0
        return got

    def send(self, can_id, data, flags=0):
        if self.now == self.STATE_BUS_OFF:
            raise OSError(5)
        if not self.is_bus_dead:
            self.sent.append((can_id, bool(flags & self.FLAG_EXT_ID), bytes(data)))
            return 0
        if len(self.waiting) == self.TX_QUEUE_LEN:
            return None
        self.waiting.append(can_id)
        return len(self.waiting) - 1

    def state(self):
        return self.now

    def restart(self):
        self.now = self.STATE_ACTIVE
        self.waiting = []


class PybCAN:
    """Of MicroPython 1.25 with a bxCAN."""

    NORMAL, SILENT = 70, 71
    STOPPED, ERROR_ACTIVE, ERROR_WARNING, ERROR_PASSIVE, BUS_OFF = 80, 81, 82, 83, 84
    MASK16, MASK32 = 90, 92
    BANKS = 14

    def __init__(self, number, mode, baudrate=0, sample_point=75, **fd):
        if number not in (1, 2) or mode not in (70, 71) or (fd and not hasattr(self, "DUAL")):
            raise ValueError("no such controller, mode or argument")
        self.baudrate = baudrate
        self.mode = mode
        self.fd = fd
        self.sent = []
        self.waiting = []
        self.is_bus_dead = False
        self.banks = {}
        self.now = self.ERROR_ACTIVE
        self._came = []
        self._callback = None

    def arrive(self, can_id, is_extended, data, is_remote=False):
        if not self._passes(can_id, is_extended):
            return
        if len(self._came) == FIFO_FRAMES:
            self._callback(self, 2)
            return
        self._came.append((can_id, is_extended, bytes(data), is_remote))
        self._callback(self, 1 if len(self._came) == FIFO_FRAMES else 0)

    def _passes(self, can_id, is_extended):
        for wanted, mask, is_for_extended in self.banks.values():
            if is_for_extended == is_extended and not (wanted ^ can_id) & mask:
                return True
        return False

    def clearfilter(self, bank, extframe=False):
        self.banks.pop((bank, extframe), None)

    def setfilter(self, bank, mode, fifo, params, rtr=None, extframe=False):
        expected = {self.MASK16: (4, False), self.MASK32: (2, True)}
        if mode not in expected or expected[mode] != (len(params), extframe) or bank >= self.BANKS or fifo:
            raise ValueError("CAN filter parameter error")
        self.banks[bank, False] = (params[0], params[1], extframe)

    def rxcallback(self, _fifo, callback):
        self._callback = callback

    def any(self, fifo):
        return bool(self._came) and not fifo

    def recv(self, _fifo, got, timeout=5000):
        if not self._came:
            raise OSError(110)
        can_id, is_extended, data, is_remote = self._came.pop(0)
        got[0], got[1], got[2], got[3] = can_id, is_extended, is_remote, 0
        got[4] = memoryview(data)
        return got

    def send(self, data, can_id, timeout=0, rtr=False, extframe=False, **fd):
        if (fd or len(data) > 8) and not self.fd:
            raise ValueError("CAN data field too long")
        if self.is_bus_dead:
            if len(self.waiting) == 3:
                raise OSError(16)
            self.waiting.append(can_id)
            return
        self.sent.append((can_id, extframe, bytes(data)))

    def state(self):
        return self.now

    def restart(self):
        self.now = self.ERROR_ACTIVE


class PybFDCAN(PybCAN):
    """The same with an FDCAN: filters of another kind, and those of 29 bits counted for themselves."""

    DUAL, MASK, RANGE = 96, 97, 98

    def setfilter(self, bank, mode, fifo, params, rtr=None, extframe=False):
        if mode != self.MASK or len(params) != 2 or bank >= (8 if extframe else 28) or fifo:
            raise ValueError("CAN filter parameter error")
        self.banks[bank, extframe] = (params[0], params[1], extframe)
