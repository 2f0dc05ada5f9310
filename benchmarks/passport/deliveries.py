"""Signed deliveries of many made-up batteries, made before any clock starts and kept in a file between runs."""

from __future__ import annotations

import hashlib
import pickle
import random
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from nacl.signing import SigningKey

from packseal.passport.settings import BatterySettings, EnrolledSource, PassportSettings
from packseal.records.blinding import leaf_of, seed_digest
from packseal.records.bodies import Boot, Key, MeanMinMax, Origin, Window
from packseal.records.checkpoint import Checkpoint, sign_checkpoint
from packseal.records.log import Delivery
from packseal.records.merkle import Edge
from packseal.records.writing import encode_boot, encode_key, encode_window

WINDOW_MS = 60_000
RATED_MAH = 280_000
CELLS, SENSORS = 16, 4


@dataclass(frozen=True)
class Made:
    """first: what opens each log, two records; later: windows, one delivery of each log after the other."""

    first: list[bytes]
    later: list[bytes]


class Pack:
    """One log of one board: a KEY, a BOOT and windows of a pack of 16 cells that charges and discharges."""

    def __init__(self, number: int) -> None:
        self._chance = random.Random(number)
        self._key = signing_key(number)
        self.seed = hashlib.sha256(b"seed %d" % number).digest()[:16]
        public_key = bytes(self._key.verify_key)
        key = Key(public_key, Origin.BOARD, number.to_bytes(16, "big"), seed_digest(self.seed))
        self.genesis = encode_key(0, 1, 0, key)
        self.log_id = hashlib.sha256(b"\x00" + self.genesis).digest()[:16]
        self._edge, self._uptime_ms, self._charge_mah = Edge(), 0, 0

    def opened(self) -> bytes:
        boot = Boot(bytes(32), 1, 1, 1, CELLS, 1, RATED_MAH)
        return self._delivery([self.genesis, encode_boot(1, 1, 0, boot)])

    def windows(self, count: int) -> bytes:
        entries = []
        for seq in range(self._edge.size, self._edge.size + count):
            self._uptime_ms += WINDOW_MS
            entries.append(encode_window(seq, 1, self._uptime_ms, self._window()))
        return self._delivery(entries)

    def _window(self) -> Window:
        chance = self._chance
        current_ma = chance.randrange(-90_000, 90_000)
        self._charge_mah += abs(current_ma) // 60
        cells = tuple(3_290 + chance.randrange(40) for _ in range(CELLS))
        pack_mv = sum(cells)
        return Window(
            duration_ms=WINDOW_MS, samples=60,
            pack_current_ma=MeanMinMax(current_ma, current_ma - 1_000, current_ma + 1_000),
            pack_voltage_mv=MeanMinMax(pack_mv, pack_mv - 90, pack_mv + 90),
            cell_mv=cells, temperature_ddegc=tuple(240 + chance.randrange(30) for _ in range(SENSORS)),
            soc_cpct=chance.randrange(10_000), soc_reported_cpct=chance.randrange(10_000), soh_reported_cpct=9_800,
            counters=(self._charge_mah, self._charge_mah, self._charge_mah // 20, self._charge_mah // 20),
        )  # fmt: skip

    def _delivery(self, entries: list[bytes]) -> bytes:
        first = self._edge.size
        self._edge = self._edge.extended([leaf_of(entry, self.seed)[1] for entry in entries])
        at = Checkpoint(self.log_id, self._edge.size, self._edge.root(), 1, self._uptime_ms)
        checkpoint = sign_checkpoint(at, lambda message: self._key.sign(message).signature)
        return Delivery(self.genesis, self.seed, first, tuple(entries), checkpoint).to_bytes()


def signing_key(number: int) -> SigningKey:
    return SigningKey(hashlib.sha256(b"board %d" % number).digest())


def settings_of(batteries: int) -> PassportSettings:
    return PassportSettings(
        tuple(
            BatterySettings(
                f"pack-{number}", "SBESS", RATED_MAH, "A pack",
                (EnrolledSource(bytes(signing_key(number).verify_key), "B"),),
            )
            for number in range(batteries)
        )
    )  # fmt: skip


def deliveries(folder: Path, batteries: int, measured: int, records: int) -> Made:
    """Of so many batteries the first delivery; of the first `measured` of them one more, of so many windows."""
    path = folder / f"deliveries-{batteries}-{measured}-{records}.pickle"
    if path.is_file():
        found: Made = pickle.loads(path.read_bytes())  # noqa: S301 - made here
        return found
    with ProcessPoolExecutor() as pool:
        parts = list(pool.map(_made, _jobs(batteries, measured, records)))
    made = Made([one for first, _ in parts for one in first], [one for _, later in parts for one in later])
    path.write_bytes(pickle.dumps(made))
    return made


def _jobs(batteries: int, measured: int, records: int, step: int = 100) -> Iterator[tuple[int, int, int, int]]:
    return ((start, min(start + step, batteries), measured, records) for start in range(0, batteries, step))


def _made(job: tuple[int, int, int, int]) -> tuple[list[bytes], list[bytes]]:
    start, stop, measured, records = job
    packs = [(number, Pack(number)) for number in range(start, stop)]
    first = [pack.opened() for _, pack in packs]
    return first, [pack.windows(records) for number, pack in packs if number < measured]
