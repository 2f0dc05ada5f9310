"""The unix port as a board: what main.py needs, made from a state folder with config.json, key.bin and flash.bin."""

import sys
import time
from errno import errorcode

import config
import supply
from parent import Parent
from wall import WallClocked

from logger import sources
from logger.core.life import POWER_ON, UNKNOWN
from logger.core.steps import finish
from logger.drivers.clock import Clock
from logger.drivers.files import Files, firmware_hash_steps
from logger.drivers.key_file import KeyFile
from logger.drivers.serial_file import SerialFile
from logger.drivers.simulator import SimulatedPack

SECTOR_BYTES = 4096
NAME = "unix"
ConfigError = config.ConfigError


class Board:
    def __init__(self, folder, ends_with_stdin):
        """Raises ConfigError, and OSError when the serial line cannot be opened."""
        self.files = Files(folder)
        chosen = config.load(self.files, folder + "/")
        self.config, self.is_config_refused = chosen.config, chosen.is_refused
        if chosen.words:
            self.say(chosen.words)
        ticks_ms, ticks_diff = _ticks()
        self.clock = Clock(ticks_ms, ticks_diff, self.config["clock_rate"])
        self.parent = Parent(ticks_ms, ticks_diff) if ends_with_stdin else None
        self.keys = _keys(folder + "/key.bin")
        self.reset_cause = POWER_ON if self.keys.is_new else UNKNOWN
        self.flash = _flash(folder + "/flash.bin", self.config["flash_sectors"])
        self.serial = SerialFile(self.config["serial"])
        self._second = self._second_line()
        self.can_hub = None
        self.source = self._source()
        self.chores = []  # main.set_up's

    def say(self, words):
        """A line on the console."""
        print(f"packseal firmware: {words}", file=sys.stderr)

    def restart(self):
        """For an update: ends, and whoever started the process starts it again."""
        sys.exit(0)

    def feed_watchdog(self):
        """There is none: the process that started this one sees it end."""

    def is_wanted(self):
        return self.parent is None or not self.parent.is_gone()

    def sleep_ms(self, duration_ms):
        time.sleep(duration_ms / 1000)

    def can(self, settings):
        """Of sources.hub_of: an adapter that speaks slcan."""
        from logger.drivers.slcan import Slcan

        return Slcan(self._second, settings["bitrate"], settings["data_bitrate"], bool(settings["silent"]))

    def _second_line(self):
        is_used = self.config["source"] != "simulator" or "can_link" in self.config
        return SerialFile(self.config[config.SECOND]) if is_used else None

    def _source(self):
        """Raises ConfigError."""
        name = self.config["source"]
        try:
            self.can_hub = sources.hub_of(self.config, self)
            if name == "simulator":
                return self._simulated()
            return WallClocked(self._on_a_line(name, self.config["cell_blocks"]), self.config["clock_rate"])
        except ValueError as error:
            raise ConfigError(f"{name}: {error}") from None

    def _on_a_line(self, name, blocks):
        if name == "can":
            return sources.source_of(self.config, self, self.clock, self.files, self.can_hub)
        if name == "jbd":
            from logger.drivers.jbd import JbdSource

            return JbdSource(self._second, blocks, self.config[name])
        from logger.drivers.daly import DalySource

        return DalySource(self._second, blocks, self.config[name])

    def _simulated(self):
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
    files = Files(root)
    paths = ["main.py"]
    for folder in ("logger", "boards/unix"):
        paths.extend([folder + "/" + name for name in files.names(folder) if name.endswith(".py")])
    return finish(firmware_hash_steps(files, ".", paths))


def _keys(path):
    try:
        return KeyFile(path)
    except ValueError as error:
        raise ConfigError(f"{path} is damaged ({error}); without it nothing more can be signed for this log") from None
    except OSError as error:
        raise _cannot_open(path, error) from None


def _flash(path, sectors):
    try:
        return supply.flash(path, sectors, SECTOR_BYTES)
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
