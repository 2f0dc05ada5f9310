"""What diagnostics tell of a pack: ISO-TP messages of UDS and OBD, heard or asked for, as signals like any other."""

from packseal.signals.diagnostics.definitions import Definition, definitions_decoder
from packseal.signals.diagnostics.listening import DiagnosticAccount, DiagnosticListener
from packseal.signals.diagnostics.obdb import is_signalset, load_signalset
from packseal.signals.diagnostics.polling import Poller
from packseal.signals.diagnostics.transmit import TransmitGate

__all__ = [
    "Definition",
    "DiagnosticAccount",
    "DiagnosticListener",
    "Poller",
    "TransmitGate",
    "definitions_decoder",
    "is_signalset",
    "load_signalset",
]
