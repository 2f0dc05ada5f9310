"""The example log with its tree, its blinding and what is signed of it; and bad entries."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from typing import Any

from packseal.records.acts import Bind, Enrol, Noted, Role, sign_possession
from packseal.records.blinding import CEILING_FIELD, FLOOR_FIELD, OpenRecord
from packseal.records.bodies import MeanMinMax, Window
from packseal.records.bundle import ActPart
from packseal.records.cbor import Sign1, Value, encode
from packseal.records.columns import encode_column
from packseal.records.merkle import Edge
from packseal.records.writing import encode_window
from tests.vectors.world import (
    BOARD,
    BOARD_NEXT,
    DIGEST,
    GATEWAY,
    INTEGRATOR,
    OPERATOR,
    OTHER_GATEWAY,
    SERVICE,
    START_UNIX_MS,
    Log,
    Passport,
    attestation_of,
    attested,
)

SEED = bytes(range(16, 32))
SIZE_BEFORE_TIME, TIME, SOH, SIZE_ROTATED = 7, 7, 8, 14
BATTERY = "vector-pack"
CELLS_MV = (3718, 3719, 3717, None, 3720, 3718)


@dataclass(frozen=True)
class Example:
    """The log of log.json and the receipts it has. The first receipt is the one that its TIME entry names."""

    log: Log
    passport: Passport
    names: list[str]
    acts: dict[str, ActPart]
    time_receipt: bytes
    attestation_rotated: bytes
    attestation: bytes
    receipt_rotated: bytes
    receipt: bytes


def window(seq: int) -> bytes:
    return encode_window(
        seq,
        1,
        10_000 * seq,
        Window(
            duration_ms=10_000,
            samples=10,
            slots_missed=int(seq == 5),
            pack_current_ma=MeanMinMax(-5000 - seq, -5100, -4900),
            pack_voltage_mv=MeanMinMax(22_310, 22_300, 22_320),
            cell_mv=CELLS_MV,
            temperature_ddegc=(251, -13),
            soc_cpct=5000 + seq if seq > 3 else None,
            counters=tuple(seq * factor for factor in range(1, {5: 15, 6: 6}.get(seq, 5))),
            soc_reported_cpct=5100 if seq == 6 else None,
            soh_reported_cpct=9900 if seq == 6 else None,
            values_unavailable=int(seq == 4),
            values_missing=3 * int(seq == 5),
        ),
    )


def soh_body() -> dict[int, Value]:
    body: dict[int, Value] = {1: 1, 2: [2, 6], 3: 10_000, 4: [9120, 45], 5: [9120, 45], 6: [41_000, 900], 7: 252}
    return body | {8: [3000, 8200], 9: 120}


BOOT_BODY: dict[int, Value] = {1: DIGEST, 2: 1, 3: 0, 4: 60, 5: 12, 6: 2, 7: 10_000}


@cache
def example() -> Example:
    """One entry of every type, the settings' digest, a receipt's time, a change of key, an unknown type, the end."""
    log, passport, acts = Log(BOARD, SEED), Passport(), {}
    acts["bind"] = passport.act(Bind(BOARD.public_key, BATTERY, "B"), INTEGRATOR)
    possession = sign_possession(GATEWAY.key, passport.next_salt(), GATEWAY.sign)
    acts["enrol gateway"] = passport.act(Enrol(Role.GATEWAY, GATEWAY.key, possession), OPERATOR)
    names = ["genesis", "boot"]
    log.append(1, BOOT_BODY, uptime_ms=5)
    for seq in range(2, 7):
        names.append(f"window {seq}")
        log.add(window(seq))
    time_receipt = passport.receipt(log, SIZE_BEFORE_TIME)
    body: dict[int, Value] = {1: hashlib.sha256(time_receipt).digest(), 2: passport.now_unix_ms}
    acts["noted"] = passport.act(Noted(BATTERY, log.log_id, 0, log.leaves[0]), SERVICE)
    names.append("time")
    log.append(7, body, uptime_ms=60_050)
    names.append("state of health")
    log.append(3, soh_body(), uptime_ms=70_120)
    names.append("gap")
    log.append(5, {1: 1, 2: 3, 3: [70_120, 80_000]}, uptime_ms=80_000)
    names.append("config")
    log.append(9, {1: DIGEST, 2: DIGEST, 3: DIGEST, 4: [10, 9, 1, 1, 0, 4], 5: DIGEST})
    names.append("event")
    log.append(4, {1: 4, 2: 1, 3: -205, 4: 1}, uptime_ms=84_000)
    names.append("window with a field that version 1 does not know")
    log.append(2, {0: [1, {5: None}], 1: 10_000, 2: 9}, uptime_ms=90_000)
    names.append("change of key")
    log.rotate(BOARD_NEXT)
    log.boot = 2
    names.append("boot after the change of key")
    log.append(1, BOOT_BODY | {2: 3})
    names.append("a type that version 1 gives no body to")
    log.append(31, {7: [], -1: "any"})
    names.append("seal")
    log.append(8, {1: 2, 2: DIGEST}, uptime_ms=95_000)
    of_rotated, of_whole = attestation_of(log, SIZE_ROTATED, OTHER_GATEWAY), attestation_of(log, log.size, GATEWAY)
    receipt_rotated = passport.receipt(log, SIZE_ROTATED, **attested(of_rotated))
    receipt = passport.receipt(log, log.size, **attested(of_whole))
    return Example(log, passport, names, acts, time_receipt, of_rotated, of_whole, receipt_rotated, receipt)


# ---- log.json


def log_vectors() -> dict[str, Any]:
    found = example()
    log = found.log
    checkpoints = [(SIZE_BEFORE_TIME, "board"), (SIZE_ROTATED, "board"), (log.size, "board after rotation")]
    deliveries = [
        log.delivery(0, SIZE_ROTATED, attestation=found.attestation_rotated),
        log.delivery(SIZE_ROTATED, log.size),
    ]
    return {
        "board_seed": BOARD.seed.hex(),
        "board_public_key": BOARD.public_key.hex(),
        "board_next_seed": BOARD_NEXT.seed.hex(),
        "board_next_public_key": BOARD_NEXT.public_key.hex(),
        "service_seed": SERVICE.seed.hex(),
        "service_public_key": SERVICE.public_key.hex(),
        "disclosure_seed": SEED.hex(),
        "log_id": log.log_id.hex(),
        "steps": steps_of(log, found.names),
        "blinding": [blinding_of(log, seq) for seq in (2, 6, SOH, 12)],
        "checkpoints": [
            {"size": size, "key": key, "checkpoint": log.checkpoint(size).hex()} for size, key in checkpoints
        ],
        "time_receipt": found.time_receipt.hex(),
        "receipt_rotated": found.receipt_rotated.hex(),
        "receipt": found.receipt.hex(),
        "deliveries": [delivery.to_bytes().hex() for delivery in deliveries],
    }


def steps_of(log: Log, names: list[str]) -> list[dict[str, Any]]:
    edge, steps = Edge(), []
    for seq, (name, entry, leaf) in enumerate(zip(names, log.entries, log.leaves, strict=True)):
        edge, blinded = edge.extended([leaf]), log.blinded(seq)
        step = {"name": name, "entry": entry.hex(), "blinded": blinded.hex() if blinded else None, "leaf": leaf.hex()}
        steps.append(step | {"root": edge.root().hex(), "edge": [root.hex() for root in edge.roots]})
    return steps


def blinding_of(log: Log, seq: int) -> dict[str, Any]:
    """Everything on the way from an open entry to its root."""
    seed = log.record_seed(seq)
    record = OpenRecord.of(log.entries[seq], seed)
    cells = record.cell_leaves()
    found: dict[str, Any] = {
        "seq": seq,
        "record_seed": seed.hex(),
        "salts": [record.salt(key).hex() for key in range(16)],
        "leaves": [leaf.hex() for leaf in record.leaves()],
    }
    if cells:
        salts = [record.cell_salt(block).hex() for block in range(len(cells))]
        root = Edge().extended(cells).root().hex()
        found["cells"] = {"salts": salts, "leaves": [leaf.hex() for leaf in cells], "root": root}
    if record.chains:
        found["chains"] = {
            name: {"start": first.hex(), "steps": steps, "end": record.pairs[key][-32:].hex()}
            for name, key in (("floor", FLOOR_FIELD), ("ceiling", CEILING_FIELD))
            for first, steps in [record.chains[key]]
        }
    return found


# ---- entries_bad.json


def bad_entries() -> list[dict[str, str]]:
    return bad_rows([*_bad_heads(), *_bad_windows(), *_bad_others()])


def bad_rows(rows: list[tuple[str, bytes, str]]) -> list[dict[str, str]]:
    """Of (name, entry, clause)."""
    return [
        {"name": name, "entry": content.hex(), "clause": f"record.md section {clause}"}
        for name, content, clause in rows
    ]


def entry(kind: int, body: Value, seq: int = 7) -> bytes:
    return encode([kind, seq, 1, 5, body])


def _bad_heads() -> list[tuple[str, bytes, str]]:
    good = window(2)
    body: Value = {1: 1, 2: 1}
    return [
        ("truncated", good[:-1], "1.2"),
        ("a byte too many", good + b"\x00", "1.2"),
        ("not an array", encode({0: 1}), "2.1"),
        ("four items", encode([2, 2, 1, 5]), "2.1"),
        ("six items", encode([2, 2, 1, 5, body, 0]), "2.1"),
        ("in tag 18", encode(Sign1([2, 2, 1, 5, body])), "2.1"),
        ("type 0", entry(0, body), "2.2"),
        ("type 32", entry(32, body), "2.2"),
        ("type is text", encode(["2", 2, 1, 5, body]), "2.1"),
        ("negative seq", entry(2, body, -1), "2.3"),
        ("seq of 2^24", entry(2, body, 1 << 24), "2.3"),
        ("boot 0", encode([2, 2, 0, 5, body]), "2.3"),
        ("boot of 2^32", encode([2, 2, 1 << 32, 5, body]), "2.3"),
        ("negative uptime", encode([2, 2, 1, -1, body]), "2.3"),
        ("uptime of 2^63", encode([2, 2, 1, 1 << 63, body]), "2.3"),
        ("body is an array", entry(2, [1]), "2.4"),
        ("body is null", entry(2, None), "2.4"),
        ("body with a key of text", entry(4, 0)[:-1] + bytes.fromhex("a1616101"), "1.2"),
        ("longer than 512 bytes", entry(31, {99: bytes(505)}), "2.1"),
        ("nested deeper than 8", entry(31, {1: [[[[[[[]]]]]]]}), "1.2"),
        ("unknown type, blinded", entry(31, bytes(32)), "2.4"),
        ("BOOT, blinded", entry(1, bytes(32)), "2.4"),
        ("KEY, blinded", entry(6, bytes(32), 0), "2.4"),
        ("CONFIG, blinded", entry(9, bytes(32)), "2.4"),
        ("blinded body of 31 bytes", entry(2, bytes(31)), "2.4"),
        ("blinded body of 33 bytes", entry(3, bytes(33)), "2.4"),
        ("blinded entry with a byte too many", entry(2, bytes(32)) + b"\x00", "1.2"),
    ]


def _bad_windows() -> list[tuple[str, bytes, str]]:
    def changed(**fields: Value) -> bytes:
        least: dict[int, Value] = {1: 1, 2: 1}
        return entry(2, least | {int(key[1:]): value for key, value in fields.items()})

    soh = soh_body()

    def stated(key: int, value: Value) -> bytes:
        return entry(3, soh | {key: value})

    return [
        ("a window without samples", entry(2, {1: 1}), "2, WINDOW"),
        ("a window without a length", entry(2, {2: 1}), "2, WINDOW"),
        ("a window with key 14", changed(k14=1), "4.2"),
        ("a window with key 15", changed(k15=bytes(32)), "4.2"),
        ("a window with a negative key", entry(2, {1: 1, 2: 1, -1: 1}), "4.2"),
        ("a window with a null", changed(k8=None), "4.2"),
        ("a window with a null under an unknown key", changed(k0=None), "4.2"),
        ("a window with a tag under an unknown key", changed(k0=Sign1([1])), "1.1"),
        ("a statement with a tag in an unknown value", entry(3, soh | {13: [{1: Sign1([])}]}), "1.1"),
        ("a window of 2^63 ms", changed(k1=1 << 63), "2.5"),
        ("a window of text", changed(k2="10"), "2.5"),
        ("negative missed slots", changed(k3=-1), "2.5"),
        ("a mean as an array", changed(k4=[1, 0, 2]), "2, WINDOW"),
        ("a column of two values for a current", changed(k4=encode_column([1, 2])), "2, WINDOW"),
        ("a column of four values for a voltage", changed(k5=encode_column([1, 2, 3, 4])), "2, WINDOW"),
        ("a mean that is not available", changed(k4=encode_column([None, 1, 2])), "2, WINDOW"),
        ("a column that ends inside a number", changed(k6=b"\x81"), "2, WINDOW"),
        ("a column with a number that is not in its shortest form", changed(k7=b"\x81\x00"), "2, WINDOW"),
        ("a column with a number of six bytes", changed(k6=b"\x81\x81\x81\x81\x81\x01"), "2, WINDOW"),
        ("a charge of 2^63", changed(k8=1 << 63), "2.5"),
        ("three counters", changed(k9=[0, 0, 0]), "2, WINDOW"),
        ("six counters", changed(k9=[0] * 6), "2, WINDOW"),
        ("thirteen counters", changed(k9=[0] * 13), "2, WINDOW"),
        ("fifteen counters", changed(k9=[0] * 15), "2, WINDOW"),
        ("a last counter of 2^63", changed(k9=[*[0] * 13, 1 << 63]), "2.5"),
        ("negative missing values", changed(k13=-1), "2.5"),
        ("missing values as an array", changed(k13=[1]), "2.5"),
        ("a counter of 2^63", changed(k9=[0, 0, 0, 1 << 63]), "2.5"),
        ("a negative counter", changed(k9=[0, -1, 0, 0]), "2.5"),
        ("a reported state of health below zero", changed(k11=-1), "2.5"),
        *[(f"a statement without key {key}", entry(3, {k: v for k, v in soh.items() if k != key}), "2, SOH")
          for key in (1, 2, 3, 4, 5, 9)],
        ("a statement with key 14", stated(14, bytes(32)), "4.2"),
        ("a statement with a null", stated(6, None), "4.2"),
        ("a statement on record 2^24", stated(2, [2, 1 << 24]), "2, SOH"),
        ("a statement without its uncertainty", stated(4, [9120]), "2, SOH"),
        ("a statement with an uncertainty of 2^63", stated(4, [1, 1 << 63]), "2.5"),
        ("a negative state of health", stated(5, [-1, 45]), "2.5"),
        ("a temperature of 2^63", stated(7, 1 << 63), "2.5"),
        ("a temperature below -2^63", stated(7, -(1 << 63) - 1), "2.5"),
        ("a span of three", stated(8, [1, 2, 3]), "2, SOH"),
        ("a weakest block without its uncertainty", stated(10, [3, 8800]), "2, SOH"),
        ("a weakest block of number 1,024", stated(10, [1024, 8800, 60]), "2, SOH"),
        ("a strongest block below zero", stated(11, [3, -1, 60]), "2.5"),
        ("a strongest block as a number", stated(11, 9300), "2, SOH"),
    ]  # fmt: skip


def _bad_others() -> list[tuple[str, bytes, str]]:
    key: dict[int, Value] = {0: 1, 1: -19, 2: BOARD.public_key, 3: 1, 4: bytes(16), 5: DIGEST}
    rotation: dict[int, Value] = {0: 2, 1: -19, 2: BOARD_NEXT.public_key, 7: bytes(64)}
    gap: dict[int, Value] = {1: 1, 2: 3, 3: [0, 5]}
    config: dict[int, Value] = {1: DIGEST, 4: [0, 0, 0, 0, 0, 0]}

    def without(body: dict[int, Value], absent: int) -> dict[int, Value]:
        return {key: value for key, value in body.items() if key != absent}

    return [
        *[(f"a genesis without key {absent}", entry(6, without(key, absent), 0), "2, KEY") for absent in key],
        ("a genesis that is not the first entry", entry(6, key, 5), "2, KEY"),
        ("a change of key as the first entry", entry(6, rotation, 0), "2, KEY"),
        ("KEY act 0", entry(6, key | {0: 0}, 0), "2, KEY"),
        ("KEY act 3", entry(6, key | {0: 3}, 0), "2, KEY"),
        ("a key of 31 bytes", entry(6, key | {2: bytes(31)}, 0), "2, KEY"),
        ("a key of another algorithm", entry(6, key | {1: -8}, 0), "2, KEY"),
        ("a key of 32 bytes for ESP256", entry(6, key | {1: -9}, 0), "2, KEY"),
        ("origin 0", entry(6, key | {3: 0}, 0), "2, KEY"),
        ("origin 4", entry(6, key | {3: 4}, 0), "2, KEY"),
        ("a label of 15 bytes", entry(6, key | {4: bytes(15)}, 0), "2, KEY"),
        ("a label of 32 bytes on a board", entry(6, key | {4: bytes(32)}, 0), "2, KEY"),
        ("a label of 16 bytes on an import", entry(6, key | {3: 3}, 0), "2, KEY"),
        ("a seed digest of 31 bytes", entry(6, key | {5: bytes(31)}, 0), "2, KEY"),
        ("a previous log of size 0", entry(6, key | {6: [bytes(16), 0, DIGEST]}, 0), "2, KEY"),
        ("a previous log without a root", entry(6, key | {6: [bytes(16), 5]}, 0), "2, KEY"),
        *[(f"a change of key without key {absent}", entry(6, without(rotation, absent)), "2, KEY")
          for absent in (1, 2, 7)],
        ("a change of key with a possession of 63 bytes", entry(6, rotation | {7: bytes(63)}), "2, KEY"),
        *[(f"a BOOT without key {absent}", entry(1, without(BOOT_BODY, absent)), "2, BOOT") for absent in BOOT_BODY],
        ("a BOOT with a firmware hash of 31 bytes", entry(1, BOOT_BODY | {1: bytes(31)}), "2, BOOT"),
        ("a BOOT with a negative rated capacity", entry(1, BOOT_BODY | {7: -1}), "2.5"),
        ("an EVENT without its phase", entry(4, {1: 1}), "2, EVENT"),
        ("an EVENT without its kind", entry(4, {2: 1}), "2, EVENT"),
        ("an EVENT of -2^63 - 1 mV", entry(4, {1: 1, 2: 1, 3: -(1 << 63) - 1}), "2.5"),
        ("an EVENT of 2^63 mV", entry(4, {1: 1, 2: 1, 3: 1 << 63}), "2.5"),
        ("an EVENT at a negative place", entry(4, {1: 1, 2: 1, 4: -1}), "2.5"),
        *[(f"a gap without key {absent}", entry(5, without(gap, absent)), "2, GAP") for absent in gap],
        ("a gap of 2^63 windows", entry(5, gap | {2: 1 << 63}), "2.5"),
        ("a gap up to 2^63", entry(5, gap | {3: [0, 1 << 63]}), "2.5"),
        ("a TIME without its receipt", entry(7, {2: START_UNIX_MS}), "2, TIME"),
        ("a TIME without its time", entry(7, {1: DIGEST}), "2, TIME"),
        ("a TIME with a digest of 31 bytes", entry(7, {1: bytes(31), 2: START_UNIX_MS}), "2, TIME"),
        ("a TIME before 1970", entry(7, {1: DIGEST, 2: -1}), "2.5"),
        ("a SEAL without its cause", entry(8, {2: DIGEST}), "2, SEAL"),
        ("a SEAL with an order digest of 33 bytes", entry(8, {1: 1, 2: bytes(33)}), "2, SEAL"),
        ("a CONFIG without anything known", entry(9, {6: 1}), "2, CONFIG"),
        ("an empty CONFIG", entry(9, {}), "2, CONFIG"),
        ("a CONFIG with a source digest of 31 bytes", entry(9, config | {1: bytes(31)}), "2, CONFIG"),
        ("a CONFIG with a settings digest of text", entry(9, config | {5: "settings"}), "2, CONFIG"),
        ("five losses", entry(9, config | {4: [0, 0, 0, 0, 0]}), "2, CONFIG"),
        ("a loss of 2^63", entry(9, config | {4: [0, 0, 0, 0, 0, 1 << 63]}), "2.5"),
    ]  # fmt: skip
