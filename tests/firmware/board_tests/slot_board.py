"""A board with two slots as a process: `slot_board.py FOLDER FIRMWARE`, the state being in FOLDER. On MicroPython.

The loader, main.py and all else are the real ones, below them the unix board. A restart ends the process.
"""

import sys

folder, firmware = sys.argv[1:]
sys.path.extend([firmware + "/" + name for name in ("boards/loader", "logger/core", "logger/drivers")])

import loader  # noqa: E402


class Root:
    """What the loader needs of a board (firmware/boards/*/root.py)."""

    def mount(self):
        return folder

    def restart(self):
        sys.exit(1)

    def keep_watchdog_fed(self):
        pass


loader.run(Root())
