"""A service whose every restricted value is one that is found again wherever it is shown: a canary."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from hashlib import sha256

from packseal.apps.life_desk import NewPassport
from packseal.passport.attributes import ATTRIBUTES, Attribute, Group, Kind
from packseal.passport.stated_values import MEASURED, OF_LIFE, OF_NOTES
from packseal.records.bodies import EntryType, MeanMinMax, Previous
from packseal.records.cbor import Value
from packseal.records.cose import VerifyingKey
from packseal.records.statement_bodies import Attachment, NoteKind, RecordRef, Stage
from packseal.records.writing import encode_window
from tests.apps.desk_api import LAB, MAKER, STORE, Service
from tests.apps.test_life_journey import bind
from tests.passport.board import Board, a_window, key_of

WORD, NUMBER = "CANARY", "731371"
RATED_MAH, CAPACITY_MAH, RESISTANCE_UOHM = 60_731, 52_731, 22_730
VOLTAGE_MV, CURRENT_MA, CELL_MV, SOC_CPCT, SOH_CPCT = 731_371, -73_137, 3_731, 7_313, 8_731
RECORD_NUMBERS = ("731.371", "73.137", "3.731", "73.13", "87.31", "52.731", "22.73", "60.731", "97.31")
STATABLE = tuple(one for key, one in ATTRIBUTES.items() if one.group and key not in MEASURED | OF_LIFE | OF_NOTES)
RESTRICTED = tuple(one for one in STATABLE if one.group is not Group.PUBLIC)


def _alignments(text: str) -> list[str]:
    """What base64 makes of it, wherever in the content it stands: the digits that rest on it alone."""
    encoded = [base64.b64encode(bytes(before) + text.encode() + bytes(3)).decode() for before in range(3)]
    return [one[-(-8 * before // 6) : 8 * (before + len(text)) // 6] for before, one in enumerate(encoded)]


def number_pattern(text: str) -> re.Pattern[bytes]:
    """With either sign between, or none, as in milli; not inside of longer digits, such as those of a hash."""
    return re.compile(rf"(?<![0-9a-fA-F.,]){text.replace('.', '[.,]?')}(?![0-9a-fA-F])".encode())


SEPARATOR = r"[ .,']|\xc2\xa0|\xe2\x80\xaf|\\u00a0|\\u202f"
TEXTS = [WORD, *_alignments(WORD), WORD.encode().hex(), NUMBER, rf"731(?:{SEPARATOR})371"]
DATES = [r"(?<![0-9a-fA-F])1931(?![0-9a-fA-F])"]
LEAK = re.compile(b"|".join([*(one.encode() for one in (*TEXTS, *DATES)),
                             *(number_pattern(one).pattern for one in RECORD_NUMBERS)]))  # fmt: skip


def stated(attribute: Attribute) -> object:
    """A canary of its kind."""
    text = f"{WORD}-{int(attribute.group or 0)}-{attribute.key}"
    link = f"https://example.org/{text}"
    of_kind: Mapping[Kind, object] = {
        Kind.PARTY: {"name": text, "address": f"{text} street"}, Kind.DATE: "1931-07-13",
        Kind.TIME: "1931-07-13T07:13:07Z", Kind.DECIMAL: f"7.{NUMBER}", Kind.COUNT: int(f"{NUMBER}000"),
        Kind.LIST: [text, {"material": text, "share_percent": f"7.{NUMBER}"}], Kind.FILE: link, Kind.LINK: link,
    }  # fmt: skip
    return of_kind.get(attribute.kind, text)


@dataclass(frozen=True)
class Aviary:
    """names: of the passports, public ones; entries: of restricted records; contents: of restricted statements."""

    service: Service
    names: tuple[str, ...]
    boards: tuple[Board, ...]

    @property
    def entries(self) -> list[bytes]:
        restricted = (EntryType.WINDOW, EntryType.SOH, EntryType.ESTIMATE)
        return [entry for board in self.boards for entry in board.entries if entry[1] in restricted]


def filled(service: Service) -> Aviary:
    """A pack with a first life and a second one, in storage; and one whose battery the settings name."""
    maker, store = service.of(MAKER), service.of(STORE)
    first, _ = maker.create(NewPassport("ev-1", "EV", "Pack 1", rated_capacity_mah=RATED_MAH, chemistry="nmc"))
    board, settled = _board("ev board"), service.desk.settings.batteries[0].id
    bind(service, board, "ev-1", MAKER)
    service.desk.receipt(board.delivery().to_bytes())
    state_all(service, MAKER, first)
    evidence = [RecordRef(board.log_id, board.size - 1)]
    maker.change_stage(first, Stage.ORIGINAL, f"{WORD} of a stage", evidence)
    for kind in NoteKind:
        maker.note(first, kind, f"{WORD} of a note {kind.name}", 1_790_000_000_000, evidence)
    service.of(LAB).test(first, SOH_CPCT, 131, f"{WORD} of a test", 1_790_000_000_000)
    maker.hand_over(first, VerifyingKey(bytes(key_of(STORE).verify_key)),
                    service.of(STORE, "").consent(first, bytes(key_of(STORE).verify_key)))  # fmt: skip
    board.seal()
    service.desk.receipt(board.delivery(board.size - 1).to_bytes())
    module = ((f"{WORD} module", first, f"{WORD} place"),)
    second, _ = store.create(NewPassport("store-1", "SBESS", "Store 1", (first,), modules=module))
    after = _board("store board", previous=Previous(board.log_id, board.size, board.root(board.size)))
    bind(service, after, "store-1", STORE)
    service.desk.receipt(after.delivery().to_bytes())
    state_all(service, STORE, second)
    store.change_stage(second, Stage.REPURPOSED, f"{WORD} of a second life", [])
    bare = _board("settled board")
    bind(service, bare, settled, MAKER)
    service.desk.receipt(bare.delivery().to_bytes())
    return Aviary(service, (first.hex(), second.hex(), settled), (board, after, bare))


def state_all(service: Service, who: str, passport: bytes) -> None:
    """Every restricted attribute, one of them by an attached file."""
    values = {one.key: stated(one) for one in RESTRICTED}
    attached = Attachment(f"{WORD}.pdf", "application/pdf", 731_371, sha256(WORD.encode()).digest())
    by_file = next(one.key for one in RESTRICTED if one.kind is Kind.FILE)
    values[by_file] = [attached.sha256.hex(), f"https://example.org/{WORD}"]
    service.of(who).state(passport, values, [attached])


def _board(name: str, **more: object) -> Board:
    board = Board(name, **more)  # type: ignore[arg-type]
    board.boot()
    for _ in range(12):
        board.uptime_ms += 10_000
        window = replace(
            a_window(board.size), pack_voltage_mv=MeanMinMax(VOLTAGE_MV, VOLTAGE_MV, VOLTAGE_MV),
            pack_current_ma=MeanMinMax(CURRENT_MA, CURRENT_MA, CURRENT_MA), cell_mv=(CELL_MV, CELL_MV),
            soc_cpct=SOC_CPCT, soc_reported_cpct=SOC_CPCT, soh_reported_cpct=9_731,
        )  # fmt: skip
        board.entries.append(encode_window(board.size, board.boot_count, board.uptime_ms, window))
    body: dict[int, Value] = {1: 1, 2: [2, board.size - 1], 3: RATED_MAH, 4: [CAPACITY_MAH, 300], 5: [SOH_CPCT, 50]}
    board.append(EntryType.SOH, body | {6: [RESISTANCE_UOHM, 210], 7: 251, 8: [1200, 9100], 9: 4000})
    return board
