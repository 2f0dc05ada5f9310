"""What the loader needs of an RP2040 or RP2350: its littlefs on the chip's flash is the state's file system."""

import machine

FEED_MS = 1000


def mount():
    return ""


def restart():
    machine.reset()


def keep_watchdog_fed():
    watchdog = machine.WDT(timeout=8000)
    machine.Timer(-1, period=FEED_MS, callback=lambda _: watchdog.feed())
