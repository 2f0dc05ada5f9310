"""The vectors of this repository, read by the gateway's code, and checked against docs/record.cddl."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pycddl
import pytest

from packseal.errors import EvidenceError
from packseal.io.link import FrameReader
from packseal.records.bundle import Policy, PolicyLog, verify_bundle
from packseal.records.cbor import Sign1, Value, decode, encode
from packseal.records.checkpoint import verify_checkpoint, verify_receipt
from packseal.records.columns import decode_column, encode_column
from packseal.records.entries import decode_entry, log_id_of
from packseal.records.log import Delivery, Known, TrustedLog
from packseal.records.merkle import Edge, leaf_hash

ROOT = Path(__file__).parents[2]
CDDL = (ROOT / "docs/record.cddl").read_text()


def vectors(name: str) -> Any:
    return json.loads((ROOT / "tests/vectors" / name).read_text())


def schema(rule: str) -> Any:
    return pycddl.Schema(f"start = {rule}\n{CDDL}")


LOG = vectors("log.json")
ONLY_IN_WORDS = {  # what docs/record.cddl cannot say
    "longer than 512 bytes",
    "a byte too many",
    "a column that ends inside a number",
    "a mean of 2^63",
    "a minimum below -2^63",
    "a temperature of 2^63",
}
BUNDLES = vectors("bundles.json")


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


@pytest.mark.parametrize("step", LOG["steps"], ids=lambda step: step["name"])
def test_entry_decodes_and_fits_the_cddl(step: dict[str, str]) -> None:
    content = bytes.fromhex(step["entry"])
    schema("entry").validate_cbor(content)
    assert leaf_hash(content).hex() == step["leaf"]
    assert decode_entry(content).seq == LOG["steps"].index(step)


@pytest.mark.parametrize("bad", vectors("entries_bad.json"), ids=lambda bad: bad["name"])
def test_bad_entry_is_refused(bad: dict[str, str]) -> None:
    with pytest.raises(EvidenceError, match="malformed"):
        decode_entry(bytes.fromhex(bad["entry"]))


@pytest.mark.parametrize("bad", vectors("entries_bad.json"), ids=lambda bad: bad["name"])
def test_bad_entry_does_not_fit_the_cddl(bad: dict[str, str]) -> None:
    content = bytes.fromhex(bad["entry"])
    if bad["name"] in ONLY_IN_WORDS:
        schema("entry").validate_cbor(content)
        return
    with pytest.raises(pycddl.ValidationError):
        schema("entry").validate_cbor(content)


def test_the_largest_numbers_are_accepted() -> None:
    most = (1 << 63) - 1
    body: dict[int, Value] = {1: most, 2: most, 4: [most, -most - 1, most], 8: most, 9: [most] * 4}
    for content in (
        encode([2, (1 << 24) - 1, (1 << 32) - 1, most, body]),
        encode([5, 1, 1, 0, {1: 1, 2: most, 3: [0, most]}]),
    ):
        schema("entry").validate_cbor(content)
        assert decode_entry(content).uptime_ms in (most, 0)


def test_edge_and_root_after_every_entry() -> None:
    edge = Edge()
    for step in LOG["steps"]:
        edge = edge.extended([bytes.fromhex(step["leaf"])])
        assert [root.hex() for root in edge.roots] == step["edge"]
        assert edge.root().hex() == step["root"]
        assert Edge.from_bytes(edge.to_bytes()) == edge


def test_signed_messages_fit_the_cddl_down_to_their_inner_bytes() -> None:
    for rule in ("checkpoint", "receipt"):
        content = bytes.fromhex(LOG[rule])
        schema(rule).validate_cbor(content)
        protected, _, payload, _ = _items(decode(content))
        schema(f"{rule}-protected").validate_cbor(protected)
        schema(f"{rule}-payload").validate_cbor(payload)
    schema("delivery").validate_cbor(bytes.fromhex(LOG["delivery"]))
    for good in BUNDLES["good"]:
        schema("bundle").validate_cbor(bytes.fromhex(good["bundle"]))


def _items(value: Value) -> list[Any]:
    items = value.items if isinstance(value, Sign1) else value
    assert isinstance(items, list)
    return items


LIMITS = [bad for bad in BUNDLES["bad"] if bad["clause"] in ("record.md section 4.2", "record.md section 6.2")]


@pytest.mark.parametrize("bad", LIMITS, ids=lambda bad: bad["name"])
def test_signed_numbers_beyond_a_limit_do_not_fit_the_cddl(bad: dict[str, str]) -> None:
    rule, index = ("checkpoint", 4) if "section 4" in bad["clause"] else ("receipt", 5)
    payload = _items(decode(_items(decode(bytes.fromhex(bad["bundle"])))[index]))[2]
    with pytest.raises(pycddl.ValidationError):
        schema(f"{rule}-payload").validate_cbor(payload)


@pytest.mark.parametrize("content", [b"", b"\0", b"\0\0\0", bytes(5), bytes(36), b"\0\0\0\1", b"\0\0\0\1" + bytes(64)])
def test_what_is_no_edge_is_a_value_error(content: bytes) -> None:
    with pytest.raises(ValueError, match=r"an edge is|complete subtrees"):
        Edge.from_bytes(content)


def test_delivery_checkpoint_and_receipt_verify() -> None:
    delivery = Delivery.from_bytes(bytes.fromhex(LOG["delivery"]))
    verified = TrustedLog(delivery.genesis).verified(delivery, Known(lambda _s, _c: [], lambda _size: Edge()))
    log_id = bytes.fromhex(LOG["log_id"])
    assert log_id_of(delivery.genesis) == log_id
    assert verified.log.size == len(LOG["steps"])
    assert verify_checkpoint(bytes.fromhex(LOG["checkpoint"]), log_id, bytes.fromhex(LOG["board_public_key"])).boot == 2
    assert verify_receipt(bytes.fromhex(LOG["receipt"]), bytes.fromhex(LOG["service_public_key"])).service_index == 4


@pytest.mark.parametrize("vector", vectors("link.json"), ids=lambda vector: vector["name"])
def test_link_frames_in_three_feedings(vector: dict[str, Any]) -> None:
    frame = bytes.fromhex(vector["frame"])
    for pieces in ([frame], [frame[i : i + 1] for i in range(len(frame))], [b"noise\x00" + frame + b"tail"]):
        reader = FrameReader()
        frames = [found for piece in pieces for found in reader.feed(piece)]
        assert [(found.kind, found.body.hex()) for found in frames] == [(vector["kind"], vector["body"])]


def policy() -> Policy:
    trusted = BUNDLES["policy"]
    logs = {bytes.fromhex(trusted["log_id"]): PolicyLog(trusted["battery"], "B")}
    return Policy(logs, (bytes.fromhex(trusted["service"]),))


@pytest.mark.parametrize("good", BUNDLES["good"], ids=lambda good: f"record {good['seq']}")
def test_good_bundle(good: dict[str, Any]) -> None:
    trusted = verify_bundle(bytes.fromhex(good["bundle"]), policy())
    assert (trusted.entry.seq, trusted.battery) == (good["seq"], "vector-pack")


@pytest.mark.parametrize("bad", BUNDLES["bad"], ids=lambda bad: bad["name"])
def test_bad_bundle_is_refused_with_its_reason(bad: dict[str, str]) -> None:
    with pytest.raises(EvidenceError) as refusal:
        verify_bundle(bytes.fromhex(bad["bundle"]), policy())
    assert refusal.value.reason == bad["reason"], bad["clause"]


def test_every_flipped_bit_of_a_bundle_is_refused() -> None:
    content = bytes.fromhex(BUNDLES["good"][7]["bundle"])
    for index in range(len(content)):
        for bit in range(8):
            altered = content[:index] + bytes([content[index] ^ 1 << bit]) + content[index + 1 :]
            with pytest.raises(EvidenceError):
                verify_bundle(altered, policy())


def test_every_truncation_of_a_bundle_is_malformed() -> None:
    content = bytes.fromhex(BUNDLES["good"][7]["bundle"])
    for end in range(len(content)):
        with pytest.raises(EvidenceError, match="malformed"):
            verify_bundle(content[:end], policy())
