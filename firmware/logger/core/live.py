"""What the pack is like now, as plain CAN messages that any tool can read (dbc/packseal.dbc). Nothing of it is signed.

Values that are not available have a code of their own, the one that dbc/packseal.dbc names.
"""

import struct

_PROPRIETARY_B = 0x1CFF5000  # priority 7, PGN FF50 and those behind it; the source's address follows
_NA_16, _NA_24, _NA_32 = 0xFFFF, 0xFFFFFF, 0xFFFFFFFF
_NA_SIGNED_16, _NA_SIGNED_32 = -0x8000, -0x80000000
_MESSAGES = 4


class LiveValues:
    """Sends one of its messages in each quarter of `period_ms`."""

    def __init__(self, logger, address, period_ms=1000):
        self._logger = logger
        self._address = address
        self._period_ms = period_ms // _MESSAGES
        self._next_ms = 0
        self._number = 0

    def step(self, now_ms, controller):
        """A message that finds no mailbox is sent with the next turn, as it is then."""
        if now_ms < self._next_ms:
            return
        can_id = _PROPRIETARY_B + (self._number << 8) + self._address
        if controller.send(can_id, True, self.content(self._number)):
            self._number = (self._number + 1) % _MESSAGES
            self._next_ms = now_ms + self._period_ms

    def content(self, number):
        """The eight bytes of a message: 0 pack, 1 cells, 2 health, 3 log."""
        if number == 0:
            return self._pack()
        if number == 1:
            return self._cells()
        return self._health() if number == 2 else self._log()

    def _pack(self):
        sample = self._logger.sample
        return struct.pack("<Ii", _or(sample.pack_mv, _NA_32), _or(sample.current_ma, _NA_SIGNED_32))

    def _cells(self):
        sample = self._logger.sample
        least, most = _or(sample.least_mv, _NA_16), _or(sample.most_mv, _NA_16)
        cold, warm = _or(sample.least_ddegc, _NA_SIGNED_16), _or(sample.most_ddegc, _NA_SIGNED_16)
        return struct.pack("<HHhh", least, most, cold, warm)

    def _health(self):
        soc_cpct = _or(self._logger.soc_cpct(), _NA_16)
        statement = self._logger.last_statement or {}
        soh_cpct, error_cpct = statement.get(5, (_NA_16, _NA_16))
        resistance_uohm = min(statement.get(6, (_NA_24, 0))[0], _NA_24)
        head = struct.pack("<HHB", soc_cpct, min(soh_cpct, _NA_16), min(error_cpct // 10, 255))
        return head + resistance_uohm.to_bytes(3, "little")

    def _log(self):
        logger = self._logger
        size, receipted, lost = logger.log.size, logger.log.receipted_size, min(logger.windows_lost, 0xFFFE)
        return size.to_bytes(3, "little") + receipted.to_bytes(3, "little") + lost.to_bytes(2, "little")


def _or(value, code):
    return code if value is None else value
