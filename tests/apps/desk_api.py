"""A passport service with its pages and interface on a real port, and people who sign and read there."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from packseal.apps.api import AskFresh
from packseal.apps.life_desk import LifeDesk
from packseal.apps.pages import passport_app
from packseal.apps.readers import Readers
from packseal.io.access_settings import AccessTable, ReaderTable
from packseal.io.http_server import HTTPServer
from packseal.io.keys import Signer
from packseal.io.ports import free_port
from packseal.passport.settings import PassportSettings
from packseal.records.acts import Authority, Role
from packseal.records.cose import VerifyingKey
from tests.passport.board import key_of
from tests.passport.desk import Desk

MAKER, STORE, RECYCLER, LAB = "maker", "store", "recycler", "lab"
ROLES = {MAKER: Role.INTEGRATOR, STORE: Role.OPERATOR, RECYCLER: Role.RECYCLER, LAB: Role.ASSESSOR}
READERS = ("legitimate-interest", "authority", "notified-body", "commission", "operator")


def authorities() -> tuple[Authority, ...]:
    return tuple(Authority(VerifyingKey(bytes(key_of(name).verify_key)), role) for name, role in ROLES.items())


def reader_key(role: str) -> str:
    return f"psr_{role}_for_tests"


def reader_table(name: str, **more: object) -> ReaderTable:
    """Of the role with this name, unless `more` says another; its key is reader_key(name)."""
    digest = hashlib.sha256(reader_key(name).encode()).hexdigest()
    return ReaderTable.model_validate({"name": name, "role": more.pop("role", name), "key_sha256": digest, **more})


@dataclass(frozen=True)
class Service:
    desk: Desk
    url: str

    def of(self, who: str = "", role: str = "operator") -> LifeDesk:
        """Who signs with this name's key and reads as this role; "" reads without a credential."""
        return LifeDesk(self.url, Signer(key_of(who)) if who else None, reader_key(role) if role else "")


@contextmanager
def served(
    folder: Path,
    settings: PassportSettings | None = None,
    ask_fresh: AskFresh | None = None,
    more_readers: Sequence[ReaderTable] = (),
    **desk: object,
) -> Iterator[Service]:
    made = Desk(folder, settings or PassportSettings((), authorities()), **desk)  # type: ignore[arg-type]
    tables = [*map(reader_table, READERS), *more_readers]
    readers = Readers(AccessTable(requests_per_minute=0), tables)
    address = f"127.0.0.1:{free_port()}"
    server = HTTPServer(address)
    app = passport_app(made.service, made.tiles, made.policy, readers=readers, ask_fresh=ask_fresh)
    server.start(app)
    try:
        yield Service(made, f"http://{address}")
    finally:
        server.stop()
        made.store.close()
