"""A console on a serial port, read whenever somebody asks; what comes meanwhile the system keeps.

The console of the board itself is its target's to read (targets/console_log.py): this is for everything else on the
bench that talks, such as a BMS with a debug port.
"""

from __future__ import annotations

import serial

from packseal_hil.protocols import BenchError
from packseal_hil.rig import SerialTable

MAX_READ_BYTES = 1 << 16
WRITE_S = 2.0


class SerialConsole:
    def __init__(self, table: SerialTable) -> None:
        """Raises BenchError when the port cannot be opened."""
        self._port_name = table.port
        try:
            self._port = serial.Serial(table.port, table.baud, timeout=0, write_timeout=WRITE_S, exclusive=True)
        except (serial.SerialException, OSError) as error:
            raise self._failed(error) from None

    def read(self) -> bytes:
        """What has come since, MAX_READ_BYTES at most; b"" for nothing. Raises BenchError once the port has gone."""
        try:
            return self._port.read(MAX_READ_BYTES)
        except (serial.SerialException, OSError) as error:
            raise self._failed(error) from None

    def write(self, content: bytes) -> None:
        try:
            self._port.write(content)
        except (serial.SerialException, OSError) as error:
            raise self._failed(error) from None

    def close(self) -> None:
        self._port.close()

    def _failed(self, error: Exception) -> BenchError:
        return BenchError(f"console {self._port_name}: {error}; check its cable and who else uses it")
