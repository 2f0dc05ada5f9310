"""A gateway that reads a made-up pack's CAN frames, without a broker; and a receiver that believes nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from nacl.signing import SigningKey

from packseal.apps.attesting import Attestor
from packseal.apps.can_recorder import CanRecorder, CanRecorderSettings
from packseal.apps.own_log import OwnLog
from packseal.apps.window_records import BoundSignals
from packseal.errors import UnavailableError
from packseal.frames import Frames
from packseal.io.keys import Signer
from packseal.io.outbox_store import OutboxStore, only_new
from packseal.io.own_log_table import OwnLogTable
from packseal.records.attestation import Clock, verify_attestation
from packseal.records.cose import VerifyingKey
from packseal.records.entries import Entry, genesis_key
from packseal.records.log import Delivery, TrustedLog, Verified

WINDOW_MS = 10_000
BATTERY = "pack-2"
SIGNER = Signer(SigningKey(bytes(31) + b"\x07"))
KEY = VerifyingKey(SIGNER.public_key)
PROGRAM_HASH, SETTINGS_DIGEST = b"\x11" * 32, b"\x22" * 32
NONE = Frames.empty()
NOW_UNIX_MS = 1_790_000_000_000
PACK_ID, OTHER_ID = 0x100, 0x200
DBC = """\
VERSION ""
BU_: BMS
BO_ 256 Pack: 8 BMS
 SG_ Voltage : 0|16@1+ (0.1,0) [0|6553.5] "V" BMS
 SG_ Current : 16|16@1- (0.1,0) [-3276|3276] "A" BMS
 SG_ Soc : 32|8@1+ (0.5,0) [0|127.5] "%" BMS
 SG_ Temperature : 40|8@1+ (1,-40) [-40|215] "degC" BMS
BO_ 512 Other: 8 BMS
 SG_ Speed : 0|16@1+ (1,0) [0|65535] "" BMS
"""
BIND = """\
format = 1
name = "made_up"
battery = "Made up, 16 cells"
dbc = "pack.dbc"
cell_blocks = 16
strings = 2

[quantities.pack_voltage_mv]
signal = "Voltage"
factor = 1000
not_available = [65535]
valid = [0, 100000]

[quantities.pack_current_ma]
signal = "Current"
factor = 1000
positive_when = "discharging"
valid = [-400000, 400000]

[quantities.soc_reported_cpct]
signal = "Soc"
factor = 100
not_available = [255]
valid = [0, 10000]

[quantities.temperature_ddegc]
signal = "Temperature"
factor = 10
valid = [-400, 1050]
"""


def payload(voltage: int, current: int = -50, soc: int = 100, temperature: int = 65) -> bytes:
    """Raw values, as the DBC lays them out."""
    head = voltage.to_bytes(2, "little") + current.to_bytes(2, "little", signed=True)
    return head + bytes((soc, temperature, 0, 0))


def frames(*rows: tuple[int, bytes], can_id: int = PACK_ID) -> Frames:
    """rows: (time_ms, data)"""
    n = len(rows)
    data = b"".join(data.ljust(8, b"\x00") for _, data in rows)
    return Frames(
        can_id=np.full(n, can_id, np.uint32),
        is_extended=np.zeros(n, np.bool_),
        time_ns=np.array([time_ms * 1_000_000 for time_ms, _ in rows], np.int64),
        channel=np.zeros(n, np.uint8),
        length=np.array([len(data) for _, data in rows], np.uint8),
        data=np.frombuffer(data, np.uint8).reshape(n, 8),
    )


def signals_in(folder: Path, dbc: str = DBC, bind: str = BIND) -> BoundSignals:
    (folder / "pack.dbc").write_text(dbc)
    (folder / "pack.toml").write_text(bind)
    return BoundSignals.load(folder / "pack.dbc", folder / "pack.toml")


class FillingTable(OwnLogTable):
    """On a disk that is full as long as `is_full` says so."""

    is_full = False

    def keep(self, log_id: bytes, first_seq: int, entries: Sequence[bytes]) -> None:
        if self.is_full:
            raise UnavailableError("outbox.db: database or disk is full; check the disk's space")
        super().keep(log_id, first_seq, entries)


class CutError(Exception):
    """The power is gone."""


@dataclass
class CanSite:
    """One life after another on one outbox; `cut` is where submitting ends: "", "before" or "after" storing.

    windows_in_one: for want of room in the outbox.
    """

    folder: Path
    signals: BoundSignals
    checkpoint_every: int = 3
    window_ms: int = WINDOW_MS
    cut: str = ""
    windows_in_one: int = 1
    submitted: list[Delivery] = field(default_factory=list)

    def start(self, now_ms: int = 0) -> CanRecorder:
        self.store = OutboxStore(self.folder / "outbox.db")
        self.store.own_logs = self.table = FillingTable(self.store._database)
        self.log = OwnLog(BATTERY, SIGNER, self.store, self.submit)
        settings = CanRecorderSettings(PROGRAM_HASH, SETTINGS_DIGEST, self.window_ms, self.checkpoint_every, 65_000)
        self.recorder = CanRecorder(
            self.signals, self.log, settings, lambda: {1: 7, 2: 0}, now_ms, lambda: self.windows_in_one
        )
        self.recorder.begin()
        return self.recorder

    def submit(
        self, battery: str, delivery: Delivery, verified: Verified, *, is_live: bool, counts: Mapping[int, int]
    ) -> None:
        assert battery == BATTERY
        assert is_live
        attestor = Attestor(SIGNER, SETTINGS_DIGEST, lambda _now: (Clock.DISCIPLINED, 12))
        attested = attestor.attested(delivery, verified, NOW_UNIX_MS, counts)
        if self.cut == "before":
            raise CutError
        self.store.store(battery, attested, verified, 0)
        self.submitted.append(attested)
        if self.cut == "after":
            raise CutError

    def received(self) -> tuple[TrustedLog, list[Entry]]:
        """What a receiver makes of all that waits in the outbox, in order; each delivery must verify."""
        log: TrustedLog | None = None
        entries: list[Entry] = []
        for item in self.store.waiting():
            delivery = Delivery.from_bytes(self.store.content(item)[1])
            log = log or TrustedLog(delivery.genesis, delivery.seed)
            verified = log.verified(delivery, only_new(log))
            attestation = verify_attestation(delivery.attestation or b"", KEY)
            assert (attestation.size, attestation.root) == (verified.log.size, verified.log.edge.root())
            entries += verified.entries
            log = verified.log
        assert log is not None
        assert genesis_key(log.genesis).public_key == SIGNER.public_key
        return log, entries


def bodies(entries: Sequence[Entry], kind: int) -> list[Entry]:
    return [entry for entry in entries if entry.type == kind]
