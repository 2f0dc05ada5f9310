"""Bytes that no honest sender makes: hostile CBOR, other versions and other algorithms, through every decoder."""

from __future__ import annotations

import json
import time
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from packseal.errors import EvidenceError, Reason
from packseal.io.link import FrameReader, Kind, decode_hello, encode_frame
from packseal.records.answer import decode_answer
from packseal.records.cbor import Sign1, Value, decode, encode
from packseal.records.checkpoint import CHECKPOINT_PURPOSE, RECEIPT_PURPOSE, verify_checkpoint, verify_receipt
from packseal.records.cose import ED25519, ESP256, sign1, to_be_signed
from packseal.records.entries import decode_entry
from packseal.records.log import Delivery
from packseal.records.verify import verify_bundle
from tests.attacks.corpus import full_board, good_items
from tests.attacks.decoders import BOARD, DECODERS, POLICY, SERVICE
from tests.attacks.office import refused
from tests.passport.board import signer
from tests.passport.desk import desk_for
from tests.records.paper import public, verifying

EDDSA, ES256, HMAC_256 = -8, -7, 5  # algorithms of COSE that version 1 does not have
LONGEST_S, MOST_BYTES = 0.5, 4_000_000
NO_CBOR = {"frames", "column", "note", "cosigned note", "entry of the passport log", "entries of a tile", "archive"}


@pytest.fixture(scope="module")
def hostile(shared: Path) -> list[bytes]:
    path = shared / "vectors/hostile/cbor-hostile.json"
    if not path.is_file():
        pytest.skip(f"{path} is absent")
    return [bytes.fromhex(item["hex"]) for item in json.loads(path.read_text())]


@pytest.mark.parametrize("name", DECODERS)
def test_good_items_are_taken(name: str) -> None:
    """Else the attacks on them would prove nothing."""
    assert good_items()[name]
    for content in good_items()[name]:
        DECODERS[name](content)


@pytest.mark.parametrize("name", sorted(set(DECODERS) - NO_CBOR))
def test_hostile_cbor_is_malformed_for_every_decoder(hostile: list[bytes], name: str) -> None:
    """At once and without memory: no length that is only stated is believed."""
    tracemalloc.start()
    for content in hostile:
        since = time.process_time()
        refused(Reason.MALFORMED, DECODERS[name], content)
        assert time.process_time() - since < LONGEST_S
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < MOST_BYTES


@pytest.mark.parametrize("name", sorted(NO_CBOR))
def test_hostile_cbor_does_not_harm_what_reads_no_cbor(hostile: list[bytes], name: str) -> None:
    for content in hostile:
        with suppress(EvidenceError):
            DECODERS[name](content)


def with_hostile_parts(good: bytes, hostile: bytes) -> Iterator[bytes]:
    """The array with the raw hostile bytes in place of each of its parts, and inside each byte string of it."""
    items: Any = decode(good)
    parts = [encode(item) for item in items]
    head = good[: len(good) - sum(map(len, parts))]
    for at, item in enumerate(items):
        yield head + b"".join([*parts[:at], hostile, *parts[at + 1 :]])
        if isinstance(item, bytes):
            yield encode([*items[:at], hostile, *items[at + 1 :]])


@pytest.mark.parametrize("name", ["verified bundle", "verified delivery", "answer", "HELLO", "STATUS"])
def test_hostile_cbor_inside_good_messages(hostile: list[bytes], name: str) -> None:
    for good in good_items()[name]:
        for one in hostile:
            for content in with_hostile_parts(good, one):
                try:
                    DECODERS[name](content)
                except EvidenceError:
                    continue
                assert name in ("answer", "HELLO", "verified bundle"), "a byte string that is only handed on"


def test_hostile_cbor_on_the_topic_of_deliveries(hostile: list[bytes], tmp_path: Path) -> None:
    desk = desk_for(tmp_path, BOARD)
    before = desk.contents()
    for content in hostile:
        assert desk.refusal(content).reason == Reason.MALFORMED
    assert desk.contents() == before


def test_hostile_frames_are_dropped_and_counted(hostile: list[bytes]) -> None:
    reader = FrameReader()
    for content in hostile:
        frames = reader.feed(encode_frame(Kind.HELLO, content))
        assert len(frames) == 1, "its CRC is right"
        refused(Reason.MALFORMED, decode_hello, frames[0].body)
        assert reader.feed(content.replace(b"\x00", b"\x01") + b"\x00") == []
    assert reader.refused == len(hostile)


# ---- another version


def signed_by_board(payload: Value) -> bytes:
    return sign1(encode(payload), CHECKPOINT_PURPOSE, signer(BOARD.signing_key))


@pytest.mark.parametrize("version", [0, 2, -1, 1 << 40])
def test_a_signed_message_of_another_version(version: int) -> None:
    """Signed by the right key, so that nothing but the version can refuse it."""
    key, service = verifying(BOARD.signing_key), public(SERVICE.key)
    checkpoint: Value = [version, BOARD.log_id, 1, BOARD.root(1), 1, 0, None, None]
    refused(Reason.UNKNOWN_VERSION, verify_checkpoint, signed_by_board(checkpoint), BOARD.log_id, key)
    receipt: Value = [version, BOARD.log_id, 1, BOARD.root(1), 0, 5, bytes(16), None]
    content = sign1(encode(receipt), RECEIPT_PURPOSE, signer(SERVICE.key), verifying(SERVICE.key).kid)
    refused(Reason.UNKNOWN_VERSION, verify_receipt, content, service)
    for name in ("act", "attestation"):
        for good in good_items()[name]:
            refused(Reason.UNKNOWN_VERSION, DECODERS[name], resigned(good, version, name))


def resigned(good: bytes, version: int, name: str) -> bytes:
    message: Any = decode(good)
    payload: Any = decode(message.items[2])
    protected: Any = decode(message.items[0])
    purpose = f"packseal/{name}/1"
    is_service = protected[4] == verifying(SERVICE.key).kid
    key = SERVICE.key if is_service else SERVICE.integrator
    return sign1(encode([version, *payload[1:]]), purpose, signer(key), protected[4])


@pytest.mark.parametrize("version", ["packseal/bundle/0", "packseal/bundle/2", "packseal/bundle/1 ", "", "bundle"])
def test_a_bundle_of_another_version(version: str) -> None:
    for good in good_items()["verified bundle"]:
        items: Any = decode(good)
        refused(Reason.UNKNOWN_VERSION, verify_bundle, encode([version, *items[1:]]), POLICY)
        refused(Reason.UNKNOWN_VERSION, verify_bundle, encode([version]), POLICY)


@pytest.mark.parametrize("version", [0, 2])
def test_a_delivery_and_an_answer_of_another_version(version: int) -> None:
    for good, read in ((good_items()["delivery"][0], Delivery.from_bytes), (good_items()["answer"][0], decode_answer)):
        items: Any = decode(good)
        refused(Reason.UNKNOWN_VERSION, read, encode([version, *items[1:]]))
        refused(Reason.UNKNOWN_VERSION, read, encode([version]))


# ---- another algorithm


def with_algorithm(content: bytes, algorithm: Value, is_resigned: bool) -> bytes:
    """The protected header says another algorithm; signed again over that header, or with the old signature."""
    message: Any = decode(content)
    protected, unprotected, payload, signature = message.items
    header: Any = decode(protected)
    changed = encode(header | {1: algorithm} if algorithm is not None else {4: bytes(8)})
    if is_resigned:
        signature = signer(BOARD.signing_key)(to_be_signed(changed, CHECKPOINT_PURPOSE, payload))
    return encode(Sign1([changed, unprotected, payload, signature]))


@pytest.mark.parametrize("algorithm", [EDDSA, ES256, ESP256, HMAC_256, 0, -18, -20, None])
@pytest.mark.parametrize("is_resigned", [False, True])
def test_a_checkpoint_that_names_another_algorithm(algorithm: int | None, is_resigned: bool) -> None:
    """The algorithm is the one of the key's record and never the message's word."""
    content = with_algorithm(BOARD.checkpoint(1), algorithm, is_resigned)
    reason = Reason.MALFORMED if algorithm is None else Reason.BAD_SIGNATURE
    refused(reason, verify_checkpoint, content, BOARD.log_id, verifying(BOARD.signing_key))


def test_an_unprotected_header_says_nothing() -> None:
    message: Any = decode(BOARD.checkpoint(1))
    protected, _, payload, signature = message.items
    for header in ({1: EDDSA}, {4: bytes(8)}, {99: 1}):
        content = encode(Sign1([protected, dict(header), payload, signature]))
        refused(Reason.MALFORMED, verify_checkpoint, content, BOARD.log_id, verifying(BOARD.signing_key))


@pytest.mark.parametrize("algorithm", [EDDSA, ES256, HMAC_256, 0])
def test_a_genesis_with_an_algorithm_of_nobody(algorithm: int) -> None:
    fields: Any = decode(BOARD.genesis)
    fields[4][1] = algorithm
    refused(Reason.MALFORMED, decode_entry, encode(fields))


def test_a_genesis_whose_key_is_said_to_be_of_the_other_algorithm() -> None:
    """32 bytes are no point of P-256, and 64 no key of Ed25519."""
    for algorithm, length in ((ESP256, 32), (ED25519, 64)):
        fields: Any = decode(BOARD.genesis)
        fields[4] |= {1: algorithm, 2: bytes(length)}
        refused(Reason.MALFORMED, decode_entry, encode(fields))


def purposes() -> Iterator[tuple[str, Callable[[bytes], object]]]:
    yield from ((name, DECODERS[name]) for name in ("checkpoint", "receipt", "act", "attestation"))


@pytest.mark.parametrize("name", ["checkpoint", "receipt", "act", "attestation"])
def test_a_signature_for_one_purpose_is_worth_nothing_for_another(name: str) -> None:
    """One key for everything, which nobody should have: the messages still cannot stand for one another."""
    for good in good_items()[name]:
        for other, read in purposes():
            if other != name:
                with pytest.raises(EvidenceError):
                    read(good)


def test_a_log_of_today_with_a_checkpoint_of_another_format(tmp_path: Path) -> None:
    """At the service: version and algorithm are refused there with the same words, and nothing is stored."""
    board = full_board()
    desk = desk_for(tmp_path, board)
    delivery = board.delivery()
    checkpoint: Value = [2, board.log_id, board.size, board.root(board.size), 1, board.uptime_ms, None, None]
    before = desk.contents()
    for content, reason in (
        (signed_by_board(checkpoint), Reason.UNKNOWN_VERSION),
        (with_algorithm(delivery.checkpoint, EDDSA, True), Reason.BAD_SIGNATURE),
        (with_algorithm(delivery.checkpoint, ESP256, True), Reason.BAD_SIGNATURE),
    ):
        assert desk.refusal(replace(delivery, checkpoint=content).to_bytes()).reason == reason
    assert desk.contents() == before
    desk.receipt(delivery.to_bytes())
