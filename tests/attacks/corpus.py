"""Good bytes of every kind that decoders.py takes: what attackers start from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cache

from packseal.exchange.recognition.trust_list import sign_trust_list
from packseal.io.link import Kind, encode_frame
from packseal.records.acts import Bind, Cause, Enrol, Noted, Revoke, Role, Rotate, sign_act, sign_possession
from packseal.records.answer import encode_receipt_answer, encode_refusal_answer
from packseal.records.archive import ArchiveHead, encode_part, framed
from packseal.records.attestation import Attestation, Clock, attestation_digest, sign_attestation
from packseal.records.bodies import BlockEstimate, EntryType, Origin
from packseal.records.bundle import Bundle, RotationPart
from packseal.records.cbor import Value, encode
from packseal.records.columns import encode_column
from packseal.records.cose_receipt import sign_inclusion_receipt
from packseal.records.disclosure import Wanted, disclose
from packseal.records.merkle import included_root
from packseal.records.passport_log import encode_bundle, subject_tag
from packseal.records.statement_bodies import kind_of
from packseal.records.statement_fields import encode_fields
from tests.attacks.decoders import BOARD, SERVICE
from tests.passport.board import Board, key_of, signer
from tests.records.paper import BATTERY, PaperService, bundle_of, public, salt, time_part, verifying
from tests.vectors import recognition
from tests.vectors.statements import good_statements, signed


@cache
def boards() -> Mapping[bytes, Board]:
    """log_id -> the board with every record that any good item holds."""
    first, (rotated, _) = full_board(), rotated_board()
    return {first.log_id: first, rotated.log_id: rotated}


@cache
def good_items() -> Mapping[str, tuple[bytes, ...]]:
    """name of the decoder -> what it takes"""
    board, service = full_board(), PaperService()
    bundles = good_bundles(board, service)
    receipt = bundles[0].receipt
    entries = tuple(board.entries)
    blinded = disclose(board.entries[3], board.record_seed(3), Wanted(fields=[4, 8], cells=[1]))[1]
    bounded = disclose(board.entries[6], board.record_seed(6), Wanted(fields=[1], at_least_cpct=8_000))[1]
    estimated = disclose(board.entries[-2], board.record_seed(board.size - 2), Wanted(fields=[1, 4, 9]))[1]
    delivery = board.delivery().to_bytes()
    act = acts(board)
    proof = (bytes(range(32)),)
    parts = [encode_part(0, board.entries[:4], board.checkpoint(4)), encode_part(4, entries[4:], board.checkpoint())]
    head = ArchiveHead(board.genesis, board.seed).to_bytes()
    hello: Value = [1, 3, 9, 2, 1, 60_000, board.genesis, bytes(64), board.seed]
    tile_entries = [bytes([2]) + subject_tag(BATTERY) + bytes(32), bytes([1]) + bytes(16) + bytes(range(32))]
    tile_entries += [bytes([3]) + subject_tag(BATTERY) + bytes(range(32))]
    attestation = good_attestation(board)
    return {
        "cbor": (encode([1, -5, b"\x00", "text", None, {0: [1 << 63], 7: {}}]), delivery),
        "entry": (*entries, encode([2, 3, 1, 9, bytes(32)])),
        "open entry": entries,
        "column": (encode_column([3_700, None, 3_695, -5, 1 << 31]), encode_column([0] * 96)),
        "bundle": tuple(bundle.to_bytes() for bundle in bundles),
        "verified bundle": tuple(bundle.to_bytes() for bundle in bundles),
        "delivery": (delivery, replace(board.delivery(), attestation=attestation).to_bytes()),
        "verified delivery": (delivery, BOARD.delivery().to_bytes()),
        "answer": (
            encode_receipt_answer(board.log_id, receipt),
            encode_refusal_answer(board.log_id, 7, "fork", "record 7 was received before with other bytes"),
        ),
        "act": act,
        "act, whoever signed it": act,
        "statement": tuple(signed(statement, by) for _, statement, by in good_statements()),
        "fields of a statement": tuple(
            encode([int(kind_of(statement)), encode_fields(statement)]) for _, statement, _ in good_statements()
        ),
        "checkpoint": (board.checkpoint(4), board.checkpoint(nonce=bytes(16), hwcounter=5)),
        "receipt": (receipt,),
        "attestation": (attestation,),
        "receipt of the passport log": (
            sign_inclusion_receipt(
                2, 0, proof, included_root(bytes(32), 0, 2, proof), signer(service.key), public(service.key)
            ),
        ),
        "disclosure of a WINDOW": (encode(blinded.to_map()),),
        "disclosure of a SOH": (encode(bounded.to_map()),),
        "disclosure of an ESTIMATE": (encode(estimated.to_map()),),
        "archive": (b"".join(map(framed, (head, *parts, bundles[-1].to_bytes()))),),
        "head of an archive": (head,),
        "part of an archive": tuple(parts),
        **recognition_items(),
        "frames": tuple(encode_frame(Kind.ENTRY, entry)[:-1] for entry in entries),
        "HELLO": (encode(hello),),
        "STATUS": (encode([60_000, 9, 2, 0, 0, 1, 0, 0, 0, 0]), encode([1 << 40, 9, 2, 0, 0, 1, 0, 7, 3, 1])),
        "note": (service.note(),),
        "cosigned note": (service.note(),),
        "entry of the passport log": tuple(tile_entries),
        "entries of a tile": (encode_bundle(tile_entries), encode_bundle([])),
    }


def recognition_items() -> dict[str, tuple[bytes, ...]]:
    case = recognition.Case()
    certified, rules = case.certified(), [encode(rule.to_value()) for rule in case.book().rules]
    publisher = recognition.PUBLISHER
    return {
        "certificate": (certified.certificate,),
        "accreditation": certified.accreditations[:1],
        "trust list": (sign_trust_list(recognition.TRUST_LIST, publisher.sign, publisher.key),),
        "scheme": case.book().schemes,
        "signed rule": tuple(rules),
        "certificate file": (certified.to_bytes(),),
        "book of rules": (case.book().to_bytes(),),
        "decision": tuple(bytes.fromhex(one["decision"]) for one in recognition.recognition_vectors()["decisions"]),
        "recognised certificate": (certified.to_bytes(),),
    }


def full_board() -> Board:
    """The board that decoders.py knows, with an entry of every type."""
    board = Board()
    board.boot()
    board.append(EntryType.CONFIG, {5: bytes(range(32))})
    board.windows(3)
    board.state_of_health()
    board.append(EntryType.EVENT, {1: 1, 2: 3, 3: -5, 4: 2})
    board.gap()
    board.append(EntryType.TIME, {1: bytes(32), 2: 1_790_000_000_000})
    board.append(31, {1: 2, 20: b"a type that is not of version 1"})
    board.windows(1)
    board.estimate(3, (4_210, 55), least=BlockEstimate(2, 340, 6))
    board.estimate(1, lacking=(1, 2))
    assert (board.origin, board.genesis) == (Origin.BOARD, BOARD.genesis)
    return board


def good_bundles(board: Board, service: PaperService) -> list[Bundle]:
    """Open, disclosed, bounded, of an entry without values, with a time, an attestation, a change of key; the last is
    of the last record."""
    assert public(service.key) == public(SERVICE.key)
    service.bind(board)
    early = service.receipt(board, 4)
    late = time_board(early)
    last_receipt = service.receipt(late)
    rotated, rotation = rotated_board()
    service.bind(rotated)
    rotated_receipt = service.receipt(rotated)
    attestation = good_attestation(board)
    receipt = service.receipt(board, attestation_digest=attestation_digest(attestation))
    found = [bundle_of(service, board, seq, receipt) for seq in (3, 6, 7)]
    found += [shown(found[0], board, 3, Wanted(fields=[4, 8], cells=[0, 3]))]
    found += [shown(found[1], board, 6, Wanted(at_least_cpct=8_000, at_most_cpct=9_500))]
    found += [shown(bundle_of(service, board, board.size - 2, receipt), board, board.size - 2, Wanted(fields=[1, 4]))]
    found += [replace(found[0], attestation=attestation)]
    found += [bundle_of(service, late, 5, last_receipt, time=time_part(late, 4, early))]
    found += [bundle_of(service, rotated, 5, rotated_receipt, rotations=(rotation,))]
    return [*found, bundle_of(service, board, board.size - 1, receipt)]


def shown(bundle: Bundle, board: Board, seq: int, wanted: Wanted) -> Bundle:
    entry, disclosure = disclose(bundle.entry, board.record_seed(seq), wanted)
    return replace(bundle, entry=entry, shown=disclosure.to_map())


def time_board(receipt: bytes) -> Board:
    """Its first four records are those of full_board; the next names the receipt for them."""
    board = full_board()
    del board.entries[4:]
    board.append(EntryType.TIME, {1: attestation_digest(receipt), 2: SERVICE.now_unix_ms})
    board.windows(1)
    return board


def rotated_board() -> tuple[Board, RotationPart]:
    board = Board("a board that changes its key")
    board.boot()
    board.windows(1)
    checkpoint = board.rotate("its second key")
    part = RotationPart(board.entries[3], board.proof(3, 4), checkpoint)
    board.windows(2)
    return board, part


def good_attestation(board: Board) -> bytes:
    fields = Attestation(
        board.log_id, board.size, board.root(board.size), 1_790_000_000_000, Clock.SET_ONCE, None, bytes(32), {1: 9}
    )
    return sign_attestation(fields, signer(SERVICE.integrator), verifying(SERVICE.integrator))


def acts(board: Board) -> tuple[bytes, ...]:
    new, by = key_of("new"), SERVICE.integrator
    possession = sign_possession(verifying(new), salt("nonce"), signer(new))
    statements = (
        Enrol(Role.BOARD, verifying(new), possession),
        Bind(board.public_key, BATTERY, "B"),
        Rotate(verifying(new), possession),
        Revoke(board.public_key, Cause.STOLEN),
    )
    signed = [sign_act(one, salt("nonce"), 1_790_000_000_000, signer(by), verifying(by)) for one in statements]
    noted, service = Noted(BATTERY, board.log_id, 0, bytes(32)), SERVICE.key
    return (*signed, sign_act(noted, salt("nonce"), 1_790_000_000_000, signer(service), verifying(service)))
