"""Starts one of a board's two firmwares. It lies outside both and is not replaced in the field, so it is small.

root: the board's module of that name. mount() makes the state's file system reachable and returns its folder;
restart(); keep_watchdog_fed(), from interrupts, for somebody at the console.
"""

import gc

gc.threshold(4096)  # before anything else: a heap that is collected late is a heap in pieces

import sys  # noqa: E402
import time  # noqa: E402

import micropython  # noqa: E402
from files import Files  # noqa: E402
from slots import Slots  # noqa: E402

PAUSE_MS = 2000  # before a restart, so that a console can be read and a tool can come in


def run(root):
    micropython.kbd_intr(3)  # Ctrl-C at the console, wherever this was started from
    try:
        folder = root.mount()
        slots = Slots(Files(folder))
        slot = slots.begin()
        sys.path[:] = [folder + "/" + slot, ".frozen"]  # never "": there lies the file that has called this
        firmware = _imported(slots, slot)
        firmware.start(folder, slot)
    except KeyboardInterrupt:  # somebody at the console: the board waits for him
        root.keep_watchdog_fed()
        return
    except Exception as error:
        sys.print_exception(error)
    try:
        time.sleep_ms(PAUSE_MS)
    except KeyboardInterrupt:
        root.keep_watchdog_fed()
        return
    root.restart()


def _imported(slots, slot):
    """The firmware of this slot."""
    try:
        return __import__("main")
    except Exception:
        slots.fall_back(slot)
        raise
