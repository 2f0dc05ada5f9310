"""ESTIMATEs: a log of its own with its tree and its blinding, in the shape of log.json; and bad ones."""

from __future__ import annotations

from functools import cache
from typing import Any

from packseal.records.bodies import BlockEstimate, Estimate, QuantityEstimate
from packseal.records.cbor import Sign1, Value
from packseal.records.writing import encode_estimate
from tests.vectors.entries import BOOT_BODY, bad_rows, blinding_of, entry, soh_body, steps_of, window
from tests.vectors.world import Actor, Log

SIGNER, SEED, BATTERY = Actor(22), bytes(range(80, 96)), "estimated-pack"
HEALTH, KNOWN, LACKING, BARELY, BELOW_ZERO, UNKNOWN, BOTH = 4, 5, 6, 7, 8, 9, 10  # seqs
MOST = (1 << 63) - 1

SAID = {
    "a value with all that belongs to it": QuantityEstimate(
        3, 4, (2, 3), Estimate(4210, 55), (), 252, (3000, 8200), 120, BlockEstimate(7, 344, 6), BlockEstimate(0, 358, 5)
    ),
    "what is lacking": QuantityEstimate(1, 2, (2, 3), None, (1, 2, 9), -13, None, 120),
    "lacking, and resting on nothing": QuantityEstimate(8, 4, None, None, (7,)),
    "a value below zero, resting on nothing": QuantityEstimate(
        7, 6, None, Estimate(-12, 40), least=BlockEstimate(1023, -90, 0)
    ),
    "a quantity, a method and a lack that version 1 does not know": QuantityEstimate(255, MOST, None, None, (200, 255)),
}


@cache
def estimate_log() -> tuple[Log, list[str]]:
    """With the names of its entries."""
    log, names = Log(SIGNER, SEED), ["genesis", "boot", "window 2", "window 3"]
    log.append(1, BOOT_BODY, uptime_ms=5)
    for seq in (2, 3):
        log.add(window(seq))
    names.append("state of health with its weakest and strongest block")
    log.append(3, soh_body() | {2: [2, 3], 10: [7, 8810, 60], 11: [0, 9330, 50]}, uptime_ms=30_120)
    for name, said in SAID.items():
        names.append(name)
        log.add(encode_estimate(log.size, 1, 30_120, said))
    names.append("a value and a field that version 1 does not know")
    log.append(10, {0: [1, {5: None}], 1: 2, 2: 3, 4: [22_310, 210], 13: "any"})
    return log, names


def estimate_vectors() -> dict[str, Any]:
    log, names = estimate_log()
    return {
        "board_seed": SIGNER.seed.hex(),
        "board_public_key": SIGNER.public_key.hex(),
        "disclosure_seed": SEED.hex(),
        "log_id": log.log_id.hex(),
        "steps": steps_of(log, names),
        "blinding": [blinding_of(log, seq) for seq in (HEALTH, KNOWN, LACKING, BOTH)],
    }


def bad_estimates() -> list[dict[str, str]]:
    value: dict[int, Value] = {1: 3, 2: 4, 3: [2, 3], 4: [4210, 55], 8: 120, 9: [7, 344, 6]}
    lacking: dict[int, Value] = {1: 1, 2: 2, 5: [1, 2]}

    def with_value(key: int, changed: Value) -> bytes:
        return entry(10, value | {key: changed})

    def without(body: dict[int, Value], *absent: int) -> bytes:
        return entry(10, {key: one for key, one in body.items() if key not in absent})

    def lacks(*codes: Value) -> bytes:
        return entry(10, lacking | {5: list(codes)})

    return bad_rows([
        ("an estimate without its quantity", without(value, 1), "2, ESTIMATE"),
        ("an estimate without its method", without(value, 2), "2, ESTIMATE"),
        ("an estimate with a value and what is lacking", with_value(5, [1]), "2, ESTIMATE"),
        ("an estimate with neither a value nor what is lacking", without(value, 4), "2, ESTIMATE"),
        ("an estimate with inputs and no age", without(value, 8), "2, ESTIMATE"),
        ("an estimate with an age and no inputs", without(value, 3), "2, ESTIMATE"),
        ("a lack with inputs and no age", entry(10, lacking | {3: [2, 3]}), "2, ESTIMATE"),
        ("a lack with an age and no inputs", entry(10, lacking | {8: 120}), "2, ESTIMATE"),
        ("an estimate of quantity 0", with_value(1, 0), "2, ESTIMATE"),
        ("an estimate of quantity 256", with_value(1, 256), "2, ESTIMATE"),
        ("an estimate of a quantity of text", with_value(1, "energy_wh"), "2, ESTIMATE"),
        ("an estimate by method -1", with_value(2, -1), "2.5"),
        ("an estimate by method 2^63", with_value(2, 1 << 63), "2.5"),
        ("an estimate on record 2^24", with_value(3, [2, 1 << 24]), "2, ESTIMATE"),
        ("an estimate on three records", with_value(3, [1, 2, 3]), "2, ESTIMATE"),
        ("an estimate without its uncertainty", with_value(4, [4210]), "2, ESTIMATE"),
        ("an estimate as a number", with_value(4, 4210), "2, ESTIMATE"),
        ("an estimate with an uncertainty below zero", with_value(4, [4210, -1]), "2.5"),
        ("an estimate of 2^63", with_value(4, [1 << 63, 55]), "2.5"),
        ("an estimate below -2^63", with_value(4, [-(1 << 63) - 1, 55]), "2.5"),
        ("an estimate with an uncertainty of 2^63", with_value(4, [4210, 1 << 63]), "2.5"),
        ("nothing lacking", lacks(), "2, ESTIMATE"),
        ("a lack as a number", entry(10, lacking | {5: 1}), "2, ESTIMATE"),
        ("a lack of text", lacks("rest"), "2, ESTIMATE"),
        ("a lack of code 0", lacks(0, 1), "2, ESTIMATE"),
        ("a lack of code 256", lacks(1, 256), "2, ESTIMATE"),
        ("lacks out of order", lacks(2, 1), "2, ESTIMATE"),
        ("a lack twice", lacks(1, 1), "2, ESTIMATE"),
        ("an estimate at 2^63 ddegC", with_value(6, 1 << 63), "2.5"),
        ("an estimate at no number of ddegC", with_value(6, "252"), "2.5"),
        ("an estimate over a span of one", with_value(7, [3000]), "2, ESTIMATE"),
        ("an estimate over a span from below zero", with_value(7, [-1, 3000]), "2.5"),
        ("an estimate of a negative age", with_value(8, -1), "2.5"),
        ("a least block without its uncertainty", with_value(9, [7, 344]), "2, ESTIMATE"),
        ("a least block of number 1,024", with_value(9, [1024, 344, 6]), "2, ESTIMATE"),
        ("a least block of number -1", with_value(9, [-1, 344, 6]), "2, ESTIMATE"),
        ("a least block with an uncertainty below zero", with_value(9, [7, 344, -6]), "2.5"),
        ("a greatest block as a number", with_value(10, 358), "2, ESTIMATE"),
        ("a greatest block of 2^63", with_value(10, [0, 1 << 63, 5]), "2.5"),
        ("an estimate with a null", with_value(6, None), "4.2"),
        ("an estimate with a null for what is lacking", with_value(5, None), "4.2"),
        ("an estimate with key 14", with_value(14, bytes(32)), "4.2"),
        ("an estimate with a negative key", with_value(-1, 0), "4.2"),
        ("an estimate with a tag in an unknown value", with_value(11, [{1: Sign1([])}]), "1.1"),
        ("an estimate, blinded, of 31 bytes", entry(10, bytes(31)), "2.4"),
        ("an estimate as an array", entry(10, [3, 4]), "2.4"),
    ])  # fmt: skip
