"""What does not fit a pack that was one and the same all the time, each with its evidence."""

from packseal.estimate.alarms.alarm import Alarm, AlarmKind, AlarmLog, Evidence, Severity

__all__ = ["Alarm", "AlarmKind", "AlarmLog", "Evidence", "Severity"]
