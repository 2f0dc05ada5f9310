"""The CAN controller inside an STM32: machine.CAN from MicroPython 1.28 on, pyb.CAN before, and for CAN FD.

Names and numbers are asked of the class, none is assumed (MicroPython's manual, machine.CAN and pyb.CAN). One receive
FIFO is used. Remote frames are passed over.
"""

from logger.drivers.can_filters import cover

_FIFO = 0
_LOST = 2  # the reason of pyb.CAN.rxcallback
_BANKS = 14  # of a bxCAN, for each of two controllers
_FD_STANDARD, _FD_EXTENDED = 28, 8  # filters of an FDCAN with the smallest message RAM (RM0440 section 44.3.4)
_STANDARD, _EXTENDED = 0x7FF, 0x1FFFFFFF


def open_can(machine_can, pyb_can, number, bitrate, data_bitrate=0, is_silent=False):
    """The controller `number` of this board. machine_can, pyb_can: the classes there are, None where there is none.
    Raises ValueError where the board does not have that controller, or not that bit rate."""
    if machine_can is not None and not data_bitrate:
        return MachineCan(machine_can, number, bitrate, is_silent)
    if pyb_can is None:
        raise ValueError("this MicroPython has no CAN FD")
    return PybCan(pyb_can, number, bitrate, data_bitrate, is_silent)


class MachineCan:
    """The controller of docs/can.md, "Controllers". kind: machine.CAN."""

    max_data_bytes = 8

    def __init__(self, kind, number, bitrate, is_silent=False):
        self.lost = self.faults = 0
        self._kind = kind
        self._can = kind(number, bitrate, mode=kind.MODE_SILENT if is_silent else kind.MODE_NORMAL)
        self._is_silent = is_silent
        self._got = [0, memoryview(bytearray(8)), 0, 0]
        self._frame = [0, False, self._got[1]]
        self._states = {kind.STATE_ACTIVE: 0, kind.STATE_WARNING: 1, kind.STATE_PASSIVE: 2}
        self.set_filters(None)

    def set_filters(self, ids):
        """ids: [(identifier, is it extended)] to let through, and maybe others with them; None for all."""
        places = self._kind.FILTERS_MAX
        while ids is not None and places > 1:
            try:
                self._can.set_filters(self._filters(ids, places))
                return
            except ValueError:  # a controller may hold fewer than it says
                places //= 2
        self._can.set_filters(None)

    def _filters(self, ids, places):
        extended = self._kind.FLAG_EXT_ID
        return [(can_id, mask, extended if is_extended else 0) for can_id, mask, is_extended in shared(ids, places)]

    def receive(self):
        """None or [identifier, is it extended, data], good until the next call."""
        got = self._can.recv(self._got)
        while got is not None:
            if got[3] & self._kind.RECV_ERR_OVERRUN:
                self.lost += 1
            if not got[2] & self._kind.FLAG_RTR:
                self._frame[0] = got[0]
                self._frame[1] = bool(got[2] & self._kind.FLAG_EXT_ID)
                self._frame[2] = got[1]
                return self._frame
            got = self._can.recv(self._got)
        return None

    def send(self, can_id, is_extended, data, is_fd=False):
        """False where no mailbox is free."""
        if is_fd or len(data) > 8:
            raise ValueError("classic CAN has at most 8 bytes")
        if self._is_silent:
            return False
        try:
            return self._can.send(can_id, data, self._kind.FLAG_EXT_ID if is_extended else 0) is not None
        except OSError:  # bus-off
            return False

    def state(self):
        return self._states.get(self._can.state(), 3)

    def restart(self):
        try:
            self._can.restart()
        except OSError:
            self.faults += 1


class PybCan:
    """The controller of docs/can.md, "Controllers". kind: pyb.CAN of MicroPython 1.20 to 1.27, or for FD."""

    def __init__(self, kind, number, bitrate, data_bitrate=0, is_silent=False):
        """data_bitrate: 0 for a bus without FD; only H5, H7 and G4 have another."""
        self._is_fd_kind = hasattr(kind, "DUAL")
        if data_bitrate and not self._is_fd_kind:
            raise ValueError("this controller has no CAN FD")
        self.lost = self.faults = 0
        self.max_data_bytes = 64 if data_bitrate else 8
        self._kind = kind
        mode = kind.SILENT if is_silent else kind.NORMAL
        rates = {"baudrate": bitrate, "sample_point": 80}
        if data_bitrate:
            rates["brs_baudrate"] = data_bitrate
            rates["brs_sample_point"] = 75
        self._can = kind(number, mode, **rates)
        self._is_silent = is_silent
        self._got = [0, False, False, 0, memoryview(bytearray(64))]
        self._frame = [0, False, self._got[4]]
        self._states = {kind.ERROR_ACTIVE: 0, kind.ERROR_WARNING: 1, kind.ERROR_PASSIVE: 2}
        self.set_filters(None)
        self._can.rxcallback(_FIFO, self._note)

    def _note(self, _can, reason):
        """In an interrupt."""
        if reason == _LOST:
            self.lost += 1

    def set_filters(self, ids):
        """ids: [(identifier, is it extended)] to let through, and maybe others with them; None for all."""
        for bank in range(_FD_STANDARD if self._is_fd_kind else _BANKS):
            self._can.clearfilter(bank)
        for bank in range(_FD_EXTENDED if self._is_fd_kind else 0):
            self._can.clearfilter(bank, extframe=True)
        standard, extended = (_FD_STANDARD, _FD_EXTENDED) if self._is_fd_kind else (_BANKS // 2,) * 2
        filters = [(0, 0, False), (0, 0, True)] if ids is None else []
        for is_extended, places, mask in ((False, standard, _STANDARD), (True, extended, _EXTENDED)):
            wanted = [each[0] for each in ids or () if each[1] == is_extended]
            common, kept = cover(wanted, places, mask)
            filters += [(can_id, common, is_extended) for can_id in kept]
        self._set(filters)

    def _set(self, filters):
        kind = self._kind
        banks = [0, 0]  # an FDCAN counts those of 29 bits for themselves
        for can_id, mask, is_extended in filters:
            place = int(is_extended and self._is_fd_kind)
            bank = banks[place]
            banks[place] += 1
            if self._is_fd_kind:
                self._can.setfilter(bank, kind.MASK, _FIFO, (can_id, mask), extframe=is_extended)
            elif is_extended:
                self._can.setfilter(bank, kind.MASK32, _FIFO, (can_id, mask), extframe=True)
            else:
                self._can.setfilter(bank, kind.MASK16, _FIFO, (can_id, mask, can_id, mask))

    def receive(self):
        """None or [identifier, is it extended, data], good until the next call."""
        while self._can.any(_FIFO):
            try:
                got = self._can.recv(_FIFO, self._got, timeout=0)
            except OSError:
                self.faults += 1
                return None
            if not got[2]:
                self._frame[0] = got[0]
                self._frame[1] = bool(got[1])
                self._frame[2] = got[4]
                return self._frame
        return None

    def send(self, can_id, is_extended, data, is_fd=False):
        """False where no mailbox is free. is_fd: with the faster bit rate, too."""
        if len(data) > (self.max_data_bytes if is_fd else 8):
            raise ValueError("no frame has so many bytes")
        if self._is_silent:
            return False
        try:
            if is_fd:
                self._can.send(data, can_id, extframe=is_extended, fdf=True, brs=True)
            else:
                self._can.send(data, can_id, extframe=is_extended)
            return True
        except OSError:
            return False

    def state(self):
        return self._states.get(self._can.state(), 3)

    def restart(self):
        self._can.restart()


def shared(ids, places):
    """[(identifier, mask, is it extended)], at most `places`, the two lengths side by side."""
    standard = [can_id for can_id, is_extended in ids if not is_extended]
    extended = [can_id for can_id, is_extended in ids if is_extended]
    first = places // 2 if standard and extended else places
    found = []
    for wanted, mask, is_extended in ((standard, _STANDARD, False), (extended, _EXTENDED, True)):
        common, kept = cover(wanted, first, mask)
        found += [(can_id, common, is_extended) for can_id in kept]
    return found
