"""A real board, as main.py needs it: configuration, keys, clock, flash, lines and source, made from its port's parts.

What a port must bring, its board.py: NAME; firmware_hash(root); `started_by()`, a word of core/life.py; `mark()` and
`set_mark(word)`, a word that a reset keeps and a loss of power does not; `feed_watchdog()`, which starts it at first;
`restart()`; `flash(config)`; `uart(number, baud, rx_bytes)`, 0 being the link's and 1 the BMS's; `i2c()`; HAS_CAN, and
where it is true `can(settings)`, a controller of docs/can.md by the table can_bus, which may raise ValueError; FLASHES,
what `flash` of the configuration may be.
"""

import sys
import time
from hashlib import sha256

from logger import sources
from logger.core import config as checks
from logger.core import life
from logger.core.config_store import choose, named
from logger.core.steps import finish
from logger.drivers.clock import Clock
from logger.drivers.files import Files, firmware_hash_steps
from logger.drivers.key_file import KeyFile
from logger.drivers.no_source import NoSource
from logger.drivers.uart_line import UartLine

LINK_BAUD = 115200
LINK_RX_BYTES = 2048  # two frames of docs/link.md: what comes while a step of the logger takes its 100 ms
_NUMBERS = {"link_baud": (9600, 921600)}
_TEXTS = {"flash": "the name of a flash"}


class Device:
    def __init__(self, folder, port):
        """Raises ConfigError for keys or a flash that cannot be had, OSError for hardware that does not answer."""
        self._port = port
        self.files = Files(folder)
        self.reset_cause = life.reset_cause(port.started_by(), port.mark())
        port.set_mark(life.RUNNING)
        self.clock = Clock(time.ticks_ms, time.ticks_diff)
        self.source = self.can_hub = None
        chosen = choose(self.files, folder + "/", self._check, self._factory)
        self.config, self.is_config_refused = chosen.config, chosen.is_refused
        if chosen.words:
            self.say(chosen.words)
        self.keys = _keys(folder + "/key.bin")
        self.serial = UartLine(port.uart(0, self.config.get("link_baud", LINK_BAUD), LINK_RX_BYTES))
        self.chores = []  # main.set_up's

    def say(self, words):
        """A line on the console: faults, never a key."""
        print(f"packseal firmware: {words}")

    def restart(self):
        self._port.set_mark(life.RESTARTING)
        self._port.restart()

    def note_stop(self):
        """Somebody at the console ends it: the next start is no fault's."""
        self._port.set_mark(life.NO_MARK)

    def feed_watchdog(self):
        self._port.feed_watchdog()

    def is_wanted(self):
        return True

    def sleep_ms(self, duration_ms):
        time.sleep_ms(duration_ms)

    def _check(self, where, parsed):
        """A configuration holds when its source can be made of it."""
        port, optional = self._port, tuple(_NUMBERS) + tuple(_TEXTS)
        own, beside = sources.tables(port), sources.optional_tables(port)
        config = checks.checked(where, parsed, _NUMBERS, _TEXTS, own, optional, beside)
        config["clock_rate"] = 1
        if config.get("flash", port.FLASHES[0]) not in port.FLASHES:
            raise checks.ConfigError(f"{where}: flash must be one of {', '.join(port.FLASHES)}")
        try:
            self.can_hub = sources.hub_of(config, port)
            self.source = sources.source_of(config, port, self.clock, self.files, self.can_hub)
            self.flash = port.flash(config)
        except ValueError as error:
            raise checks.ConfigError(f"{where}: {config['source']}: {error}") from None
        return config

    def _factory(self):
        self.source, self.can_hub = NoSource(), None
        more = {"clock_rate": 1}
        flash = named(self.files, "flash")
        if flash in self._port.FLASHES:  # the log lies there: on another flash it would begin a second time
            more["flash"] = flash
        config = checks.factory(more)
        self.flash = self._port.flash(config)
        return config


def slot_hash(root):
    """SHA-256 over all files of the slot that runs (docs/record.md, BOOT key 1). Where the rest is frozen into
    MicroPython (manifest.py), what that says of itself stands for it, as the content of a file `.frozen`."""
    folder, _, name = root.rpartition("/")
    files = Files(folder)
    paths = files.names(name)
    whole = sha256()
    if not [path for path in paths if path.startswith("logger/")]:
        whole.update(sha256(b".frozen").digest())
        whole.update(sha256(sys.version.encode()).digest())
    return finish(firmware_hash_steps(files, name, paths, whole))


def _keys(path):
    try:
        return KeyFile(path)
    except ValueError as error:
        raise checks.ConfigError(f"{path} is damaged ({error}); nothing more can be signed for this log") from None
