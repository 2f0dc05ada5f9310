"""A passport service with everything around it, all of it real: store, published log, bundles, and an owner's monitor.

What an attacker can reach stands here as methods; what he wants is for the tests to refuse.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from nacl.signing import SigningKey

from packseal.apps.bundles import BundleMaker
from packseal.apps.log_publisher import LogPublisher
from packseal.apps.monitor import Look, Monitor, Watch
from packseal.errors import EvidenceError, Reason
from packseal.io.log_client import FolderLog, LogReader
from packseal.io.passport_store import PassportStore
from packseal.io.tile_store import TileStore
from packseal.passport.settings import BatterySettings, PassportSettings
from packseal.records.acts import Authority, Bind, Cause, Enrol, Revoke, Role, Statement, sign_act, sign_possession
from packseal.records.attestation import Attestation, Clock, sign_attestation
from packseal.records.bundle import Bundle
from packseal.records.checkpoint import verify_checkpoint
from packseal.records.cose import VerifyingKey
from packseal.records.policy import Policy
from packseal.records.verify import TrustedBundle, verify_bundle
from tests.passport.board import RATED_MAH, Board, key_of, signer
from tests.passport.desk import SERVICE_PUBLIC_KEY, Desk
from tests.records.paper import salt

ORIGIN = "passports.example/log"
INTEGRATOR, GATEWAY = key_of("integrator"), key_of("gateway")
BATTERIES = ("pack-1", "pack-2")


def verifying(key: SigningKey) -> VerifyingKey:
    return VerifyingKey(bytes(key.verify_key))


def refused(reason: Reason, action: Any, *arguments: Any) -> EvidenceError:
    """The refusal, which must have this reason."""
    with pytest.raises(EvidenceError) as refusal:
        action(*arguments)
    assert refusal.value.reason is reason, str(refusal.value)
    return refusal.value


class Office:
    def __init__(self, folder: Path) -> None:
        batteries = tuple(BatterySettings(name, "SBESS", RATED_MAH, name) for name in BATTERIES)
        integrator = Authority(verifying(INTEGRATOR), Role.INTEGRATOR)
        self.folder = folder
        self.desk = Desk(folder, PassportSettings(batteries, (integrator,), ORIGIN))
        self.tiles = TileStore(folder / "log")
        self.nonces = 0

    def act(self, statement: Statement, by: SigningKey = INTEGRATOR) -> bytes:
        nonce = statement_nonce(self.nonces)
        return sign_act(statement, nonce, self.desk.now_unix_ms, signer(by), verifying(by))

    def take(self, statement: Statement, by: SigningKey = INTEGRATOR) -> bytes:
        """Signed and in the log. -> the act"""
        act = self.act(statement, by)
        self.nonces += 1
        self.desk.service.take_act(act)
        return act

    def enrol(self, key: SigningKey, role: Role = Role.BOARD) -> bytes:
        return self.take(Enrol(role, verifying(key), sign_possession(verifying(key), self.nonce, signer(key))))

    def bind(self, board: Board, battery: str = "pack-1", by: SigningKey = INTEGRATOR) -> bytes:
        return self.take(Bind(board.public_key, battery, "B"), by)

    def revoke(self, key: bytes, by: SigningKey = INTEGRATOR) -> bytes:
        return self.take(Revoke(key, Cause.STOLEN), by)

    @property
    def nonce(self) -> bytes:
        return statement_nonce(self.nonces)

    def bound_board(self, name: str = "board", windows: int = 10) -> Board:
        """Enrolled by the integrator and bound to pack-1; nothing of it has arrived yet."""
        board = Board(name)
        board.boot()
        board.windows(windows)
        board.state_of_health()
        self.enrol(board.signing_key)
        self.bind(board)
        return board

    def publish(self) -> None:
        LogPublisher(self.desk.store.log, self.tiles).turn()

    def bundle(self, board: Board, seq: int, store: PassportStore | None = None) -> Bundle:
        """As the service exports it, open."""
        self.publish()
        made = BundleMaker(store or self.desk.store, self.tiles, SERVICE_PUBLIC_KEY).bundle(board.log_id, seq)
        assert made is not None
        return made.bundle

    def bundle_from_disk(self, board: Board, seq: int) -> Bundle:
        """Made by a program that has only the file, whoever edited it."""
        with closing(PassportStore(self.desk.path)) as store:
            return self.bundle(board, seq, store)

    def policy(self, **changed: Any) -> Policy:
        keys = (Authority(verifying(INTEGRATOR), Role.INTEGRATOR), Authority(verifying(GATEWAY), Role.GATEWAY))
        return replace(Policy({}, {SERVICE_PUBLIC_KEY: ORIGIN}, keys), **changed)

    def verified(self, bundle: Bundle, **changed: Any) -> TrustedBundle:
        return verify_bundle(bundle.to_bytes(), self.policy(**changed))

    def refused_bundle(self, bundle: Bundle, reason: Reason, **changed: Any) -> EvidenceError:
        return refused(reason, verify_bundle, bundle.to_bytes(), self.policy(**changed))

    def look(self, known: Iterable[bytes] = (), battery: str = "pack-1") -> Look:
        """What the owner's monitor finds, who knows the acts of these digests."""
        self.publish()
        reader = LogReader(FolderLog(self.tiles.folder), ORIGIN, SERVICE_PUBLIC_KEY)
        return Monitor(reader, self.folder / "monitor.json", Watch({battery: frozenset(known)})).look()


def statement_nonce(number: int) -> bytes:
    return salt(f"nonce {number}")


def attestation_for(board: Board, by: SigningKey = GATEWAY, **changed: Any) -> bytes:
    """What a gateway says of the delivery that ends in the board's newest checkpoint."""
    checkpoint = verify_checkpoint(board.checkpoint(), board.log_id, verifying(board.signing_key))
    fields: dict[str, Any] = {"log_id": board.log_id, "size": checkpoint.size, "root": checkpoint.root}
    fields |= {"arrived_unix_ms": 1_790_000_000_000, "clock": Clock.DISCIPLINED, "clock_error_ms": 10}
    fields |= {"settings_digest": bytes(32), "counts": {1: 5}}
    return sign_attestation(Attestation(**fields | changed), signer(by), verifying(by))
