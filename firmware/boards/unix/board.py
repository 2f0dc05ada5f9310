"""The unix port as a board: what main.py needs, made from a state folder with config.json, key.bin and flash.bin."""

import os
import sys
import time
from errno import errorcode
from hashlib import sha256

import config
from key_file import KeyFile
from parent import Parent

from logger.drivers.clock import Clock
from logger.drivers.flash_file import FlashFile
from logger.drivers.serial_file import SerialFile
from logger.drivers.simulator import SimulatedPack

SECTOR_BYTES = 4096
POWER_ON, UNKNOWN = 1, 0  # docs/record.md, BOOT key 2
ConfigError = config.ConfigError


class Board:
    def __init__(self, folder, ends_with_stdin):
        """Raises ConfigError, and OSError when the serial line cannot be opened."""
        self.config = config.load(folder + "/config.json")
        ticks_ms, ticks_diff = _ticks()
        self.clock = Clock(ticks_ms, ticks_diff, self.config["clock_rate"])
        self.parent = Parent(ticks_ms, ticks_diff) if ends_with_stdin else None
        self.keys = _keys(folder + "/key.bin")
        self.reset_cause = POWER_ON if self.keys.is_new else UNKNOWN
        self.flash = _flash(folder + "/flash.bin", self.config["flash_sectors"])
        self.serial = SerialFile(self.config["serial"])
        self.source = self._source()

    def is_wanted(self):
        return self.parent is None or not self.parent.is_gone()

    def sleep_ms(self, duration_ms):
        time.sleep(duration_ms / 1000)

    def _source(self):
        settings = self.config["simulator"]
        # the wall clock once, then the board's own: a wall clock that is set must not make the pack jump
        started_ms = (time.time_ns() // 1000000 - settings["origin_unix_ms"]) * self.config["clock_rate"]
        return SimulatedPack(
            lambda: started_ms + self.clock.elapsed_ms(),
            self.config["cell_blocks"],
            self.config["strings"],
            self.config["rated_capacity_mah"],
            settings["true_capacity_mah"],
            settings["seed"],
        )


def firmware_hash(root):
    """SHA-256 over main.py, logger/ and this board's folder (docs/record.md, BOOT key 1)."""
    paths = _python_files(root, "logger") + _python_files(root, "boards/unix")
    paths.append("main.py")
    whole = sha256()
    for path in sorted(paths):
        content = sha256()
        with open(root + "/" + path, "rb") as file:
            part = file.read(512)
            while part:
                content.update(part)
                part = file.read(512)
        whole.update(sha256(path.encode()).digest())
        whole.update(content.digest())
    return whole.digest()


def _python_files(root, folder):
    found = []
    for name in os.listdir(root + "/" + folder):
        path = folder + "/" + name
        if name.endswith(".py"):
            found.append(path)
        elif os.stat(root + "/" + path)[0] & 0x4000:  # a folder
            found += _python_files(root, path)
    return found


def _keys(path):
    try:
        return KeyFile(path)
    except ValueError as error:
        raise ConfigError(f"{path} is damaged ({error}); without it nothing more can be signed for this log") from None
    except OSError as error:
        raise _cannot_open(path, error) from None


def _flash(path, sectors):
    try:
        return FlashFile(path, sectors, SECTOR_BYTES)
    except ValueError as error:
        raise ConfigError(f"flash_sectors: {error}") from None
    except OSError as error:
        raise _cannot_open(path, error) from None


def _cannot_open(path, error):
    return ConfigError(f"{path} cannot be opened: {errorcode.get(error.errno, error.errno)}")


def _ticks():
    if sys.implementation.name == "micropython":
        return time.ticks_ms, time.ticks_diff
    clock_ns = time.monotonic_ns  # type: ignore[attr-defined]  # CPython's; MicroPython has returned
    return (lambda: clock_ns() // 1000000), (lambda later, earlier: later - earlier)
