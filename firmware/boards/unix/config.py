"""What config.json in the state folder of the unix board must hold beside what every board's does."""

from logger import sources
from logger.core import config as checks
from logger.core.config_store import choose

_NUMBERS = {"clock_rate": (1, 10000), "flash_sectors": (8, 65536)}
_TEXTS = {"serial": "a descriptor's number or a path"}
SECOND = "second_serial"
_SOURCES = ("can", "daly", "jbd", "simulator")

ConfigError = checks.ConfigError


class Lines:
    """As ports are asked by sources.py."""

    HAS_CAN = True


def load(files, place):
    """config_store.Chosen. Whoever starts this board stands beside it: with no good configuration at all it does not
    start. Raises ConfigError."""
    return choose(files, place, _check)


def _check(where, parsed):
    """As serial, second_serial may be another number at each start, and is not among the settings that are signed."""
    own = dict(parsed) if isinstance(parsed, dict) else parsed
    second = own.pop(SECOND, None) if isinstance(own, dict) else None
    found = sources.tables(Lines)
    found = {name: found[name] for name in _SOURCES}
    config = checks.checked(where, own, _NUMBERS, _TEXTS, found, tables=sources.optional_tables(Lines))
    checks.check_texts(where, {SECOND: "" if second is None else second}, {SECOND: _TEXTS["serial"]})
    if second is None and (config["source"] != "simulator" or "can_link" in config):
        raise ConfigError(f"{where}: missing key {SECOND}, the line to the BMS or to its bus")
    config[SECOND] = second
    return config
