"""A store with a bit of everything that an archive has to hold, made by the real service."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from packseal.apps.fleet_archive import archive_store
from packseal.apps.fleet_archive_audit import Audit, Engine, LocalEngine, audit_archive
from packseal.io.parquet_tables import SCHEMAS
from packseal.io.store_place import StorePlace
from packseal.records.acts import Authority, Role
from packseal.records.blinding import emptied
from packseal.records.emptied import Emptied
from tests.passport.attested import GATEWAY, word_of
from tests.passport.authorities import bind, open_settings
from tests.passport.board import Board, running_board
from tests.passport.desk import Desk

EMPTIED = (3, 5)
SHARDS = 2


class Fleet:
    """boards: one bound by settings, one by acts with emptied windows, and one that changed its key and was sealed."""

    def __init__(self, folder: Path, place: StorePlace | None = None) -> None:
        self.folder = folder / "archive"
        self.first, self.second, self.third = (running_board(name=name) for name in ("one", "two", "three"))
        settings = open_settings((self.first, "B"), (self.third, "B"))
        gateway = Authority(GATEWAY.key, Role.GATEWAY)
        self.desk = Desk(folder, replace(settings, authorities=(*settings.authorities, gateway)), place)
        for first, size in ((0, 4), (0, 2), (4, 13)):
            self.desk.receipt(self.first.delivery(first, size).to_bytes())
        bind(self.desk, self.second, "pack-2")
        self.desk.receipt(self._given_up(self.second))
        self._change_key(self.third)

    @property
    def boards(self) -> tuple[Board, ...]:
        return self.first, self.second, self.third

    @property
    def records(self) -> int:
        return sum(board.size for board in self.boards)

    def archive(self, **changed: Any) -> Any:
        return archive_store(self.desk.place, self.folder, **{"shards": SHARDS, **changed})

    def audit(self, engine: Engine | None = None, *, with_store: bool = False, **trust: Any) -> Audit:
        policy = replace(self.desk.policy(), **trust)
        store = self.desk.place if with_store else None
        return audit_archive(self.folder, policy, engine or LocalEngine(1), store)

    def grow(self, board: Board, windows: int = 3) -> None:
        size = board.size
        board.windows(windows)
        attested = replace(board.delivery(size), attestation=word_of(board))
        self.desk.receipt(attested.to_bytes())

    def files(self, table: str) -> list[Path]:
        return sorted((self.folder / table).glob("**/*.parquet"))

    def _given_up(self, board: Board) -> bytes:
        entries = [emptied(entry, board.seed) if seq in EMPTIED else entry for seq, entry in enumerate(board.entries)]
        attestation = word_of(board, emptied=Emptied.of(EMPTIED))
        return replace(board.delivery(), entries=tuple(entries), attestation=attestation).to_bytes()

    def _change_key(self, board: Board) -> None:
        checkpoint = board.rotate("three, later")
        self.desk.receipt(replace(board.delivery(), checkpoint=checkpoint).to_bytes())
        self.grow(board)
        size = board.size
        board.seal()
        self.desk.receipt(board.delivery(size).to_bytes())


def rewrite(fleet: Fleet, path: Path, change: Callable[[list[dict[str, Any]]], object]) -> None:
    """A file of an archive with other rows, and a manifest that says so: the work of who owns the disk."""
    rows: list[dict[str, Any]] = pq.ParquetFile(path).read().to_pylist()
    change(rows)
    table = path.relative_to(fleet.folder).parts[0]
    pq.write_table(pa.Table.from_pylist(rows, SCHEMAS[table]), path, compression="zstd")
    told(fleet, path, len(rows))


def told(fleet: Fleet, path: Path, rows: int | None = None) -> None:
    """The manifests name the file as it is now, or no more where it is not there, and follow from each other."""
    name, digest = str(path.relative_to(fleet.folder)), bytes(32)
    for manifest in sorted((fleet.folder / "manifest").glob("*.json")):
        content = json.loads(manifest.read_text())
        kept = []
        for part in content["files"]:
            if part[0] == name and not path.exists():
                continue
            if part[0] == name:
                size, found = path.stat().st_size, hashlib.sha256(path.read_bytes()).hexdigest()
                part[1:] = [rows or part[1], size, found]
            kept.append(part)
        content |= {"files": kept, "previous": digest.hex()}
        manifest.write_text(json.dumps(content))
        digest = hashlib.sha256(manifest.read_bytes()).digest()


def flipped(value: Any) -> Any:
    """The same kind of value with one bit other."""
    match value:
        case bool():
            return not value
        case int():
            return value ^ 1
        case str():
            return chr(ord(value[0]) ^ 1) + value[1:]
        case bytes():
            return bytes((*value[:-1], value[-1] ^ 1))
    raise TypeError(f"{value!r} has no bits")
