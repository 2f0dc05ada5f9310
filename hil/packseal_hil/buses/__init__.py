"""CAN buses of the bench that are emulated, and the trouble that a bus can have."""

from packseal_hil.buses.bridge import Bridge
from packseal_hil.buses.controller import Controller, State
from packseal_hil.buses.faulty_bus import FaultyBus
from packseal_hil.buses.slcan_adapter import SlcanAdapter
from packseal_hil.buses.wire import Wire, WireNode

__all__ = ["Bridge", "Controller", "FaultyBus", "SlcanAdapter", "State", "Wire", "WireNode"]
