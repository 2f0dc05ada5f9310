"""A byte line on machine.UART, of every port: reads what has come, writes no more than leaves at once."""

_READ_BYTES = 256
_WRITE_BYTES = 64  # a UART made with a transmit buffer of twice that takes them without waiting


class UartLine:
    def __init__(self, uart):
        self._uart = uart

    def read(self):
        count = min(self._uart.any(), _READ_BYTES)
        return self._uart.read(count) or b"" if count else b""

    def write(self, content):
        if hasattr(self._uart, "txdone") and not self._uart.txdone():
            return 0
        return self._uart.write(content[:_WRITE_BYTES]) or 0
