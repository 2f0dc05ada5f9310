"""A second opinion of a pack's health, from the gateway's windows alone and by other methods than the board's."""

from packseal.estimate.alarms import Alarm, AlarmKind, Evidence, Severity
from packseal.estimate.chemistry import Chemistry, HalfCells
from packseal.estimate.opinion import BlockOpinion, MethodOpinion, Opinion
from packseal.estimate.second_opinion import SecondOpinion

__all__ = [
    "Alarm",
    "AlarmKind",
    "BlockOpinion",
    "Chemistry",
    "Evidence",
    "HalfCells",
    "MethodOpinion",
    "Opinion",
    "SecondOpinion",
    "Severity",
]
