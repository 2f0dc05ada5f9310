"""A check for each row of a database, so that what the disk changed is seen.

SQLite notices damage in its own structure alone: a bit that turns inside of a value it hands out as it is.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import Any

from packseal.records.cbor import encode


def check_of(row: Sequence[Any]) -> int:
    """CRC-32 over its values: enough for what a disk does; who can write the file could write this too."""
    return zlib.crc32(encode(list(row)))


def is_as_stored(row: Sequence[Any]) -> bool:
    """Its last value is the check of the others; in a row of an older version there is none."""
    try:
        return row[-1] is None or row[-1] == check_of(row[:-1])
    except (TypeError, ValueError):
        return False
