"""Rigol DP800 (DP811 to DP832A), a bench supply, as the power switch of a board.

Source: DP800 Programming Guide, chapter 2: ":APPLy" (2-9), "*IDN?" (2-24), ":OUTPut[:STATe]" (2-63, asked it says ON or
OFF); ":SYSTem:ERRor?" reads the list of errors (1-12). It listens for SCPI on TCP port 5555. The output that is on by
its own word is on: an over-voltage or over-current protection that trips has switched it off.
"""

from __future__ import annotations

from packseal_hil.drivers.scpi import ANSWER_S, ScpiLine
from packseal_hil.protocols import BenchError
from packseal_hil.rig import RigolDP800Table

MAKER, MODEL = "RIGOL", "DP8"


class RigolDP800:
    def __init__(self, table: RigolDP800Table, timeout_s: float = ANSWER_S) -> None:
        """Sets voltage and current limit, and leaves the output as it is. Raises BenchError."""
        self._channel = f"CH{table.channel}"
        self._line = ScpiLine("the supply", table.address, timeout_s=timeout_s)
        volts, amperes = table.voltage_mv / 1000, table.current_limit_ma / 1000
        try:
            self.identity = self._line.identify(MAKER, MODEL)
            self._line.command("*CLS", f":APPL {self._channel},{volts:.3f},{amperes:.3f}")
        except BenchError:
            self.close()
            raise

    def on(self) -> None:
        self._switch("ON", "its protection has tripped, or its current limit is too low; look at its display")

    def off(self) -> None:
        self._switch("OFF", "look at its display")

    def close(self) -> None:
        """The output stays as it is."""
        self._line.close()

    def _switch(self, state: str, cure: str) -> None:
        self._line.command(f":OUTP {self._channel},{state}")
        said = self._line.query(f":OUTP? {self._channel}")
        if said != state:
            raise BenchError(f"the supply was switched {state}, but says {said!r} of {self._channel}; {cure}")
