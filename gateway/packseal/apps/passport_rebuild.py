"""Folds a battery's passport again from its stored records, and compares the result with the stored state to the byte.

What differs: a record that was altered since it came, a state that was not this service's, or a fold that is not what
it was. The records are the truth; nothing is changed here.
"""

from __future__ import annotations

from dataclasses import dataclass

from packseal.apps.passport_service import PassportService
from packseal.errors import ConfigError
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
        raise ConfigError(f"battery {battery_id!r} has no passport here; `packseal passport list` names those that have")
    shown, again = service.states.passport(battery), Passport(battery)
    for log in service.deliveries.logs(battery_id):
        again = service.deliveries.folded(again, log)
    log_ids = sorted({log.log_id for passport in (shown, again) for log in passport.logs})
    differing = tuple(log_id for log_id in log_ids if shown.log(log_id) != again.log(log_id))
    records = sum(log.size for log in again.logs)
    return Rebuilt(battery_id, records, encode_passport(shown), encode_passport(again), differing)
