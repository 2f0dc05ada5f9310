"""A physical pack as a program: strings of cell blocks, fast enough to live years within a test."""

from packseal_hil.plant.duty import Duty, duty
from packseal_hil.plant.pack import PLANT_FAULTS, Plant
from packseal_hil.plant.parameters import CellType, PackParameters, parameters_of

__all__ = ["PLANT_FAULTS", "CellType", "Duty", "PackParameters", "Plant", "duty", "parameters_of"]
