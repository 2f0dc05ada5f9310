"""What config.json in the state folder must hold: each key, its kind and its limits."""

import json

# key: (least, greatest). docs/record.md, BOOT, has the limits of those that are signed.
_NUMBERS = {
    "rated_capacity_mah": (100, 10000000),
    "cell_blocks": (1, 128),  # over all strings; more do not fit into an entry
    "strings": (1, 32),
    "sample_ms": (10, 60000),
    "window_ms": (1000, 3600000),
    "checkpoint_every": (1, 60),
    "clock_rate": (1, 10000),
    "flash_sectors": (8, 65536),
}
_SIMULATOR_NUMBERS = {
    "origin_unix_ms": (0, 1 << 53),
    "true_capacity_mah": (100, 10000000),
    "seed": (0, (1 << 32) - 1),
}
_OTHERS = ("serial", "service_public_key", "source", "simulator")


class ConfigError(ValueError):
    """The operator's fault; the message says which key and what was expected."""


def load(path):
    """The checked configuration, service_public_key as bytes. Raises ConfigError."""
    try:
        with open(path) as file:
            config = json.load(file)
    except OSError:
        raise ConfigError(f"{path} cannot be read") from None
    except ValueError:
        raise ConfigError(f"{path} is not JSON") from None
    _check_keys(path, config, list(_NUMBERS) + list(_OTHERS))
    _check_numbers(path, config, _NUMBERS)
    _check_others(path, config)
    return config


def _check_keys(where, table, expected):
    if not isinstance(table, dict):
        raise ConfigError(f"{where}: expected an object")
    for key in sorted(table):
        if key not in expected:
            raise ConfigError(f"{where}: unknown key {key}")
    for key in sorted(expected):
        if key not in table:
            raise ConfigError(f"{where}: missing key {key}")


def _check_numbers(where, table, limits):
    for key in sorted(limits):
        least, greatest = limits[key]
        value = table[key]
        if not isinstance(value, int) or value is True or value is False or not least <= value <= greatest:
            raise ConfigError(f"{where}: {key} must be a number from {least} to {greatest}")


def _check_others(path, config):
    if not isinstance(config["serial"], (int, str)):
        raise ConfigError(f"{path}: serial must be a descriptor's number or a path")
    try:
        config["service_public_key"] = bytes.fromhex(config["service_public_key"])
    except (ValueError, TypeError):
        config["service_public_key"] = b""
    if len(config["service_public_key"]) != 32:
        raise ConfigError(f"{path}: service_public_key must be 64 hexadecimal digits")
    if config["cell_blocks"] % config["strings"]:
        raise ConfigError(f"{path}: cell_blocks must be a multiple of strings")
    if config["window_ms"] < config["sample_ms"]:
        raise ConfigError(f"{path}: window_ms must not be below sample_ms")
    if config["source"] != "simulator":
        raise ConfigError(f'{path}: source must be "simulator"')
    _check_keys(f"{path}: simulator", config["simulator"], list(_SIMULATOR_NUMBERS))
    _check_numbers(f"{path}: simulator", config["simulator"], _SIMULATOR_NUMBERS)
