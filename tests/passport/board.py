"""A simulated board: a real log in the real format, signed with a real key. It can also lie, where a test says so."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from functools import lru_cache

from nacl.signing import SigningKey

from packseal.errors import EvidenceError
from packseal.passport.settings import BatterySettings, EnrolledSource, PassportSettings
from packseal.records.acts import Authority
from packseal.records.blinding import leaf_of, record_seed, seed_digest
from packseal.records.bodies import (
    EntryType,
    Estimate,
    Key,
    MeanMinMax,
    Origin,
    Previous,
    QuantityEstimate,
    Window,
)
from packseal.records.cbor import Value, encode
from packseal.records.checkpoint import Checkpoint, sign_checkpoint
from packseal.records.cose import ED25519, Sign, VerifyingKey
from packseal.records.log import Delivery
from packseal.records.merkle import Edge, inclusion_proof, leaf_hash
from packseal.records.rotation import sign_rotation
from packseal.records.writing import encode_estimate, encode_key, encode_rotation, encode_window

WINDOW_MS = 10_000
RATED_MAH = 60_000
TOPIC = "packseal/site/pack-1/rec"


def signer(key: SigningKey) -> Sign:
    return lambda message: key.sign(message).signature


def key_of(name: str) -> SigningKey:
    return SigningKey(hashlib.sha256(name.encode()).digest())


@dataclass
class Board:
    name: str = "board"
    origin: Origin = Origin.BOARD
    label: bytes = b""
    source: int = 1
    clock_rate: int = 1
    previous: Previous | None = None
    entries: list[bytes] = field(default_factory=list)
    boot_count: int = 1
    uptime_ms: int = 0

    def __post_init__(self) -> None:
        self.signing_key = key_of(self.name)
        self.public_key = bytes(self.signing_key.verify_key)
        self.label = self.label or bytes(32 if self.origin is Origin.FILE else 16)
        self.seed = hashlib.sha256(b"seed of " + self.name.encode() + self.label).digest()[:16]
        key = Key(self.public_key, self.origin, self.label, seed_digest(self.seed), ED25519, self.previous)
        self.genesis = encode_key(0, 1, 0, key)
        self.entries.append(self.genesis)

    @property
    def log_id(self) -> bytes:
        return leaf_hash(self.genesis)[:16]

    @property
    def size(self) -> int:
        return len(self.entries)

    @property
    def leaves(self) -> list[bytes]:
        return [_leaf(entry, self.seed) for entry in self.entries]

    def root(self, size: int) -> bytes:
        return Edge().extended(self.leaves[:size]).root()

    def proof(self, seq: int, size: int) -> tuple[bytes, ...]:
        return tuple(inclusion_proof(self.leaves[:size], seq))

    def record_seed(self, seq: int) -> bytes:
        return record_seed(self.seed, seq)

    def append(self, kind: int, body: dict[int, Value]) -> None:
        self.entries.append(encode([kind, self.size, self.boot_count, self.uptime_ms, body]))

    def boot(self) -> None:
        fields: dict[int, Value] = {1: bytes(32), 2: 1, 3: self.source, 4: self.clock_rate, 5: 4, 6: 1, 7: RATED_MAH}
        self.append(EntryType.BOOT, fields)

    def windows(self, count: int = 1) -> None:
        for _ in range(count):
            self.uptime_ms += WINDOW_MS
            self.entries.append(encode_window(self.size, self.boot_count, self.uptime_ms, a_window(self.size)))

    def state_of_health(self, soh_cpct: int = 9120, rated_mah: int = RATED_MAH) -> None:
        capacity: list[Value] = [rated_mah * soh_cpct // 10_000, 300]
        body: dict[int, Value] = {1: 1, 2: [2, self.size - 1], 3: rated_mah, 4: capacity, 5: [soh_cpct, 50]}
        self.append(EntryType.SOH, body | {6: [22_310, 210], 7: 251, 8: [1200, 9100], 9: 4000})

    def estimate(self, quantity: int, value: tuple[int, int] | None = None, **more: object) -> None:
        """Resting on all before it. more: as QuantityEstimate has it."""
        fields: dict[str, object] = {"method": 4, "inputs": (2, self.size - 1), "age_ms": 4000, **more}
        said = QuantityEstimate(quantity, value=Estimate(*value) if value else None, **fields)  # type: ignore[arg-type]
        self.entries.append(encode_estimate(self.size, self.boot_count, self.uptime_ms, said))

    def gap(self, windows: int = 3) -> None:
        first = self.uptime_ms
        self.uptime_ms += windows * WINDOW_MS
        self.append(EntryType.GAP, {1: 1, 2: windows, 3: [first, self.uptime_ms]})

    def rotate(self, name: str) -> bytes:
        """To the key of another name. -> the checkpoint by the old key that ends in the change"""
        new = key_of(name)
        rotation = sign_rotation(self.log_id, VerifyingKey(bytes(new.verify_key)), signer(new))
        self.entries.append(encode_rotation(self.size, self.boot_count, self.uptime_ms, rotation))
        checkpoint = self.checkpoint()
        self.signing_key = new
        return checkpoint

    def seal(self, cause: int = 1) -> None:
        self.append(EntryType.SEAL, {1: cause})

    def checkpoint(self, size: int | None = None, **changed: object) -> bytes:
        size = self.size if size is None else size
        root = self.root(size)
        fields = {
            "log_id": self.log_id,
            "size": size,
            "root": root,
            "boot": self.boot_count,
            "uptime_ms": self.uptime_ms,
        }
        return sign_checkpoint(Checkpoint(**{**fields, **changed}), signer(self.signing_key))  # type: ignore[arg-type]

    def time(self, receipt: bytes, received_unix_ms: int) -> None:
        """Says that this receipt had arrived."""
        self.append(EntryType.TIME, {1: hashlib.sha256(receipt).digest(), 2: received_unix_ms})

    def delivery(self, first: int = 0, size: int | None = None) -> Delivery:
        size = self.size if size is None else size
        return Delivery(self.genesis, self.seed, first, tuple(self.entries[first:size]), self.checkpoint(size))


@lru_cache(maxsize=1 << 14)
def _leaf(entry: bytes, seed: bytes) -> bytes:
    """Of what nobody can read, as a board would have it that signs it all the same: the hash of its bytes."""
    try:
        return leaf_of(entry, seed)[1]
    except EvidenceError:
        return leaf_hash(entry)


def a_window(seq: int) -> Window:
    cells = tuple(3_700 + seq % 7 + block for block in range(4))
    return Window(
        duration_ms=WINDOW_MS,
        samples=10,
        pack_current_ma=MeanMinMax(-5_000, -5_100, -4_900),
        pack_voltage_mv=MeanMinMax(sum(cells), sum(cells) - 20, sum(cells) + 20),
        cell_mv=cells,
        temperature_ddegc=(251, 253),
        soc_cpct=8_000 - seq % 8_000,
        counters=(1_000, 90_000 + seq, 40, 3_700 + seq, 15_000, 2, 1, 7_200, 60, 3_600, 0, 1, 0, 0),
        soc_reported_cpct=8_100,
        soh_reported_cpct=9_900,
    )


def running_board(windows: int = 10, **changed: object) -> Board:
    """A board that has booted, recorded windows, and stated a state of health."""
    board = Board(**changed)  # type: ignore[arg-type]
    board.boot()
    board.windows(windows)
    board.state_of_health()
    return board


def settings_for(
    *sources: tuple[Board, str], name: str = "A used pack", authorities: tuple[Authority, ...] = ()
) -> PassportSettings:
    enrolled = tuple(EnrolledSource(board.public_key, evidence_class) for board, evidence_class in sources)
    return PassportSettings((BatterySettings("pack-1", "SBESS", RATED_MAH, name, enrolled),), authorities)
