"""What a board's configuration must hold: each key, its kind and its limits, the same on every board.

Decides by tables. A board adds those of its own (its serial lines, its flash). A key that no table has is refused by
its name, so that a limit somebody believes to have set is never silently not there.
"""

from hashlib import sha256

from logger.core import estimator, events

NUMBERS = {  # key: (least, greatest). docs/record.md, BOOT, has the limits of those that are signed
    "rated_capacity_mah": (100, 10000000),
    "cell_blocks": (1, 128),  # over all strings; more do not fit into an entry
    "strings": (1, 32),
    "sample_ms": (10, 60000),
    "window_ms": (1000, 3600000),
    "checkpoint_every": (1, 60),
    "time_every_ms": (60000, 7 * 86400000),
}
EVENT_NUMBERS = {  # may be left out: events.py has defaults
    "cell_min_mv": (0, 10000),
    "cell_max_mv": (0, 10000),
    "hysteresis_mv": (0, 1000),
    "temperature_min_ddegc": (-600, 2000),
    "temperature_max_ddegc": (-600, 2000),
    "hysteresis_ddegc": (0, 500),
}
HEALTH_NUMBERS = {  # may be left out: what is known of the pack's cells
    "certified_energy_wh": (1, 100000000),  # usable, as certified: what SOCE is a share of
    "is_new_pack": (0, 1),  # no wear is expected, so that less evidence will do
    "zero_at_rest": (0, 1),  # what the current meter shows in a rest is its own error
}
FAMILIES = ("lco", "nca")  # of curves that were learnt from cells of one type: logger/profiles/*_family.py
CHEMISTRIES = ("lco", "lfp", "nca", "nmc")  # those of logger/profiles; without one, capacity is never known
PUBLIC_KEYS = ("service_public_key", "operator_public_key", "update_public_key")
PUBLIC_KEY_BYTES = 32
NO_KEY = bytes(PUBLIC_KEY_BYTES)  # a point of small order: no signature verifies under it (ed25519.verify_steps)

# Where a board has never had a good configuration: it samples nothing, believes nobody, and can be asked who it is.
FACTORY = {
    "rated_capacity_mah": 100,
    "cell_blocks": 1,
    "strings": 1,
    "sample_ms": 60000,
    "window_ms": 3600000,
    "checkpoint_every": 1,
    "time_every_ms": 86400000,
    "source": "none",
}


class ConfigError(ValueError):
    """The operator's fault; the message says which key and what was expected."""


def checked(where, config, numbers, texts, sources, optional=(), tables=None):
    """The configuration with keys as bytes and settings_digest beside it. Raises ConfigError, which names `where`.

    numbers, texts: the board's own keys beside those of every board. texts: {key: what it must be}, each an integer or
    a text. sources: {name: a function that returns (numbers, texts) of its table, which has its name, or None where it
    needs none}. optional: keys of `numbers` and `texts` that may be left out. tables: the like of sources for tables
    that may stand beside.
    """
    if not isinstance(config, dict):
        raise ConfigError(f"{where}: expected an object")
    source = config.get("source")
    if "source" in config and not (isinstance(source, str) and source in sources):
        choice = " or ".join([f'"{name}"' for name in sorted(sources)])
        raise ConfigError(f"{where}: source must be {choice}")
    table = sources[source]() if "source" in config else None
    tables = tables or {}
    may_have = list(PUBLIC_KEYS[1:]) + ["oldest_version", "chemistry", "curve_family"]
    may_have += list(EVENT_NUMBERS) + list(HEALTH_NUMBERS) + list(optional) + list(tables)
    for more in (NUMBERS, EVENT_NUMBERS, HEALTH_NUMBERS):
        numbers = merged(numbers, more)
    names = list(numbers) + list(texts) + [PUBLIC_KEYS[0], "source"] + ([source] if table else [])
    check_keys(where, config, [name for name in names if name not in may_have], may_have)
    check_numbers(where, config, numbers)
    check_texts(where, config, texts)
    _check_sense(where, config)
    if table:
        check_table(f"{where}: {source}", config[source], *table)
    for name in tables:
        if name in config:
            check_table(f"{where}: {name}", config[name], *tables[name]())
    _check_limits(where, config)
    return finished(config)


def finished(config):
    """What has been checked, as the logger takes it."""
    done = dict(config)
    done["settings_digest"] = settings_digest(config)
    for name in PUBLIC_KEYS:
        done[name] = bytes.fromhex(config[name]) if name in config else None
    done["oldest_version"] = version_of(config["oldest_version"]) if "oldest_version" in config else None
    return done


def factory(more):
    """The configuration of a board that has none; more: what this board needs beside."""
    done = finished(merged(FACTORY, more))
    done["service_public_key"] = NO_KEY
    return done


def settings_digest(config):
    """SHA-256 over a line `key=value` for each setting but serial, which may differ at every start, in order of key,
    and the parameters of the estimator (docs/record.md, CONFIG key 5)."""
    lines = []
    _add_lines(config, "", lines)
    lines.extend([f"estimator.{name}={value}" for name, value in estimator.PARAMETERS])
    return sha256("".join([line + "\n" for line in sorted(lines)]).encode()).digest()


def _add_lines(table, prefix, lines):
    for key in table:
        value = table[key]
        if isinstance(value, dict):
            _add_lines(value, prefix + key + ".", lines)
        elif key != "serial" or prefix:
            lines.append(f"{prefix}{key}={value}")


def version_of(text):
    """(major, minor, patch) of "1.2.3". Raises ValueError."""
    parts = text.split(".")
    if len(parts) != 3:
        raise ValueError("three numbers")
    return tuple([int(part) for part in parts])


def merged(table, more):
    both = dict(table)
    both.update(more)
    return both


def check_table(where, table, numbers, texts, optional=()):
    must_have = [key for key in list(numbers) + list(texts) if key not in optional]
    check_keys(where, table, must_have, optional)
    check_numbers(where, table, numbers)
    check_texts(where, table, texts)


def check_keys(where, table, expected, optional=()):
    if not isinstance(table, dict):
        raise ConfigError(f"{where}: expected an object")
    for key in table:
        if not isinstance(key, str):
            raise ConfigError(f"{where}: a key must be a text")
    for key in sorted(table):
        if key not in expected and key not in optional:
            raise ConfigError(f"{where}: unknown key {key}")
    for key in sorted(expected):
        if key not in table:
            raise ConfigError(f"{where}: missing key {key}")


def check_numbers(where, table, limits):
    """Of the keys that are there: check_keys has seen to the others."""
    for key in sorted(limits):
        if key in table:
            least, greatest = limits[key]
            value = table[key]
            if not isinstance(value, int) or value is True or value is False or not least <= value <= greatest:
                raise ConfigError(f"{where}: {key} must be a number from {least} to {greatest}")


def check_texts(where, table, texts):
    for key in sorted(texts):
        value = table.get(key, "")
        if not isinstance(value, (int, str)) or value is True or value is False:
            raise ConfigError(f"{where}: {key} must be {texts[key]}")


def _check_sense(where, config):
    for name in PUBLIC_KEYS:
        if name in config and not _is_public_key(config[name]):
            raise ConfigError(f"{where}: {name} must be 64 hexadecimal digits")
    if config["cell_blocks"] % config["strings"]:
        raise ConfigError(f"{where}: cell_blocks must be a multiple of strings")
    for name, choice in (("chemistry", CHEMISTRIES), ("curve_family", FAMILIES)):
        if config.get(name, choice[0]) not in choice:
            raise ConfigError(f"{where}: {name} must be " + " or ".join([f'"{each}"' for each in choice]))
    if config["window_ms"] < config["sample_ms"]:
        raise ConfigError(f"{where}: window_ms must not be below sample_ms")
    try:
        version_of(config.get("oldest_version", "0.0.0"))
    except (ValueError, AttributeError):
        raise ConfigError(f'{where}: oldest_version must be like "1.2.3"') from None


def _check_limits(where, config):
    """Of those that are there and the defaults of the others (events.py)."""
    limits = merged(events.DEFAULTS, config)
    for quantity, unit in (("cell", "mv"), ("temperature", "ddegc")):
        least, greatest = f"{quantity}_min_{unit}", f"{quantity}_max_{unit}"
        if limits[least] + limits[f"hysteresis_{unit}"] >= limits[greatest]:
            raise ConfigError(f"{where}: {greatest} must be above {least} by more than hysteresis_{unit}")


def _is_public_key(text):
    try:
        return len(bytes.fromhex(text)) == PUBLIC_KEY_BYTES and len(text) == 2 * PUBLIC_KEY_BYTES
    except (ValueError, TypeError):
        return False
