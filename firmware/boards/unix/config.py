"""What config.json in the state folder must hold: each key, its kind and its limits."""

import json
from hashlib import sha256

from logger.core import soh

# key: (least, greatest). docs/record.md, BOOT, has the limits of those that are signed.
_NUMBERS = {
    "rated_capacity_mah": (100, 10000000),
    "cell_blocks": (1, 128),  # over all strings; more do not fit into an entry
    "strings": (1, 32),
    "sample_ms": (10, 60000),
    "window_ms": (1000, 3600000),
    "checkpoint_every": (1, 60),
    "time_every_ms": (60000, 7 * 86400000),
    "clock_rate": (1, 10000),
    "flash_sectors": (8, 65536),
}
_SIMULATOR_NUMBERS = {
    "origin_unix_ms": (0, 1 << 53),
    "true_capacity_mah": (100, 10000000),
    "seed": (0, (1 << 32) - 1),
}
_OTHERS = ("serial", "service_public_key", "source", "simulator")
_OPTIONAL = ("operator_public_key",)
_PUBLIC_KEYS = ("service_public_key", "operator_public_key")
_PUBLIC_KEY_BYTES = 32


class ConfigError(ValueError):
    """The operator's fault; the message says which key and what was expected."""


def load(path):
    """The checked configuration, keys as bytes, with settings_digest beside it. Raises ConfigError."""
    try:
        with open(path) as file:
            config = json.load(file)
    except OSError:
        raise ConfigError(f"{path} cannot be read") from None
    except ValueError:
        raise ConfigError(f"{path} is not JSON") from None
    _check_keys(path, config, list(_NUMBERS) + list(_OTHERS), _OPTIONAL)
    _check_numbers(path, config, _NUMBERS)
    _check_others(path, config)
    config["settings_digest"] = settings_digest(config)
    for name in _PUBLIC_KEYS:
        config[name] = bytes.fromhex(config[name]) if name in config else None
    return config


def settings_digest(config):
    """SHA-256 over a line `key=value` for each setting but serial, which may differ at every start, in order of key,
    and the parameters of the estimator (docs/record.md, CONFIG key 5)."""
    lines = [f"{key}={config[key]}" for key in config if key not in ("serial", "simulator")]
    simulator = config["simulator"]
    lines.extend([f"simulator.{key}={simulator[key]}" for key in simulator])
    lines.extend([f"estimator.{name}={value}" for name, value in soh.PARAMETERS])
    return sha256("".join([line + "\n" for line in sorted(lines)]).encode()).digest()


def _check_keys(where, table, expected, optional=()):
    if not isinstance(table, dict):
        raise ConfigError(f"{where}: expected an object")
    for key in sorted(table):
        if key not in expected and key not in optional:
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
    for name in _PUBLIC_KEYS:
        if name in config and not _is_public_key(config[name]):
            raise ConfigError(f"{path}: {name} must be 64 hexadecimal digits")
    if config["cell_blocks"] % config["strings"]:
        raise ConfigError(f"{path}: cell_blocks must be a multiple of strings")
    if config["window_ms"] < config["sample_ms"]:
        raise ConfigError(f"{path}: window_ms must not be below sample_ms")
    if config["source"] != "simulator":
        raise ConfigError(f'{path}: source must be "simulator"')
    _check_keys(f"{path}: simulator", config["simulator"], list(_SIMULATOR_NUMBERS))
    _check_numbers(f"{path}: simulator", config["simulator"], _SIMULATOR_NUMBERS)


def _is_public_key(text):
    try:
        return len(bytes.fromhex(text)) == _PUBLIC_KEY_BYTES and len(text) == 2 * _PUBLIC_KEY_BYTES
    except (ValueError, TypeError):
        return False
