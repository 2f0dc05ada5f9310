"""Batteries whose lives persons have stated, as a page shows them: real statements, signed and taken by a service."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

from starlette.applications import Starlette

from packseal.apps.pages import passport_app
from packseal.passport.attributes import ATTRIBUTES, Kind
from packseal.passport.life import Life
from packseal.passport.settings import BatterySettings, EnrolledSource, PassportSettings
from packseal.passport.stated_values import MEASURED, OF_LIFE, OF_NOTES, by_group
from packseal.passport.validity import PASSPORT_DUE
from packseal.records.acts import Cause, Role, sign_possession
from packseal.records.cose import VerifyingKey
from packseal.records.statement_bodies import (
    Attachment,
    CapacityTest,
    Create,
    Handover,
    ModulePlace,
    Note,
    NoteKind,
    Original,
    SealedLog,
    Stage,
    Stated,
    Statement,
    Status,
    Values,
)
from packseal.records.statements import sign_consent, sign_statement
from tests.passport.authorities import LISTED, SERVICE
from tests.passport.board import RATED_MAH, Board, key_of, running_board, signer
from tests.passport.desk import Desk
from tests.records.paper import salt

NAME = "Akku 7"  # a name that is no word of English
FIRST, SECOND = salt("passport of the first life"), salt("passport of the second life")
NOTES = {NoteKind.REPAIR: "Sicherung F1", NoteKind.ACCIDENT: "Auffahrunfall", NoteKind.OTHER: "Umzug nach Linz"}
FILE = Attachment("Anhang-7.pdf", "application/pdf", 70_000, sha256(b"file").digest())
OF_KIND: Mapping[Kind, Stated] = {
    Kind.IDENTIFIER: "urn:example:7", Kind.TEXT: "Baureihe 3", Kind.DATE: "2026-11", Kind.DECIMAL: "12.5",
    Kind.COUNT: 12_000, Kind.LIST: ("Nickel", "Kobalt"), Kind.FILE: "https://example.org/anhang.pdf",
    Kind.LINK: "https://example.org/studie",
    Kind.PARTY: {"name": "Zellen AG", "address": "Werkstr. 1, 38440 Wolfsburg", "web": "https://example.org",
                 "email": "info@example.org"},
}  # fmt: skip
OF_KEY: Mapping[str, Stated] = {
    "detailed_composition": (
        {"material": "NMC 811", "part": "Kathode", "share_percent": "31.2"},
        {"material": "Graphit", "part": "Anode", "share_percent": "18.04"},
        {"material": "LiPF6", "part": "Elektrolyt", "share_percent": "11", "cas": "21324-40-3"},
    ),
    "hazardous_substances": (
        {"material": "LiPF6", "cas": "21324-40-3", "share_percent": "2.1", "part": "Elektrolyt", "H": "H301",
         "GHS": "GHS06"},
    ),
    "component_part_numbers": ({"component": "BMS", "number": "4711-0815"}, {"component": "Modul", "number": "4712"}),
    "idle_temp_min": "-20",
    "test_reports": (FILE.sha256.hex(), "https://example.org/bericht.pdf", "ab" * 32),
}  # fmt: skip
STATABLE = tuple(key for key, one in ATTRIBUTES.items() if one.group and key not in MEASURED | OF_LIFE | OF_NOTES)
SPARSE = ("manufacturer_id", "mass", "recycled_cobalt_pre")


class LivedDesk(Desk):
    """Has a battery of a first life, pack-0, and the battery whose page is looked at, pack-1."""

    def __init__(self, folder: Path, board: Board, first: Board) -> None:
        self.board, self.first = board, first
        of = (("pack-1", board), ("pack-0", first))
        batteries = tuple(
            BatterySettings(name, "SBESS", RATED_MAH, NAME, (EnrolledSource(one.public_key, "B"),)) for name, one in of
        )
        super().__init__(folder, PassportSettings(batteries, LISTED))

    def say(self, statement: Statement, by: str = "operator") -> Life:
        key = key_of(by)
        self.now_unix_ms += 1
        content = sign_statement(statement, salt(str(self.now_unix_ms)), self.now_unix_ms, signer(key), public(by))
        self.service.take_statement(content)
        return self.life(statement.passport_id)

    def life(self, passport_id: bytes) -> Life:
        found = self.service.lives.life(passport_id)
        assert found is not None
        return found

    def create(self, passport_id: bytes, battery: str, by: str = "operator", **more: object) -> Life:
        said = Create(passport_id, battery, "SBESS", NAME, public(by), rated_capacity_mah=RATED_MAH)
        return self.say(replace(said, **more), by)  # type: ignore[arg-type]

    def change(self, passport_id: bytes, stage: Stage, note: str = "", by: str = "operator") -> Life:
        return self.say(Status(passport_id, self.life(passport_id).head, stage, note), by)


class PublicDesk(LivedDesk):
    """Whoever asks is shown what everybody may see."""

    def app(self) -> Starlette:
        self.publisher.turn()
        return passport_app(self.service, self.tiles, self.policy)


def public(name: str) -> VerifyingKey:
    return VerifyingKey(bytes(key_of(name).verify_key))


def prepared(folder: Path) -> LivedDesk:
    """Created and no more, when everything is due."""
    desk = LivedDesk(folder, Board(), Board("first"))
    desk.create(FIRST, "pack-1")
    desk.now_unix_ms = PASSPORT_DUE.from_unix_ms
    return desk


def lived(folder: Path, kind: type[LivedDesk] = LivedDesk, keys: tuple[str, ...] = STATABLE) -> LivedDesk:
    """On the market, repaired, handed over, with notes, a test, and values under these keys."""
    desk = kind(folder, running_board(), Board("first"))
    desk.receipt(desk.board.delivery().to_bytes())
    desk.create(FIRST, "pack-1")
    for group, values in by_group({key: OF_KEY.get(key, OF_KIND[ATTRIBUTES[key].kind]) for key in keys}).items():
        files = (FILE,) if "test_reports" in values else ()
        desk.say(Values(FIRST, int(group), values, files))  # type: ignore[arg-type]
    desk.change(FIRST, Stage.ORIGINAL, "Charge 12")
    desk.change(FIRST, Stage.REPAIRED)
    for note, text in NOTES.items():
        desk.say(Note(FIRST, note, desk.now_unix_ms, text))
    desk.say(CapacityTest(FIRST, 9_120, 140, "C/3, 25 \u00b0C", desk.now_unix_ms), "assessor")
    head = desk.life(FIRST).head
    to = key_of("integrator")
    consent = sign_consent(FIRST, head, public("integrator").public_key, signer(to), public("integrator"))
    desk.say(Handover(FIRST, head, public("integrator"), consent))
    desk.now_unix_ms = PASSPORT_DUE.from_unix_ms
    return desk


def lived_in_public(folder: Path) -> LivedDesk:
    return lived(folder, PublicDesk)


def half_stated(folder: Path) -> LivedDesk:
    """Of some data points one part is there, and one is missing."""
    return lived(folder, keys=SPARSE)


def gone_over(desk: LivedDesk, first: str, second: str, of_first: Board, by: str) -> LivedDesk:
    """From one battery to the other: its log is sealed, and some modules went elsewhere."""
    of_first.boot()
    of_first.seal()
    desk.receipt(of_first.delivery().to_bytes())
    desk.create(FIRST, first)
    desk.change(FIRST, Stage.ORIGINAL)
    end = SealedLog(of_first.log_id, of_first.size, of_first.root(of_first.size))
    head = desk.life(FIRST).head
    operator = key_of("operator")
    consent = None if by == "operator" else sign_consent(FIRST, head, SECOND, signer(operator), public("operator"))
    modules = (ModulePlace("M1", 0, "Regal 2"), ModulePlace("M2", 0, "Lager"))
    desk.create(SECOND, second, by, originals=(Original(FIRST, head, consent),), modules=modules, sealed=(end,))
    desk.say(CapacityTest(SECOND, 9_400, 120, "C/3", desk.now_unix_ms), "assessor")
    desk.change(SECOND, Stage.REMANUFACTURED, "Werk 2", by)
    return desk


def second_life(folder: Path) -> LivedDesk:
    """Its operator's key counts no more."""
    desk = LivedDesk(folder, Board(), Board("first"))
    nonce, late = salt("late"), public("late")
    possession = sign_possession(late, nonce, signer(key_of("late")))
    desk.service.take_act(SERVICE.enrol(Role.INTEGRATOR, late, nonce, possession))
    gone_over(desk, "pack-0", "pack-1", desk.first, "late")
    desk.service.take_act(SERVICE.revoke(late.public_key, Cause.STOLEN, salt("revoked")))
    return desk


def lives_on(folder: Path) -> LivedDesk:
    """What became of a battery that is no more."""
    desk = LivedDesk(folder, Board(), Board("first"))
    gone_over(desk, "pack-1", "pack-0", desk.board, "operator")
    desk.change(FIRST, Stage.WASTE)
    return desk


LIVES = (prepared, lived, lived_in_public, half_stated, second_life, lives_on)
