"""Which configuration a board runs on: the new one when it holds, else the last that held, else the factory's.

`config.json` is what somebody has put there. Once it has been checked, its bytes are kept as `config.good.json`, so
that a fault in the next one does not stop a board nobody stands beside.
"""

import json

from logger.core.config import ConfigError

NEWEST, LAST_GOOD = "config.json", "config.good.json"


class Chosen:
    """`config`, checked; `is_refused`, whether the newest one was; `words`, what the console has to say of it."""

    def __init__(self, config, is_refused, words):
        self.config = config
        self.is_refused = is_refused
        self.words = words


def choose(files, place, check, factory=None):
    """files: drivers/files.py. place: what messages call its folder. check(where, parsed) returns the checked
    configuration or raises ConfigError. factory(): the configuration of a board that has none; without it, ConfigError
    is raised where there is neither a good one nor a last good one."""
    content = files.read(NEWEST)
    good = files.read(LAST_GOOD)
    try:
        config = _checked(place + NEWEST, content, check)
    except ConfigError as error:
        return _fallen_back(place, good, check, factory, content is not None, str(error))
    if content != good:
        files.write(LAST_GOOD, content)
    return Chosen(config, False, None)


def _fallen_back(place, good, check, factory, is_refused, words):
    if good is not None:
        try:
            config = _checked(place + LAST_GOOD, good, check)
            return Chosen(config, True, f"{words}; going on with {LAST_GOOD}")
        except ConfigError as error:  # another firmware's, or damaged
            words = f"{words}; {error}"
    if factory is None:
        raise ConfigError(words)
    return Chosen(
        factory(), is_refused, f"{words}; nothing is sampled and nobody is believed until there is a good one"
    )


def _checked(path, content, check):
    if content is None:
        raise ConfigError(f"{path} cannot be read")
    try:
        parsed = _parsed(content)
    except (ValueError, TypeError):
        raise ConfigError(f"{path} is not JSON") from None
    return check(path, parsed)


def named(files, key):
    """What the last good configuration, else the newest one, says of a key, whatever else is wrong with it."""
    for name in (LAST_GOOD, NEWEST):
        try:
            return _parsed(files.read(name) or b"")[key]
        except (ValueError, TypeError, KeyError):
            pass
    return None


def _parsed(content):
    """MicroPython takes JSON that is cut off for whole: within brackets it does not."""
    parsed, _ = json.loads(b"[" + content + b",0]")
    return parsed
