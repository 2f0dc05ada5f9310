"""What config.json in the state folder of the unix board must hold beside what every board's does."""

from logger.core import config as checks
from logger.core.config_store import choose

_NUMBERS = {"clock_rate": (1, 10000), "flash_sectors": (8, 65536)}
_TEXTS = {"serial": "a descriptor's number or a path"}
_SIMULATOR_NUMBERS = {
    "origin_unix_ms": (0, 1 << 53),
    "true_capacity_mah": (100, 10000000),
    "seed": (0, (1 << 32) - 1),
}
_SOURCES = {"simulator": lambda: (_SIMULATOR_NUMBERS, {})}

ConfigError = checks.ConfigError


def load(files, place):
    """config_store.Chosen. Whoever starts this board stands beside it: with no good configuration at all it does not
    start. Raises ConfigError."""
    return choose(files, place, _check)


def _check(where, parsed):
    return checks.checked(where, parsed, _NUMBERS, _TEXTS, _SOURCES)
