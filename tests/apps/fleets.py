"""A fleet in the table of a service that readers of every role ask."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from starlette.applications import Starlette

from packseal.apps.pages import passport_app
from packseal.apps.readers import Readers
from packseal.io.access_settings import AccessTable, ReaderTable
from packseal.io.http_server import HTTPServer
from packseal.io.ports import free_port
from packseal.passport.access import ReaderRole
from packseal.passport.settings import BatterySettings, PassportSettings
from packseal.passport.summary import Summary
from packseal.records.statement_bodies import Stage
from tests.passport.desk import START_UNIX_MS, Desk
from tests.passport.lives import Register, battery_of

DAY_MS = 86_400_000
BATTERIES = 120
FAR_OFF, SILENT, NEW = "pack-007", "pack-008", "pack-009"
WITH_LIFE = battery_of("second")
READERS: Mapping[str, tuple[ReaderRole, tuple[str, ...] | None]] = {
    "operator": (ReaderRole.OPERATOR, None),
    "depot": (ReaderRole.OPERATOR, (FAR_OFF, SILENT)),
    "owner": (ReaderRole.OWNER, ("pack-001",)),
    "authority": (ReaderRole.AUTHORITY, None),
    "workshop": (ReaderRole.LEGITIMATE_INTEREST, None),
}


def key(name: str) -> str:
    return f"psr_{name}_for_tests"


def bearing(name: str) -> dict[str, str]:
    return {"authorization": f"Bearer {key(name)}"}


def named(battery: str, name: str, category: str = "SBESS") -> BatterySettings:
    return BatterySettings(battery, category, None, name, ())


def fleet(folder: Path) -> Desk:
    """120 named by the settings and one with a life: one far off, one silent for long, one never heard of."""
    names = [f"pack-{number:03}" for number in range(BATTERIES)]
    category = {"pack-005": "EV"}
    batteries = tuple(named(one, f"Akku {one[-3:]}", category.get(one, "SBESS")) for one in names)
    desk = Desk(folder, PassportSettings(batteries))
    register = Register()
    register.placed("second")
    table = desk.store.fleet
    with table._database.transaction() as transaction:
        table.put_measured(transaction, [_measured(number, one) for number, one in enumerate(names) if one != NEW])
        table.put_lives(transaction, [register.state("second", Stage.REPAIRED)])
    return desk


def _measured(number: int, battery: str) -> Summary:
    soh_cpct = 4_210 if battery == FAR_OFF else 9_000 + number
    heard = START_UNIX_MS - (40 * DAY_MS if battery == SILENT else 3_600_000 * (2 + number % 5))
    return Summary(battery, soh_cpct, 50, 120, "B", 12_345, number % 3 * 20, heard, number == 1, number == 2)


def readers() -> Readers:
    tables = [
        ReaderTable(
            name=name,
            role=role,
            batteries=batteries,
            key_sha256=hashlib.sha256(key(name).encode()).hexdigest(),  # type: ignore[arg-type]
        )
        for name, (role, batteries) in READERS.items()
    ]
    return Readers(AccessTable(requests_per_minute=0), tables)


def fleet_app(desk: Desk) -> Starlette:
    desk.publisher.turn()
    return passport_app(desk.service, desk.tiles, desk.policy, readers=readers())


@contextmanager
def served(desk: Desk) -> Iterator[str]:
    address = f"127.0.0.1:{free_port()}"
    server = HTTPServer(address)
    server.start(fleet_app(desk))
    try:
        yield f"http://{address}"
    finally:
        server.stop()
        desk.store.close()
