"""Battery management systems as the board hears them, fed by what the plant shows."""

from packseal_hil.bms.can_bms import CanBms
from packseal_hil.bms.can_dbc import can_table
from packseal_hil.bms.jbd import JbdBoard
from packseal_hil.bms.noise import Noise
from packseal_hil.bms.serial_bms import JbdOnPort

__all__ = ["CanBms", "JbdBoard", "JbdOnPort", "Noise", "can_table"]
