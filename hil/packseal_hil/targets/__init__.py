"""Targets: what runs the firmware."""

from packseal_hil.targets.board import Wiring
from packseal_hil.targets.open import WORDS, open_target
from packseal_hil.targets.target import Target

__all__ = ["WORDS", "Target", "Wiring", "open_target"]
