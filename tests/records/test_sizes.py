"""What records cost: bytes on the board's flash, on the way, and in a stranger's hand.

Sizes do not depend on what hashes hold, so the proofs of large trees are made here of hashes of numbers.
"""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256

from packseal.records.acts import Bind
from packseal.records.blinding import OpenRecord
from packseal.records.bodies import BlockEstimate, Estimate, MeanMinMax, QuantityEstimate, Window
from packseal.records.bundle import MAX_BUNDLE_BYTES, ActPart, Bundle, TimePart
from packseal.records.cbor import Value, encode
from packseal.records.checkpoint import Checkpoint, Receipt, sign_checkpoint, sign_receipt
from packseal.records.merkle import HASH_BYTES, Edge, inclusion_proof, leaf_hash
from packseal.records.note import LogCheckpoint, cosign, sign_log_checkpoint, with_cosignatures
from packseal.records.writing import encode_estimate, encode_window
from tests.vectors.world import (
    BOARD,
    GATEWAY,
    INTEGRATOR,
    ORIGIN,
    SERVICE,
    WITNESS,
    Log,
    Passport,
    attestation_of,
    attested,
)

TEN_YEARS_MS = 10 * 365 * 86_400_000
RECORDS, LEAVES = 1_000_000, 1 << 24
WINDOWS_A_DAY, WINDOWS_AN_HOUR = 1440, 60
NOW_UNIX_MS = 2_100_000_000_000  # in 2036
BATTERY = "5f8e0e3a-7c1d-4f5e-9a2b-3c4d5e6f7a8b"  # a UUID, as passports use


def made_up_proof(index: int, size: int) -> tuple[bytes, ...]:
    """As long as a real one and sharing what a real one shares; each hash stands for the subtree at its place."""
    start, stop, beside = 0, size, []
    while stop - start > 1:
        split = start + (1 << (stop - start - 1).bit_length() - 1)
        beside.append((split, stop) if index < split else (start, split))
        start, stop = (start, split) if index < split else (split, stop)
    return tuple(sha256(f"{size} {first} {last}".encode()).digest() for first, last in reversed(beside))


def a_window() -> Window:
    return Window(
        duration_ms=60_000,
        samples=60,
        pack_current_ma=MeanMinMax(-5_000, -5_100, -4_900),
        pack_voltage_mv=MeanMinMax(59_520, 59_500, 59_540),
        cell_mv=tuple(3_700 + block % 5 for block in range(16)),
        temperature_ddegc=(251, 253),
        soc_cpct=7_420,
        counters=(1_000_000, 9_000_000, 4_000, 370_000, 1_500_000, 2, 1, 7_200, 60, 3_600, 0, 1, 0, 0),
    )


def statement(seq: int = RECORDS - 1) -> bytes:
    body: dict[int, Value] = {1: 1, 2: [seq - 2 * WINDOWS_A_DAY, seq - 1], 3: 60_000, 4: [54_720, 300], 5: [9_120, 50]}
    return encode([3, seq, 1_000, TEN_YEARS_MS, body | {6: [22_310, 210], 7: 251, 8: [1_200, 9_100], 9: 60_000}])


def test_a_minute_of_sixteen_cells() -> None:
    few = replace(a_window(), counters=(1_000, 90_000, 40, 3_700))
    assert len(encode_window(70_000, 3, 4_200_000_000, few)) <= 80
    assert len(encode_window(70_000, 3, 4_200_000_000, a_window())) <= 104


def test_a_statement_open_and_blinded() -> None:
    content = statement()
    assert len(content) <= 130
    assert len(OpenRecord.of(content, bytes(16)).blinded()) <= 130


def test_an_estimate() -> None:
    inputs = (RECORDS - 2 * WINDOWS_A_DAY, RECORDS - 1)
    blocks = (BlockEstimate(7, 2_810, 60), BlockEstimate(95, 3_130, 50))
    said = QuantityEstimate(3, 4, inputs, Estimate(45_210, 550), (), 252, (1_200, 9_100), 60_000, *blocks)
    assert len(encode_estimate(RECORDS, 1_000, TEN_YEARS_MS, said)) <= 80
    lacking = QuantityEstimate(3, 4, lacking=(1, 2))
    assert len(encode_estimate(RECORDS, 1_000, TEN_YEARS_MS, lacking)) <= 32


def test_a_checkpoint() -> None:
    assert len(checkpoint(1 << 20)) <= 150


def checkpoint(size: int) -> bytes:
    signed = Checkpoint(bytes(16), size, bytes(32), 1_000, TEN_YEARS_MS)
    return sign_checkpoint(signed, BOARD.sign)


def test_the_edge_of_the_largest_log() -> None:
    size = LEAVES - 1
    edge = Edge(size, (bytes(32),) * size.bit_count())
    assert len(edge.roots) * HASH_BYTES <= 768
    assert Edge.from_bytes(edge.to_bytes()) == edge


def test_made_up_proofs_are_as_long_as_real_ones_and_share_what_those_share() -> None:
    """The sizes below rest on this."""
    for size in (5, 64, 100):
        leaves = [leaf_hash(bytes([n])) for n in range(size)]
        real = [inclusion_proof(leaves, index) for index in range(size)]
        made_up = [made_up_proof(index, size) for index in range(size)]
        assert list(map(len, real)) == list(map(len, made_up))
        for one in range(size):
            same = [[a == b for a, b in zip(reversed(real[one]), reversed(other), strict=False)] for other in real]
            assert same == [
                [a == b for a, b in zip(reversed(made_up[one]), reversed(other), strict=False)] for other in made_up
            ]


def bundle() -> Bundle:
    """A state of health with everything: bound by an act, with a time, an attestation and a witness."""
    log, record_seq, time_seq = Log(BOARD, bytes(16)), RECORDS - 1, RECORDS - 1 - WINDOWS_AN_HOUR
    bind_index, receipt_index = 7, LEAVES - 1  # bound at the beginning, so that the two proofs share almost nothing
    attestation = attestation_of(log, RECORDS, GATEWAY, arrived_unix_ms=NOW_UNIX_MS)
    fields = Receipt(log.log_id, RECORDS, bytes(32), receipt_index, NOW_UNIX_MS, bytes(16), **attested(attestation))
    receipt = sign_receipt(fields, SERVICE.sign, SERVICE.public_key)
    earlier = sign_receipt(replace(fields, size=time_seq), SERVICE.sign, SERVICE.public_key)
    time = encode([7, time_seq, 1_000, TEN_YEARS_MS, {1: bytes(32), 2: NOW_UNIX_MS}])
    passport = Passport(now_unix_ms=NOW_UNIX_MS)
    bind = passport.signed_act(Bind(BOARD.public_key, BATTERY, "B"), INTEGRATOR)
    note = sign_log_checkpoint(LogCheckpoint(ORIGIN, LEAVES, bytes(32)), SERVICE.sign, SERVICE.public_key)
    line = cosign(note, "witness.example/1", WITNESS.public_key, WITNESS.sign, NOW_UNIX_MS // 1000)
    return Bundle(
        genesis=log.genesis,
        rotations=(),
        entry=statement(),
        shown=bytes(16),
        proof=made_up_proof(record_seq, RECORDS),
        checkpoint=checkpoint(RECORDS),
        receipt=receipt,
        note=with_cosignatures(note, [line]),
        note_proof=made_up_proof(receipt_index, LEAVES),
        acts=(ActPart(bind, bind_index, made_up_proof(bind_index, LEAVES)),),
        time=TimePart(time, made_up_proof(time_seq, RECORDS), earlier),
        attestation=attestation,
    )


def test_a_bundle_of_a_long_life() -> None:
    """Proofs are two thirds of it; that of the TIME entry an hour before shares its upper part with the record's."""
    content = bundle().to_bytes()
    assert len(content) <= MAX_BUNDLE_BYTES
    assert Bundle.from_bytes(content) == bundle()
