"""CAN frames as arrays, and the dialects of log files they are read from."""

from packseal.frames.dialects import DIALECT_NAMES, read_log
from packseal.frames.frames import Frames
from packseal.frames.report import Clock, LossReport, Verdict

__all__ = ["DIALECT_NAMES", "Clock", "Frames", "LossReport", "Verdict", "read_log"]
