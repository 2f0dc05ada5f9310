"""What has changed of the batteries that somebody is responsible for: asked for, streamed, and posted to webhooks."""

from __future__ import annotations

from dataclasses import replace

from packseal.apps.passport_service import PassportService
from packseal.io.passport_rows import Change
from packseal.passport.access import Reader


def changes_for(service: PassportService, reader: Reader, after: int, limit: int) -> tuple[list[Change], int]:
    """Behind an index of the passport log and in its order; and the last index that was looked at, which is `after`
    where nothing is new. At most `limit` are looked at, of whichever batteries. Raises UnavailableError."""
    looked_at = service.store.changes(after, limit)
    named = [one for one in looked_at if reader.batteries is None or one.battery in reader.batteries]
    last = looked_at[-1].index if looked_at else after
    return [replace(one, passport=name_of(service, one.battery)) for one in named], last


def name_of(service: PassportService, battery: str) -> str:
    """The public name of a battery's passport."""
    passport_id = service.lives.passport_of(battery)
    return passport_id.hex() if passport_id else battery
