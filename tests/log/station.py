"""A log with its key, its entries in memory as a database would have them, its published folder, and HTTP for it."""

from __future__ import annotations

import hashlib
import socket
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import uvicorn
from nacl.signing import SigningKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from packseal.io.files import Files
from packseal.io.keys import Signer
from packseal.io.log_client import LogReader, LogSource
from packseal.io.tile_store import TileStore
from packseal.records.merkle import Edge, leaf_hash
from packseal.records.note import LogCheckpoint, sign_log_checkpoint
from packseal.records.passport_log import NO_TAG, EntryKind, LogEntry, subject_tag

ORIGIN = "passport.example/log"
NOW_UNIX_S = 1_790_000_000


def signer_of(name: str) -> Signer:
    return Signer(SigningKey(hashlib.sha256(name.encode()).digest()))


LOG_KEY = signer_of("log")
WITNESS_KEY = signer_of("witness")
WITNESS = "witness.example/w1"


def receipt_entry(number: int) -> bytes:
    return LogEntry(EntryKind.RECEIPT, NO_TAG, hashlib.sha256(b"%d" % number).digest()).to_bytes()


def key_act(battery: str, statement: bytes) -> bytes:
    return LogEntry(EntryKind.KEY_ACT, subject_tag(battery), hashlib.sha256(statement).digest()).to_bytes()


def statement(battery: str, content: bytes) -> bytes:
    return LogEntry(EntryKind.STATEMENT, subject_tag(battery), hashlib.sha256(content).digest()).to_bytes()


def root_of(entries: Sequence[bytes]) -> bytes:
    return Edge().extended([leaf_hash(entry) for entry in entries]).root()


def signed_note(entries: Sequence[bytes], origin: str = ORIGIN, signer: Signer = LOG_KEY) -> bytes:
    checkpoint = LogCheckpoint(origin, len(entries), root_of(entries))
    return sign_log_checkpoint(checkpoint, signer, signer.public_key)


class Station:
    def __init__(self, folder: Path, files: Files | None = None) -> None:
        self.entries: list[bytes] = []
        self.store = TileStore(folder, files)

    def grow(self, count: int) -> None:
        self.entries += [receipt_entry(number) for number in range(len(self.entries), len(self.entries) + count)]

    def leaves(self, start: int, stop: int) -> Sequence[bytes]:
        return self.entries[start:stop]

    def note(self, size: int | None = None) -> bytes:
        return signed_note(self.entries[:size])

    def publish(self, size: int | None = None) -> bytes:
        note = self.note(size)
        self.store.publish(len(self.entries) if size is None else size, self.leaves, note)
        return note


def reader_of(source: LogSource) -> LogReader:
    return LogReader(source, ORIGIN, LOG_KEY.public_key)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def log_app(store: TileStore) -> Starlette:
    def serve(request: Request) -> Response:
        content = store.read(request.path_params["path"])
        return Response(status_code=404) if content is None else Response(content)

    return Starlette(routes=[Route("/log/{path:path}", serve)])


@contextmanager
def served(app: Starlette) -> Iterator[str]:
    """The address of a real server for this application."""
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", access_log=False))
    thread = threading.Thread(target=server.run, args=([listening],), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(20)
        listening.close()


WITNESSES: Mapping[str, bytes] = {WITNESS: WITNESS_KEY.public_key}
