"""What the loader needs of an ESP32: its littlefs in the partition `vfs` is the state's file system."""

import machine

FEED_MS = 1000
TIMER = 3


def mount():
    return ""


def restart():
    machine.reset()


def keep_watchdog_fed():
    watchdog = machine.WDT(timeout=8000)
    machine.Timer(TIMER, period=FEED_MS, mode=machine.Timer.PERIODIC, callback=lambda _: watchdog.feed())
