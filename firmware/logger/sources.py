"""From the configuration's `source` to the object that yields samples: wiring only. Each is imported when it is used,
so that a board holds the code of its own source alone in memory. docs/sources.md and docs/can.md have their settings.
"""

from binascii import hexlify
from hashlib import sha256

from logger.core.config import ConfigError
from logger.drivers.no_source import NoSource

NONE = "none"
CAN_TABLE = "can.table"  # beside config.json; `table` is its SHA-256, so that the settings' digest names it
BMS_BAUD, BMS_RX_BYTES = 9600, 512
BUS_NUMBERS = {
    "bitrate": (10000, 1000000),
    "data_bitrate": (0, 8000000),
    "oscillator_hz": (0, 40000000),
    "silent": (0, 1),
}
_SIMULATOR_NUMBERS = {
    "origin_unix_ms": (0, 1 << 53),
    "true_capacity_mah": (100, 10000000),
    "seed": (0, (1 << 32) - 1),
}


def tables(port):
    """{source: a function that returns (numbers, texts) of its table} of what this port can have: config.checked."""
    found = {NONE: _no_table, "simulator": _simulator_table, "jbd": _jbd_table, "daly": _daly_table}
    found["bq769x2"] = _bq769x2_table
    if port.HAS_CAN:
        found["can"] = _can_table
    return found


def optional_tables(port):
    """The tables that may stand beside, likewise: the bus, and the link to a gateway on it."""
    return {"can_bus": _bus_table, "can_link": _can_link_table} if port.HAS_CAN else {}


def hub_of(config, port):
    """The CanHub of the one controller, None where nothing uses it. Raises ConfigError."""
    if config["source"] != "can" and "can_link" not in config:
        return None
    if "can_bus" not in config:
        raise ConfigError("missing key can_bus")
    if "can_link" in config and config["can_bus"]["silent"]:
        raise ConfigError("can_bus: silent must be 0 where there is a can_link")
    from logger.core.can_hub import CanHub

    return CanHub(port.can(config["can_bus"]))


def source_of(config, port, clock, files, hub):
    """Raises ValueError for settings that contradict each other, ConfigError among them."""
    name = config["source"]
    if name == NONE:
        return NoSource()
    return _MAKERS[name](config, config[name], port, clock, files, hub)


def _no_table():
    return None


def _simulator_table():
    return _SIMULATOR_NUMBERS, {}


def _bus_table():
    return BUS_NUMBERS, {}


def _jbd_table():
    from logger.drivers import jbd

    return jbd.NUMBERS, {}


def _daly_table():
    from logger.drivers import daly

    return daly.NUMBERS, {}


def _bq769x2_table():
    from logger.drivers import bq769x2

    return bq769x2.NUMBERS, {}


def _can_table():
    from logger.core import can_source

    return can_source.NUMBERS, {"table": f"the SHA-256 of {CAN_TABLE}, 64 hexadecimal digits"}


def _can_link_table():
    from logger.core import can_link

    return can_link.NUMBERS, {}


def _simulator(config, settings, port, clock, files, hub):
    from logger.drivers.simulator import SimulatedPack

    blocks, strings, rated_mah = config["cell_blocks"], config["strings"], config["rated_capacity_mah"]
    return SimulatedPack(clock.elapsed_ms, blocks, strings, rated_mah, settings["true_capacity_mah"], settings["seed"])


def _jbd(config, settings, port, clock, files, hub):
    from logger.drivers.jbd import JbdSource

    return JbdSource(_bms_line(port), config["cell_blocks"], settings)


def _daly(config, settings, port, clock, files, hub):
    from logger.drivers.daly import DalySource

    return DalySource(_bms_line(port), config["cell_blocks"], settings)


def _bms_line(port):
    from logger.drivers.uart_line import UartLine

    return UartLine(port.uart(1, BMS_BAUD, BMS_RX_BYTES))


def _bq769x2(config, settings, port, clock, files, hub):
    from logger.drivers.bq769x2 import Bq769x2Source

    return Bq769x2Source(port.i2c(), config["cell_blocks"], settings)


def _can(config, settings, port, clock, files, hub):
    from logger.core.can_source import CanSource
    from logger.core.can_table import CanTable

    content = files.read(CAN_TABLE)
    if content is None:
        raise ConfigError(f"{CAN_TABLE} cannot be read")
    if hexlify(sha256(content).digest()).decode() != settings["table"]:
        raise ConfigError(f"{CAN_TABLE} is not the table that is named")
    return CanSource(hub.view(), CanTable(content), config["cell_blocks"], settings)


_MAKERS = {"simulator": _simulator, "jbd": _jbd, "daly": _daly, "bq769x2": _bq769x2, "can": _can}
