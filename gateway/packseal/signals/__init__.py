"""CAN frames -> samples of named quantities: DBC decoding by arrays, bindings, time windows."""

from packseal.signals.absence import Absence
from packseal.signals.binding import QUANTITIES, Binding, QuantityBinding, parse_binding
from packseal.signals.database import load_dbc
from packseal.signals.decoder import DecodedSignals, Decoder, DecodeReport, SignalValues
from packseal.signals.fixed_point import FixedPoint, apply_binding, resolve
from packseal.signals.layout import MessageLayout, SignalLayout
from packseal.signals.samples import Samples, SampleTable
from packseal.signals.windows import QuantityWindow, SampleWindow, windows

__all__ = [
    "QUANTITIES",
    "Absence",
    "Binding",
    "DecodeReport",
    "DecodedSignals",
    "Decoder",
    "FixedPoint",
    "MessageLayout",
    "QuantityBinding",
    "QuantityWindow",
    "SampleTable",
    "SampleWindow",
    "Samples",
    "SignalLayout",
    "SignalValues",
    "apply_binding",
    "load_dbc",
    "parse_binding",
    "resolve",
    "windows",
]
