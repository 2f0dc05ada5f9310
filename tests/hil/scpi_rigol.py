"""Rigol DP832, as its programming guide says (":APPLy", ":OUTPut[:STATe]", "*IDN?", "*CLS", ":SYSTem:ERRor?")."""

from __future__ import annotations

import re

from tests.hil.scpi_server import Instrument, ScpiError

OUT_OF_RANGE = '-222,"Data out of range"'
WRONG_PARAMETER = '-224,"Illegal parameter value"'
LIMITS = {"CH1": (32.0, 3.2), "CH2": (32.0, 3.2), "CH3": (5.3, 3.2)}  # table 2-1: volts, amperes


class DP832(Instrument):
    """set_to: (volts, amperes) by channel. trips: an output that is switched on goes off again at once."""

    def __init__(self, model: str = "DP832") -> None:
        self.set_to = dict.fromkeys(LIMITS, (0.0, 3.0))
        self.is_on = dict.fromkeys(LIMITS, False)
        self.trips = False
        super().__init__(
            {
                "*IDN?": lambda _suffix, _words: f"RIGOL TECHNOLOGIES,{model},DP8C000000001,00.01.16",
                "*CLS": lambda _suffix, _words: self.errors.clear(),
                ":APPLy": self._apply,
                ":OUTPut[:STATe]": self._output,
                ":OUTPut[:STATe]?": lambda _suffix, channel: "ON" if self.is_on[self._known(channel)] else "OFF",
            }
        )

    def _apply(self, _suffix: str, words: str) -> None:
        channel, volts, amperes = words.split(",")
        most_v, most_a = LIMITS[self._known(channel)]
        if not (0 <= float(volts) <= most_v and 0 <= float(amperes) <= most_a):
            raise ScpiError(OUT_OF_RANGE)
        self.set_to[channel] = (float(volts), float(amperes))

    def _output(self, _suffix: str, words: str) -> None:
        match = re.fullmatch(r"(CH\d),(ON|OFF)", words)
        if match is None:
            raise ScpiError(WRONG_PARAMETER)
        self.is_on[self._known(match[1])] = match[2] == "ON" and not self.trips

    def _known(self, channel: str) -> str:
        if channel not in LIMITS:
            raise ScpiError(WRONG_PARAMETER)
        return channel
