"""Who signs acts in the tests: an integrator, an operator, an assessor, a gateway, and a service that knows them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from packseal.apps.authority import Signatory
from packseal.io.keys import Signer
from packseal.passport.settings import BatterySettings, PassportSettings
from packseal.records.acts import Authority, Role, sign_possession
from packseal.records.cose import VerifyingKey
from packseal.records.policy import Policy
from tests.passport.board import RATED_MAH, Board, key_of, settings_for, signer
from tests.passport.desk import ORIGIN, SERVICE_PUBLIC_KEY, START_UNIX_MS, Desk
from tests.records.paper import salt

BATTERIES = ("pack-1", "pack-2")


def file_signer(name: str) -> Signer:
    return Signer(key_of(name))


def signatory(name: str) -> Signatory:
    return Signatory(file_signer(name), START_UNIX_MS)


INTEGRATOR, OPERATOR, ASSESSOR = signatory("integrator"), signatory("operator"), signatory("assessor")
SERVICE, STRANGER = signatory("service"), signatory("stranger")
LISTED = (
    Authority(INTEGRATOR.key, Role.INTEGRATOR),
    Authority(OPERATOR.key, Role.OPERATOR),
    Authority(ASSESSOR.key, Role.ASSESSOR),
)


def open_settings(*sources: tuple[Board, str]) -> PassportSettings:
    """Two batteries, and authorities who bind boards to them; `sources` are bound to pack-1 by the settings."""
    (first,) = settings_for(*sources).batteries
    second = BatterySettings("pack-2", "SBESS", RATED_MAH, "Another pack")
    return PassportSettings((first, second), LISTED)


def open_desk(folder: Path, *sources: tuple[Board, str]) -> Desk:
    return Desk(folder, open_settings(*sources))


def enrolment(board: Board, by: Signatory = INTEGRATOR, nonce: bytes = salt("enrol"), role: Role = Role.BOARD) -> bytes:
    key = VerifyingKey(board.public_key)
    return by.enrol(role, key, nonce, sign_possession(key, nonce, signer(key_of(board.name))))


def binding(board: Board, battery: str = "pack-1", by: Signatory = INTEGRATOR, evidence_class: str = "B") -> bytes:
    return by.bind(board.public_key, battery, evidence_class, salt(f"bind {battery} {evidence_class}"))


def bind(desk: Desk, board: Board, battery: str = "pack-1") -> int:
    """Enrolled and bound. -> the index of the BIND"""
    desk.service.take_act(enrolment(board))
    return desk.service.take_act(binding(board, battery))


def strangers_policy(**changed: object) -> Policy:
    """Of who knows the service and the integrator, and no log at all."""
    known = Policy({}, {SERVICE_PUBLIC_KEY: ORIGIN}, (LISTED[0],))
    return replace(known, **changed)  # type: ignore[arg-type]
