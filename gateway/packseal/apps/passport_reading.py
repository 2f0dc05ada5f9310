"""What a reader is shown of a passport: found by its public name, put together, cut to the groups, and noted.

The one way by which pages and programs read: nothing leaves the service past it. A passport that does not exist, and
what a reader may not see of one that does, are the same to it (`None`).
"""

from __future__ import annotations

import hashlib
import json
from contextlib import suppress
from dataclasses import asdict, dataclass, replace

from packseal.apps.changes import changes_for, name_of
from packseal.apps.page_view import PageView
from packseal.apps.passport_service import PassportService
from packseal.apps.read_log import ReadLog
from packseal.io.fleet_table import FleetCounts, FleetQuery, FleetRow
from packseal.io.outgoing_log_table import Outgoing
from packseal.io.passport_rows import Change
from packseal.passport.access import Reader, visible
from packseal.passport.attributes import Group
from packseal.passport.derived import derived_values
from packseal.passport.document import Json
from packseal.passport.guidance import VERSION
from packseal.passport.life import Life
from packseal.passport.life_document import life_document
from packseal.passport.life_rules import Facts
from packseal.passport.life_stages import stage_word
from packseal.passport.validity import Finding, Validity, present_keys, validity
from packseal.records.statement_bodies import PASSPORT_ID_BYTES, Stage

MANY = "*"  # in the read log, in place of a battery's id, which it cannot be: a list
LISTED_GROUPS = frozenset({Group.PUBLIC, Group.INDIVIDUAL})


@dataclass(frozen=True, slots=True)
class Asked:
    """Who asks for which passport, and what of it he may see. name: its public one."""

    reader: Reader
    reader_name: str
    name: str
    battery: str
    groups: frozenset[Group]

    @property
    def sees_use(self) -> bool:
        """What tells of the individual battery: its health, records, events, life."""
        return Group.INDIVIDUAL in self.groups


class PassportReading:
    def __init__(self, service: PassportService, view: PageView, read_log: ReadLog) -> None:
        self._service, self._view, self._lives, self._log = service, view, service.lives, read_log

    def asked(self, name: str, reader: Reader, reader_name: str) -> Asked | None:
        """name: the passport's id as 32 hex digits, or the id of a battery that the settings name."""
        battery = battery_of(self._service, name)
        return Asked(reader, reader_name, name, battery, reader.groups(battery)) if battery else None

    def document(self, asked: Asked, kind: str = "document") -> Json:
        """All that these groups see; what is restricted is noted before it is shown. Raises UnavailableError."""
        shown = visible(self._whole(asked.battery), asked.groups)
        self.noted(asked, kind)
        return shown

    def page(self, asked: Asked) -> tuple[Json, Json]:
        """document and validity, of one moment. Raises UnavailableError."""
        whole = self._whole(asked.battery)
        found = self._validity(asked, whole, self._service.now_unix_ms(), VERSION)
        self.noted(asked, "page")
        return visible(whole, asked.groups), found

    def noted(self, asked: Asked, kind: str) -> None:
        """Before a record or a plot is shown, which leave as they are. Raises UnavailableError."""
        self._log.note(asked.reader, asked.reader_name, asked.battery, asked.groups, kind)

    def stamp(self, asked: Asked) -> str:
        """Changes when more than ages has changed of what is shown to these groups."""
        life = self._lives.of_battery(asked.battery)
        of_records = self._view.data(asked.battery)["stamp"]
        state = [of_records, life.history[-1].source.index if life else None, sorted(asked.groups)]
        return hashlib.sha256(json.dumps(state).encode()).hexdigest()[:32]

    def validity(self, asked: Asked, as_of_unix_ms: int | None = None, version: str = VERSION) -> Json:
        """What is there of all that is due, whoever may read it: that a value is present is no secret, the value is.

        Raises ConfigError for a guidance that is not known.
        """
        as_of = self._service.now_unix_ms() if as_of_unix_ms is None else as_of_unix_ms
        return self._validity(asked, self._whole(asked.battery), as_of, version)

    def logs(self, asked: Asked) -> list[Json]:
        ends = self._lives.logs_of(asked.battery)
        return [
            {"log_id": one.log_id.hex(), "size": one.size, "root": one.root.hex(), "is_sealed": one.is_sealed}
            for one in ends
        ]

    def statements(self, asked: Asked, after: int, limit: int) -> list[tuple[int, bytes]]:
        """Signed statements as they came, of the groups that are seen, behind an index of the passport log."""
        life = self._lives.of_battery(asked.battery)
        if life is None:
            return []
        found = self._lives.statements(life.passport_id, asked.groups, after, limit)
        self.noted(asked, "statements")
        return found

    def changes(self, reader: Reader, after: int, limit: int) -> tuple[list[Change], int]:
        """Of the batteries that the reader is responsible for, as changes_for gives them."""
        return changes_for(self._service, reader, after, limit)

    def values(self, asked: Asked, values: Json, kind: str) -> object:
        """Of a document's values those that these groups see, noted before they are shown. Raises UnavailableError."""
        shown = visible({"values": values}, asked.groups)["values"]
        self.noted(asked, kind)
        return shown

    def name_of(self, battery: str) -> str:
        """The public name of a battery's passport."""
        return name_of(self._service, battery)

    def listed(self, reader: Reader, reader_name: str, query: FleetQuery) -> list[Json]:
        """Rows of the batteries that the reader is responsible for, noted. Raises UnavailableError."""
        found = self.rows(reader, query)
        self.note_list(reader, reader_name, "list", len(found))
        return [_listed(one) for one in found]

    def rows(self, reader: Reader, query: FleetQuery, of: int | None = None) -> list[FleetRow]:
        """The same as they are stored. Like `count` and `counts`, for who calls `note_list` before it shows them."""
        return self._service.store.fleet.rows(replace(query, batteries=reader.batteries), of)

    def count(self, reader: Reader, query: FleetQuery) -> int:
        return self._service.store.fleet.count(replace(query, batteries=reader.batteries))

    def counts(self, reader: Reader, query: FleetQuery, silent_since_unix_ms: int = 0) -> FleetCounts:
        return self._service.store.fleet.counts(replace(query, batteries=reader.batteries), silent_since_unix_ms)

    def note_list(self, reader: Reader, reader_name: str, kind: str, batteries: int) -> None:
        """One line for all the batteries that are shown at once. Raises UnavailableError."""
        self._log.note(reader, reader_name, MANY, LISTED_GROUPS, f"{kind} of {batteries}")

    def reads(self, asked: Asked, limit: int) -> Json:
        """Who was shown what of it."""
        dropped = self._log.dropped_of(asked.battery)
        return {
            "restricted": [asdict(read) for read in self._log.of(asked.battery, limit)],
            "public": [asdict(read) for read in self._log.public_of(asked.battery, limit)],
            "dropped": asdict(dropped),
        }

    def outgoing(self, asked: Asked, limit: int) -> list[Json]:
        """What left of it, for whom and under which contract."""
        return [outgoing_json(one) for one in self._service.store.outgoing.of(asked.battery, limit)]

    def _validity(self, asked: Asked, whole: Json, as_of_unix_ms: int, version: str) -> Json:
        return validity_json(validity(present_keys(whole), as_of_unix_ms, self._category(asked.battery), version))

    def _category(self, battery: str) -> str:
        life = self._lives.of_battery(battery)
        known = self._service.battery(battery)
        return life.category if life else known.category if known else ""

    def _whole(self, battery: str) -> Json:
        """For no reader as it is."""
        return with_life(self._view.data(battery), self._lives.of_battery(battery), self._lives)


def with_life(whole: Json, life: Life | None, facts: Facts) -> Json:
    """A battery's document with that of its life, and with the values that follow from both."""
    if life is None:
        return whole
    of_life = life_document(life, facts)
    values, stated = whole["values"], of_life["values"]
    if isinstance(values, dict) and isinstance(stated, dict):
        whole = {**whole, "values": {**values, **derived_values(values, stated)}}
    return {**whole, "life": of_life}


def battery_of(service: PassportService, name: str) -> str | None:
    """Of a passport's public name: its id as 32 hex digits, or the id of a battery that the settings name and that has
    no passport of its own."""
    if len(name) == 2 * PASSPORT_ID_BYTES:
        with suppress(ValueError):
            created = service.lives.battery_of(bytes.fromhex(name))
            if created:
                return created
    stated = service.settings.battery(name)
    return stated.id if stated and not service.lives.passport_of(name) else None


def outgoing_json(one: Outgoing) -> Json:
    found = asdict(one)
    del found["battery"], found["digest"]
    return {**found, "rules": list(one.rules), "keys": list(one.keys), "sha256": one.digest.hex()}


def _listed(row: FleetRow) -> Json:
    stage = None if row.stage is None else Stage(row.stage)
    return {
        "passport": row.passport_id.hex() if row.passport_id else row.battery,
        "battery": row.battery,
        "name": row.name,
        "category": row.category,
        "stage": None if stage is None else stage_word(stage),
        "state_of_health_percent": None if row.soh_cpct is None else row.soh_cpct / 100,
        "standard_uncertainty_percent": None if row.soh_uncertainty_cpct is None else row.soh_uncertainty_cpct / 100,
        "spread_percent": None if row.spread_cpct is None else row.spread_cpct / 100,
        "evidence_class": row.evidence_class,
        "records": row.records,
        "records_lost": row.records_lost,
        "received_unix_ms": row.received_unix_ms or None,
        "simulated": row.is_simulated,
        "replay": row.is_replay,
    }


def validity_json(found: Validity) -> Json:
    """JSON-able: each finding of the 71 data points by number, and of every attribute by key."""

    def of(finding: Finding) -> Json:
        said = {"state": str(finding.state), "duty": str(finding.duty)}
        return {**said, "is_stated": finding.is_stated, "words": finding.words}

    return {
        "guidance": found.version,
        "category": found.category,
        "as_of_unix_ms": found.as_of_unix_ms,
        "words": found.words,
        "points": {str(number): of(finding) for number, finding in found.points.items()},
        "attributes": {key: of(finding) for key, finding in found.attributes.items()},
    }
