"""What goes wrong on the bench, by a script or by chance, and who makes it happen where."""

from packseal_hil.faults.actors import Actor, BmsFaults, BusFaults, GatewayFaults, TargetFaults
from packseal_hil.faults.chance import random_faults
from packseal_hil.faults.injector import Happening, Injector, What
from packseal_hil.faults.kinds import RULES, Place, conflict, problem_of
from packseal_hil.faults.script import load_script

__all__ = [
    "RULES",
    "Actor",
    "BmsFaults",
    "BusFaults",
    "GatewayFaults",
    "Happening",
    "Injector",
    "Place",
    "TargetFaults",
    "What",
    "conflict",
    "load_script",
    "problem_of",
    "random_faults",
]
