"""NGI N83624, as its programming guide V20240130 says: sections 5.2, 6.1 to 6.4 and 6.10.

It keeps a list of errors for the tests; the real one documents no way to ask for it. Its relays are as 6.10 has them:
switched while there is voltage at the port they stay, and the protection "ofp" says so.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from tests.hil.scpi_server import Action, Instrument, ScpiError

CHANNELS = 24
OUT_OF_RANGE = "-222 Data out of range"
SUFFIX_OUT_OF_RANGE = "-114 Header suffix out of range"
OVP, OFP = 1 << 1, 1 << 5
_LIST = re.compile(r"(?P<value>[^(]*)\(@(?P<channels>\d+(,\d+)*)\)")


class N83624(Instrument):
    """volts, limit_ma, is_on, relay: by channel, from 1. residual_v: what stays at a port when it is off."""

    def __init__(self) -> None:
        every = range(1, CHANNELS + 1)
        self.volts, self.limit_ma = dict.fromkeys(every, 0.0), dict.fromkeys(every, 0)
        self.is_on, self.mode, self.relay = dict.fromkeys(every, 1), dict.fromkeys(every, 1), dict.fromkeys(every, 0)
        self.range, self.protections = dict.fromkeys(every, 0), dict.fromkeys(every, 0)
        self.residual_v, self.sticks = 0.0, set[int]()  # sticks: channels whose voltage stays as it is
        super().__init__(
            {
                "*IDN?": lambda _suffix, _words: "NGI,N83624,0,V1.00",
                "SOURce<n>:VOLTage": self._set_voltage,
                "SOURce<n>:VOLTage?": _asked(lambda channel: f"{self.volts[channel]:.4f}"),
                "SOURce<n>:OUTCURRent": _set(self.limit_ma, 0, 5000),
                "SOURce<n>:RANGe": _set(self.range, 0, 3),
                "OUTPut<n>:MODE": _set(self.mode, 0, 128),
                "OUTPut<n>:ONOFF": _set(self.is_on, 0, 1),
                "OUTPut<n>:STATe?": _asked(lambda channel: str(self.is_on[channel] | self.protections[channel])),
                "MEASure<n>:VOLTage?": _asked(lambda channel: f"{self._at_port(channel):.4f}"),
                "FAULt<n>:SIMUlate": self._set_relay,
            },
            error_query="",
        )

    def _at_port(self, channel: int) -> float:
        return self.volts[channel] if self.is_on[channel] else self.residual_v

    def _set_voltage(self, suffix: str, words: str) -> None:
        value, channels = _channels(suffix, words)
        if not 0 <= float(value) <= 6:
            raise ScpiError(OUT_OF_RANGE)
        self.volts.update(dict.fromkeys([channel for channel in channels if channel not in self.sticks], float(value)))

    def _set_relay(self, suffix: str, words: str) -> None:
        value, channels = _channels(suffix, words)
        for channel in channels:
            if self._at_port(channel) > 0.05:
                self.protections[channel] |= OFP
            else:
                self.relay[channel] = int(value)


def _asked(said: Callable[[int], str]) -> Action:
    return lambda suffix, words: ",".join(said(channel) for channel in _channels(suffix, words)[1])


def _set(values: dict[int, int], least: int, most: int) -> Action:
    def change(suffix: str, words: str) -> None:
        value, channels = _channels(suffix, words)
        if not least <= int(value) <= most:
            raise ScpiError(OUT_OF_RANGE)
        values.update(dict.fromkeys(channels, int(value)))

    return change


def _channels(suffix: str, words: str) -> tuple[str, list[int]]:
    """(value, channels), which stand behind the header, or in a list behind the value."""
    match = _LIST.fullmatch(words)
    channels = [int(one) for one in match["channels"].split(",")] if match else [int(suffix or 0)]
    if not all(1 <= channel <= CHANNELS for channel in channels):
        raise ScpiError(SUFFIX_OUT_OF_RANGE)
    return (match["value"] if match else words).strip(), channels
