"""The store of a passport service by its place: which kind it is, whether it is there, who holds it."""

from __future__ import annotations

from pathlib import Path
from typing import IO

from packseal.io.files import held
from packseal.io.passport_store import PassportStore
from packseal.io.passport_storing import PassportStoring
from packseal.io.store_place import StorePlace


def open_store(place: StorePlace) -> PassportStoring:
    """Made where it is not there yet; a database of a server must be. Raises UnavailableError."""
    if isinstance(place, Path):
        return PassportStore(place)
    from packseal.io.postgres_store import PostgresStore  # noqa: PLC0415 - who has a file does not load psycopg

    return PostgresStore(place.text)


def has_records(place: StorePlace) -> bool:
    """A service has stored something there. Raises UnavailableError."""
    if isinstance(place, Path):
        return place.exists()
    store = open_store(place)
    try:
        return store.log.note() is not None
    finally:
        store.close()


def held_store(place: StorePlace) -> IO[bytes] | None:
    """Held for one service alone, where it is a file. Several workers may share a database: they hear of each other
    there. Raises UnavailableError."""
    if not isinstance(place, Path):
        return None
    words = f"{place} is in use by another passport service; end it, or give this one a store of its own"
    return held(place.with_name(place.name + ".lock"), words)
