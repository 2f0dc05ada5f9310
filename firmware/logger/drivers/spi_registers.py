"""A chip on SPI that has registers behind two bytes of instruction and address, as both CAN controllers of Microchip.

Nothing on SPI says that anybody answers. So what matters is read twice. Where the two differ, because a register has
changed or because of noise, three readings in a row must agree. Noise does not; and a line that is stuck gives all ones
or all zeros, which whoever asked can tell. Takes nothing from the heap.
"""

_READINGS = 6


class SpiRegisters:
    """Writable: `sent`, readable: `got`, both with two bytes of instruction first. `faults` counts what could not be
    read, and what reads otherwise than it was written."""

    def __init__(self, spi, select, counts):
        """select: a Pin that is high. counts: how many bytes behind the instruction a transfer can have."""
        most = 2 + max(counts)
        self.sent, self.got, self._other = bytearray(most), bytearray(most), bytearray(most)
        self.faults = 0
        self._spi = spi
        self._select = select
        self._parts = {
            count: [memoryview(buffer)[: 2 + count] for buffer in (self.sent, self.got, self._other)]
            for count in counts
        }
        self._bodies = {
            count: [memoryview(buffer)[2 : 2 + count] for buffer in (self.sent, self.got, self._other)]
            for count in counts
        }
        self._command = [memoryview(buffer)[:1] for buffer in (self.sent, self.got)]

    def exchange(self, first, second, count):
        """Sends two bytes and what is in `sent` behind them; fills `got`."""
        self._exchange(first, second, self._parts[count], 1)

    def _exchange(self, first, second, parts, into):
        self.sent[0] = first
        self.sent[1] = second
        self._select(0)
        self._spi.write_readinto(parts[0], parts[into])
        self._select(1)

    def command(self, code):
        """An instruction that is one byte."""
        self.sent[0] = code
        self._select(0)
        self._spi.write_readinto(self._command[0], self._command[1])
        self._select(1)

    def read(self, first, second, count):
        """True where readings agreed, on what is now in `got`."""
        parts, bodies = self._parts[count], self._bodies[count]
        self._exchange(first, second, parts, 1)
        missing = 1
        for reading in range(1, _READINGS):  # into one buffer and the other by turns
            self._exchange(first, second, parts, 1 + reading % 2)
            missing = missing - 1 if bodies[1] == bodies[2] else 2
            if not missing:
                return True
        self.faults += 1
        return False

    def check(self, first, second, count):
        """Whether what is read is what is in `sent`."""
        if not self.read(first, second, count):
            return False
        bodies = self._bodies[count]
        if bodies[0] != bodies[1]:
            self.faults += 1
            return False
        return True
