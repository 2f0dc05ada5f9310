"""The vectors of this repository, read by the gateway's code. Bundles are in test_corpus.py."""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

import pytest

from packseal.errors import EvidenceError
from packseal.io.link import FrameReader
from packseal.records.bare import is_bare
from packseal.records.blinding import OpenRecord, leaf_of, record_seed
from packseal.records.bodies import (
    BlockEstimate,
    Config,
    Estimate,
    Event,
    Key,
    QuantityEstimate,
    Rotation,
    Seal,
    StateOfHealth,
    Time,
)
from packseal.records.cbor import Value, decode, encode
from packseal.records.checkpoint import verify_checkpoint, verify_receipt
from packseal.records.columns import decode_column, encode_column
from packseal.records.cose import VerifyingKey
from packseal.records.emptied import is_emptied
from packseal.records.entries import decode_entry, log_id_of
from packseal.records.log import Delivery, TrustedLog
from packseal.records.merkle import Edge, leaf_hash, node_hash
from tests.records.corpus import received, vectors

LOG, ESTIMATES = vectors("log.json"), vectors("estimates.json")
SEED = bytes.fromhex(LOG["disclosure_seed"])
LOG_ID = bytes.fromhex(LOG["log_id"])
KEYS = {
    "board": VerifyingKey(bytes.fromhex(LOG["board_public_key"])),
    "board after rotation": VerifyingKey(bytes.fromhex(LOG["board_next_public_key"])),
}


@pytest.mark.parametrize("content", vectors("cbor.json")["accepted"])
def test_cbor_accepted_has_one_encoding(content: str) -> None:
    assert encode(decode(bytes.fromhex(content))).hex() == content


@pytest.mark.parametrize("content", vectors("cbor.json")["refused"].values(), ids=vectors("cbor.json")["refused"])
def test_cbor_refused(content: str) -> None:
    with pytest.raises(EvidenceError, match="malformed"):
        decode(bytes.fromhex(content))


@pytest.mark.parametrize("row", vectors("columns.json"))
def test_columns_both_ways(row: dict[str, Any]) -> None:
    assert encode_column(row["values"]).hex() == row["column"]
    assert decode_column(bytes.fromhex(row["column"])) == row["values"]


@pytest.mark.parametrize("vector", vectors("link.json"), ids=lambda vector: vector["name"])
def test_link_frames_in_three_feedings(vector: dict[str, Any]) -> None:
    frame = bytes.fromhex(vector["frame"])
    for pieces in ([frame], [frame[i : i + 1] for i in range(len(frame))], [b"noise\x00" + frame + b"tail"]):
        reader = FrameReader()
        frames = [found for piece in pieces for found in reader.feed(piece)]
        assert [(found.kind, found.body.hex()) for found in frames] == [(vector["kind"], vector["body"])]


# ---- entries


STEPS = [(log, step) for log in (LOG, ESTIMATES) for step in log["steps"]]


@pytest.mark.parametrize(("log", "step"), STEPS, ids=[step["name"] for _, step in STEPS])
def test_entry_decodes_and_has_its_leaf(log: dict[str, Any], step: dict[str, Any]) -> None:
    content = bytes.fromhex(step["entry"])
    entry, leaf = leaf_of(content, bytes.fromhex(log["disclosure_seed"]))
    assert leaf.hex() == step["leaf"]
    assert leaf_hash(bytes.fromhex(step["blinded"] or step["entry"])) == leaf
    assert entry.seq == log["steps"].index(step)
    if step["blinded"]:
        blinded = decode_entry(bytes.fromhex(step["blinded"]))
        assert (blinded.type, blinded.seq, blinded.boot, blinded.uptime_ms) == (
            entry.type, entry.seq, entry.boot, entry.uptime_ms,
        )  # fmt: skip
        assert blinded.body is None


def test_estimates_say_what_was_written_by_hand() -> None:
    entries = [decode_entry(bytes.fromhex(step["entry"])) for step in ESTIMATES["steps"][4:]]
    health, known, lacking, barely, below_zero, unknown, more = (entry.body for entry in entries)
    assert isinstance(health, StateOfHealth)
    assert (health.weakest, health.strongest) == (BlockEstimate(7, 8810, 60), BlockEstimate(0, 9330, 50))
    least, most = BlockEstimate(7, 344, 6), BlockEstimate(0, 358, 5)
    assert known == QuantityEstimate(3, 4, (2, 3), Estimate(4210, 55), (), 252, (3000, 8200), 120, least, most)
    assert lacking == QuantityEstimate(1, 2, (2, 3), None, (1, 2, 9), -13, None, 120)
    assert barely == QuantityEstimate(8, 4, lacking=(7,))
    assert below_zero == QuantityEstimate(7, 6, value=Estimate(-12, 40), least=BlockEstimate(1023, -90, 0))
    assert unknown == QuantityEstimate(255, (1 << 63) - 1, lacking=(200, 255))
    assert more == QuantityEstimate(2, 3, value=Estimate(22_310, 210)), "fields of later versions are ignored"
    assert {entry.type for entry in entries} == {3, 10}


def test_every_other_type_of_version_1_is_in_the_log() -> None:
    entries = [decode_entry(bytes.fromhex(step["entry"])) for step in LOG["steps"]]
    assert {entry.type for entry in entries} == {*range(1, 10), 31}
    genesis, event, config, rotation, time, seal = (
        next(entry.body for entry in entries if isinstance(entry.body, kind))
        for kind in (Key, Event, Config, Rotation, Time, Seal)
    )
    digest = bytes(range(32))
    assert isinstance(genesis, Key)
    assert genesis.seed_digest == hashlib.sha256(SEED).digest()
    assert event == Event(4, 1, -205, 1)
    assert config == Config(digest, digest, digest, (10, 9, 1, 1, 0, 4), digest)
    assert isinstance(rotation, Rotation)
    assert rotation.key == KEYS["board after rotation"]
    assert time == Time(hashlib.sha256(bytes.fromhex(LOG["time_receipt"])).digest(), 1_797_000_060_000)
    assert seal == Seal(2, digest)
    assert isinstance(entries[-1].body, Seal)


@pytest.mark.parametrize("bad", vectors("entries_bad.json"), ids=lambda bad: bad["name"])
def test_bad_entry_is_refused(bad: dict[str, str]) -> None:
    with pytest.raises(EvidenceError, match="malformed"):
        decode_entry(bytes.fromhex(bad["entry"]))


def test_the_largest_numbers_are_accepted() -> None:
    most = (1 << 63) - 1
    body: dict[int, Value] = {1: most, 2: most, 8: most, 9: [most] * 4}
    for content in (
        encode([2, (1 << 24) - 1, (1 << 32) - 1, most, body]),
        encode([4, 1, 1, 0, {1: 1, 2: 1, 3: -most - 1}]),
        encode([5, 1, 1, 0, {1: 1, 2: most, 3: [0, most]}]),
        encode([10, 1, 1, 0, {1: 255, 2: most, 4: [-most - 1, most], 9: [1023, most, most], 10: [0, -most - 1, 0]}]),
        encode([10, 1, 1, 0, {1: 1, 2: 0, 3: [0, (1 << 24) - 1], 5: list(range(16, 256)), 8: most}]),
    ):
        assert decode_entry(content).uptime_ms in (most, 0)


# ---- tree and blinding


@pytest.mark.parametrize("log", [LOG, ESTIMATES], ids=["log", "estimates"])
def test_edge_and_root_after_every_entry(log: dict[str, Any]) -> None:
    edge = Edge()
    for step in log["steps"]:
        edge = edge.extended([bytes.fromhex(step["leaf"])])
        assert [root.hex() for root in edge.roots] == step["edge"]
        assert edge.root().hex() == step["root"]
        assert Edge.from_bytes(edge.to_bytes()) == edge


@pytest.mark.parametrize("content", [b"", b"\0", b"\0\0\0", bytes(5), bytes(36), b"\0\0\0\1", b"\0\0\0\1" + bytes(64)])
def test_what_is_no_edge_is_a_value_error(content: bytes) -> None:
    with pytest.raises(ValueError, match=r"an edge is|complete subtrees"):
        Edge.from_bytes(content)


BLINDING = [(log, case) for log in (LOG, ESTIMATES) for case in log["blinding"]]


@pytest.mark.parametrize(("log", "case"), BLINDING, ids=[f"record {case['seq']}" for _, case in BLINDING])
def test_blinding_by_the_words_of_section_4(log: dict[str, Any], case: dict[str, Any]) -> None:
    """With hashlib and hmac alone, so that the intermediate values are not only what our own code says."""
    content = bytes.fromhex(log["steps"][case["seq"]]["entry"])
    entry: Any = decode(content)
    kind, seq, _, _, body = entry
    disclosure_seed = bytes.fromhex(log["disclosure_seed"])
    seed = prf(disclosure_seed, seq.to_bytes(4, "big"))
    assert seed.hex() == case["record_seed"] == record_seed(disclosure_seed, seq).hex()
    values: dict[int, Any] = dict(body)
    if kind == 2 and 6 in body:
        cells = decode_column(body[6])
        salts = [prf(seed, bytes([16, 0, block])) for block in range(len(cells))]
        leaves = [
            hashed(0, salt, encode([block, cell])) for block, (salt, cell) in enumerate(zip(salts, cells, strict=True))
        ]
        values[6] = tree(leaves)
        assert case["cells"] == {"salts": hexes(salts), "leaves": hexes(leaves), "root": values[6].hex()}
    if kind == 3:
        capacity_cpct = body[5][0]
        for key, name, steps in ((14, "floor", capacity_cpct // 50), (15, "ceiling", 255 - -(-capacity_cpct // 50))):
            start = link = hmac.digest(seed, bytes([key + 3]), "sha256")
            for _ in range(steps):
                link = hashed(2, link)
            values[key] = link
            assert case["chains"][name] == {"start": start.hex(), "steps": steps, "end": link.hex()}
    salts = [prf(seed, bytes([key])) for key in range(16)]
    leaves = [hashed(0, salt, encode([key, values.get(key)])) for key, salt in enumerate(salts)]
    assert (hexes(salts), hexes(leaves)) == (case["salts"], case["leaves"])
    blinded = encode([*entry[:4], tree(leaves)])
    assert blinded.hex() == log["steps"][seq]["blinded"]
    assert OpenRecord.of(content, seed).blinded() == blinded


def prf(key: bytes, message: bytes) -> bytes:
    return hmac.digest(key, message, "sha256")[:16]


def hashed(prefix: int, *parts: bytes) -> bytes:
    return hashlib.sha256(bytes([prefix]) + b"".join(parts)).digest()


def hexes(parts: list[bytes]) -> list[str]:
    return [part.hex() for part in parts]


def tree(leaves: list[bytes]) -> bytes:
    """RFC 9162 section 2.1.1, as it is defined."""
    if len(leaves) == 1:
        return leaves[0]
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return node_hash(tree(leaves[:split]), tree(leaves[split:]))


# ---- what is signed, and deliveries


@pytest.mark.parametrize("signed", LOG["checkpoints"], ids=lambda signed: f"size {signed['size']}")
def test_checkpoint_verifies_under_its_key_alone(signed: dict[str, Any]) -> None:
    content = bytes.fromhex(signed["checkpoint"])
    checkpoint = verify_checkpoint(content, LOG_ID, KEYS[signed["key"]])
    assert checkpoint.size == signed["size"]
    assert checkpoint.root.hex() == LOG["steps"][signed["size"] - 1]["root"]
    other = KEYS["board" if signed["key"] != "board" else "board after rotation"]
    with pytest.raises(EvidenceError, match="bad-signature"):
        verify_checkpoint(content, LOG_ID, other)


@pytest.mark.parametrize(("name", "size"), [("time_receipt", 7), ("receipt_rotated", 14), ("receipt", 17)])
def test_receipt_verifies(name: str, size: int) -> None:
    receipt = verify_receipt(bytes.fromhex(LOG[name]), bytes.fromhex(LOG["service_public_key"]))
    assert (receipt.log_id, receipt.size, receipt.root.hex()) == (LOG_ID, size, LOG["steps"][size - 1]["root"])


def test_the_two_deliveries_make_the_log() -> None:
    contents = [bytes.fromhex(content) for content in LOG["deliveries"]]
    genesis = Delivery.from_bytes(contents[0]).genesis
    log, stored = TrustedLog(genesis, SEED), list[bytes]()
    assert log_id_of(genesis) == LOG_ID
    for content in contents:
        log, stored = received(log, stored, content)
    assert [entry.hex() for entry in stored] == [step["entry"] for step in LOG["steps"]]
    assert log.is_sealed
    assert log.keys == tuple(KEYS.values())


DELIVERIES = vectors("deliveries.json")
BEGINNING = TrustedLog(bytes.fromhex(DELIVERIES["genesis"]), bytes.fromhex(DELIVERIES["seed"]))
GATEWAY = VerifyingKey(bytes.fromhex(DELIVERIES["gateway"]))


def all_received(contents: list[str]) -> tuple[TrustedLog, list[bytes]]:
    log, stored = BEGINNING, list[bytes]()
    for content in contents:
        log, stored = received(log, stored, bytes.fromhex(content), GATEWAY)
    return log, stored


@pytest.mark.parametrize("good", DELIVERIES["good"], ids=lambda good: good["name"])
def test_good_deliveries(good: dict[str, Any]) -> None:
    log, stored = all_received(good["deliveries"])
    assert (log.size, log.edge.root().hex(), log.is_sealed) == (good["size"], good["root"], good["is_sealed"])
    assert log.key_at(log.size + 1).public_key.hex() == good["next_key"]
    assert len(stored) == good["size"]


@pytest.mark.parametrize("bad", DELIVERIES["bad"], ids=lambda bad: bad["name"])
def test_bad_delivery_is_refused_with_its_reason(bad: dict[str, Any]) -> None:
    log, stored = all_received(bad["before"])
    with pytest.raises(EvidenceError) as refusal:
        received(log, stored, bytes.fromhex(bad["delivery"]), GATEWAY)
    assert refusal.value.reason == bad["reason"], bad["clause"]


@pytest.mark.parametrize("good", DELIVERIES["bare"], ids=lambda good: good["name"])
def test_bare_leaves_are_taken_in_place_of_records(good: dict[str, Any]) -> None:
    log, stored = all_received(good["deliveries"])
    assert log.edge.root().hex() == good["root"]
    assert [seq for seq, content in enumerate(stored) if is_bare(content)] == good["seqs"]


@pytest.mark.parametrize("good", DELIVERIES["emptied"], ids=lambda good: good["name"])
def test_emptied_windows_are_taken_by_a_known_gateways_word(good: dict[str, Any]) -> None:
    log, stored = all_received(good["deliveries"])
    assert log.edge.root().hex() == good["root"]
    assert [seq for seq, content in enumerate(stored) if is_emptied(content)] == good["seqs"]
