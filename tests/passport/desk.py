"""A passport service on a real store in a folder, with a clock that a test moves."""

from __future__ import annotations

import random
import sqlite3
import weakref
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, cast

from starlette.applications import Starlette

from packseal.apps.auditor import Auditor
from packseal.apps.bundles import BundleMaker
from packseal.apps.log_publisher import LogPublisher
from packseal.apps.page_view import PageView
from packseal.apps.pages import passport_app
from packseal.apps.passport_service import PassportService
from packseal.apps.passport_terms import published_policy
from packseal.apps.readers import Readers
from packseal.errors import UnavailableError
from packseal.io.access_settings import AccessTable
from packseal.io.passport_store import PassportStore
from packseal.io.postgres_database import PostgresDatabase
from packseal.io.settings import PassportFileSettings
from packseal.io.sql import Transaction
from packseal.io.store_place import StorePlace
from packseal.io.stores import open_store
from packseal.io.tile_store import TileStore
from packseal.passport.settings import PassportSettings
from packseal.records.answer import ReceiptAnswer, RefusalAnswer, decode_answer
from packseal.records.checkpoint import Receipt, verify_receipt
from packseal.records.policy import Policy
from packseal.records.verify import verify_bundle
from tests.passport.board import TOPIC, Board, key_of, settings_for, signer

SERVICE_KEY = key_of("service")
SERVICE_PUBLIC_KEY = bytes(SERVICE_KEY.verify_key)
ORIGIN = "packseal.invalid/log"  # of settings that name none
START_UNIX_MS = 1_790_000_000_000
TABLES = ("logs", "records", "checkpoints", "inner_checkpoints", "passport_log", "acts", "log_head", "passports")


class Desk:
    def __init__(self, folder: Path, settings: PassportSettings, place: StorePlace | None = None) -> None:
        self.path = folder / "passport.db"
        self.place = place or self.path
        self.tiles = TileStore(folder / "passport-log")
        self.settings = settings
        self.now_unix_ms = START_UNIX_MS
        self.open()

    def open(self) -> None:
        store = self.store = cast(PassportStore, open_store(self.place))  # its database is looked into where it is one
        self.random = random.Random(self.path.parent.name)
        self.service = PassportService(
            self.settings, store, signer(SERVICE_KEY), SERVICE_PUBLIC_KEY, lambda: self.now_unix_ms,
            self.random.randbytes,
        )  # fmt: skip
        self.publisher = LogPublisher(store.log, self.tiles)
        weakref.finalize(self.service, store.close)  # a page may outlive the desk, and nobody closes what a test leaves

    def reopen(self) -> None:
        self.store.close()
        self.open()

    def give(self, payload: bytes, topic: str = TOPIC) -> ReceiptAnswer | RefusalAnswer:
        return decode_answer(self.service.receive(topic, payload))

    def receipt(self, payload: bytes) -> Receipt:
        answer = self.give(payload)
        assert isinstance(answer, ReceiptAnswer), answer
        return verify_receipt(answer.receipt, SERVICE_PUBLIC_KEY)

    def refusal(self, payload: bytes) -> RefusalAnswer:
        answer = self.give(payload)
        assert isinstance(answer, RefusalAnswer), "it was accepted"
        return answer

    def bundle(self, board: Board, seq: int) -> bytes:
        """Of a record, once its receipt's leaf is published."""
        self.publisher.turn()
        made = BundleMaker(self.store, self.tiles, SERVICE_PUBLIC_KEY).bundle(board.log_id, seq)
        assert made is not None, "there is no such record"
        return made.content

    def proven(self, board: Board) -> set[int]:
        """The records of which there is a bundle that verifies; the others say that they are not to be had."""
        found = set()
        for seq in range(board.size):
            with suppress(UnavailableError):
                found.add(verify_bundle(self.bundle(board, seq), self.policy()).entry.seq)
        return found

    def archive(self, board: Board) -> bytes:
        """Of the whole log."""
        maker = BundleMaker(self.store, self.tiles, SERVICE_PUBLIC_KEY, self.publisher.publish_now)
        return b"".join(maker.archive(board.log_id))

    def page(self) -> Any:
        """Of the battery, as who sees its use is shown it."""
        view = PageView(self.service, Auditor(self.store, lambda: self.now_unix_ms), self.policy)
        return view.battery("pack-1", view.data("pack-1"), sees_use=True)

    def policy(self) -> Policy:
        """Whom the service says it trusts."""
        paths = {"store": self.path, "key": self.path.with_name("service.key")}
        settings = PassportFileSettings.model_validate({"broker": "mqtt://localhost", **paths})
        return published_policy(settings, self.service)()

    def app(self) -> Starlette:
        self.publisher.turn()
        owner = AccessTable(anonymous="owner", requests_per_minute=0)
        readers = Readers(owner, batteries=lambda: frozenset(one.id for one in self.settings.batteries))
        return passport_app(self.service, self.tiles, self.policy, readers=readers)

    def document(self) -> dict[str, object]:
        found = self.service.document("pack-1")
        assert found is not None
        return found

    def contents(self) -> list[list[tuple[object, ...]]]:
        """Everything stored but the refusals."""
        return [self.store._database.rows(f"SELECT * FROM {table} ORDER BY 1, 2") for table in TABLES]  # noqa: S608

    def edit(self, change: Callable[[Transaction], object]) -> None:
        """Somebody edits the store behind the service's back."""
        if isinstance(self.place, Path):
            with closing(sqlite3.connect(self.place)) as connection, connection:
                change(connection)
        else:
            with closing(PostgresDatabase(self.place.text)) as database, database.transaction() as transaction:
                change(transaction)


def desk_for(folder: Path, board: Board, evidence_class: str = "B", place: StorePlace | None = None) -> Desk:
    return Desk(folder, settings_for((board, evidence_class)), place)
