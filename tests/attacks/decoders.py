"""Everything that takes bytes from outside, by name: each gives a value or raises EvidenceError, and nothing else.

Tests feed them hostile bytes, the fuzzers feed them whatever comes up.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from dataclasses import replace

from packseal.exchange.recognition.decision import Decision, Question
from packseal.exchange.recognition.equivalence import SignedRule
from packseal.exchange.recognition.papers import Certified, RuleBook
from packseal.exchange.recognition.recognise import recognise
from packseal.exchange.recognition.scheme import Scheme
from packseal.exchange.recognition.trust_list import verify_trust_list
from packseal.io.link import FrameReader, decode_hello, decode_status
from packseal.records.acts import unverified_statement, verify_act
from packseal.records.answer import decode_answer
from packseal.records.archive import ArchiveCheck, ArchiveHead, opened_part, read_items
from packseal.records.attestation import verify_attestation
from packseal.records.blinding import leaf_of
from packseal.records.bodies import EntryType
from packseal.records.bundle import Bundle
from packseal.records.cbor import decode
from packseal.records.certificates import verify_accreditation, verify_certificate
from packseal.records.checkpoint import verify_checkpoint, verify_receipt
from packseal.records.columns import decode_column
from packseal.records.cose_receipt import verify_inclusion_receipt
from packseal.records.disclosure import Disclosure
from packseal.records.entries import decode_entry
from packseal.records.fields import malformed
from packseal.records.log import NOTHING_KNOWN, Delivery, TrustedLog
from packseal.records.note import unverified_log_checkpoint, verified_cosignatures
from packseal.records.passport_log import LogEntry, decode_bundle
from packseal.records.statement_fields import decode_fields
from packseal.records.statements import verify_statement
from packseal.records.verify import verify_bundle
from tests.passport.board import Board
from tests.records.paper import PaperService, public, verifying
from tests.vectors import recognition
from tests.vectors.statements import AUTHORITIES

BOARD, SERVICE = Board(), PaperService()
POLICY = SERVICE.policy()
HEAD = ArchiveHead(BOARD.genesis, BOARD.seed)
PAPERS = recognition.Case().papers()
FRESH = TrustedLog(BOARD.genesis, BOARD.seed)


def delivered(content: bytes) -> object:
    return FRESH.verified(Delivery.from_bytes(content), NOTHING_KNOWN)


def disclosed(content: bytes, entry_type: EntryType) -> object:
    value = decode(content)
    if not isinstance(value, dict):
        raise malformed("no map")
    return Disclosure.from_value(value, entry_type)


def archived(content: bytes) -> object:
    """As `packseal verify` goes along an archive, in one process."""
    items = list(read_items(io.BytesIO(content).read))
    head = ArchiveHead.from_bytes(items[0] if items else b"")
    check = ArchiveCheck(head)
    for item in items[1:-1]:
        check.add(opened_part(item, head))
    if len(items) < 2:
        raise malformed("an archive ends in a bundle")
    return check.finish(items[-1], POLICY)


def stated(content: bytes) -> object:
    """[statement, fields], whoever signed them."""
    match decode(content):
        case [int(kind), dict(fields)]:
            return decode_fields(kind, fields)
    raise malformed("no statement")


def recognised(content: bytes) -> object:
    """A certificate file in place of the good one; everything else as it was."""
    question = Question(recognition.WEST_SCOPE, recognition.PACK)
    return recognise(replace(PAPERS, certified=content), question, recognition.NOW_UNIX_MS)


def framed(content: bytes) -> object:
    return FrameReader().feed(content + b"\x00")


DECODERS: Mapping[str, Callable[[bytes], object]] = {
    "cbor": decode,
    "entry": decode_entry,
    "open entry": lambda content: leaf_of(content, BOARD.seed),
    "column": decode_column,
    "bundle": Bundle.from_bytes,
    "verified bundle": lambda content: verify_bundle(content, POLICY),
    "delivery": Delivery.from_bytes,
    "verified delivery": delivered,
    "answer": decode_answer,
    "act": lambda content: verify_act(content, POLICY.authorities),
    "act, whoever signed it": unverified_statement,
    "statement": lambda content: verify_statement(content, AUTHORITIES),
    "fields of a statement": stated,
    "checkpoint": lambda content: verify_checkpoint(content, BOARD.log_id, verifying(BOARD.signing_key)),
    "receipt": lambda content: verify_receipt(content, public(SERVICE.key)),
    "attestation": lambda content: verify_attestation(content, verifying(SERVICE.integrator)),
    "receipt of the passport log": lambda content: verify_inclusion_receipt(content, bytes(32), public(SERVICE.key)),
    "disclosure of a WINDOW": lambda content: disclosed(content, EntryType.WINDOW),
    "disclosure of a SOH": lambda content: disclosed(content, EntryType.SOH),
    "disclosure of an ESTIMATE": lambda content: disclosed(content, EntryType.ESTIMATE),
    "archive": archived,
    "head of an archive": ArchiveHead.from_bytes,
    "part of an archive": lambda content: opened_part(content, HEAD),
    "certificate": lambda content: verify_certificate(content, recognition.OTHER_BODY.key),
    "accreditation": lambda content: verify_accreditation(content, recognition.ANCHOR.key),
    "trust list": lambda content: verify_trust_list(content, recognition.PUBLISHER.key),
    "scheme": Scheme.from_bytes,
    "signed rule": lambda content: SignedRule.from_value(decode(content)),
    "certificate file": Certified.from_bytes,
    "book of rules": RuleBook.from_bytes,
    "decision": Decision.from_bytes,
    "recognised certificate": recognised,
    "frames": framed,
    "HELLO": decode_hello,
    "STATUS": decode_status,
    "note": unverified_log_checkpoint,
    "cosigned note": lambda content: verified_cosignatures(content, POLICY.witnesses),
    "entry of the passport log": LogEntry.from_bytes,
    "entries of a tile": decode_bundle,
}
