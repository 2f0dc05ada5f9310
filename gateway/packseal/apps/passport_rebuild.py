"""Folds a battery's passport again from its stored records, and compares the result with the stored state to the byte.

What differs: a record that was altered since it came, a state that was not this service's, or a fold that is not what
it was. The records are the truth; nothing is changed here.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass

from packseal.apps.passport_service import PassportService
from packseal.apps.passport_terms import passport_settings
from packseal.errors import ConfigError
from packseal.io.keys import load_key
from packseal.io.settings import PassportFileSettings
from packseal.io.stores import has_records, open_store
from packseal.passport.fold import Passport
from packseal.passport.state import encode_passport


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """Both as bytes; `stored` is what the service shows. logs: log_ids whose states differ."""

    battery: str
    records: int
    stored: bytes
    rebuilt: bytes
    logs: tuple[bytes, ...]

    @property
    def is_same(self) -> bool:
        return self.stored == self.rebuilt


def rebuild(service: PassportService, battery_id: str) -> Rebuilt:
    """Reads every record of the battery. Raises ConfigError for one that is not kept here, UnavailableError."""
    battery = service.battery(battery_id)
    if battery is None:
        raise ConfigError(f"battery {battery_id!r} has no passport here; `packseal passport list` names those")
    shown, again = service.states.passport(battery), Passport(battery)
    for log in service.deliveries.logs(battery_id):
        again = service.deliveries.folded(again, log)
    log_ids = sorted({log.log_id for passport in (shown, again) for log in passport.logs})
    differing = tuple(log_id for log_id in log_ids if shown.log(log_id) != again.log(log_id))
    records = sum(log.size for log in again.logs)
    return Rebuilt(battery_id, records, encode_passport(shown), encode_passport(again), differing)


def rebuild_stored(settings: PassportFileSettings, battery_id: str | None) -> Iterator[Rebuilt]:
    """From the files of a service, whether it runs or not: of one battery, or of each that has records.

    Raises ConfigError, UnavailableError.
    """
    if not has_records(settings.store):
        raise ConfigError(f"{settings.store} does not exist; has this service received anything yet?")
    signer = load_key(settings.key)
    with closing(open_store(settings.store)) as store:
        service = PassportService(
            passport_settings(settings, signer.public_key), store, signer, signer.public_key, lambda: 0, is_reader=True
        )
        with_records = sorted({head.battery for head in store.heads()})
        for one in [battery_id] if battery_id else with_records:
            yield rebuild(service, one)
