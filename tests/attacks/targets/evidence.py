"""Evidence as it travels: what decoders.py names, under its oracle, and the smaller parts beside it."""

from __future__ import annotations

import json
from collections.abc import Mapping

from packseal.apps.disclose import Choice, shown_bundle
from packseal.apps.verify import verify_file
from packseal.apps.witness import RefusalError, Witness, open_store
from packseal.exchange.presentation import Asked, present, verify_presentation
from packseal.io.link import Kind, decode_fresh_state, decode_update_state, encode_frame
from packseal.io.session import BoardSession
from packseal.records.acts import sign_possession, verify_possession
from packseal.records.bare import decode_bare, encode_bare, seq_of
from packseal.records.blinding import emptied, emptied_leaf
from packseal.records.cbor import encode
from packseal.records.checkpoint import unverified_size
from packseal.records.cose import payload_digest, unverified_kid
from packseal.records.fresh import (
    FreshCommand,
    FreshNotice,
    Step,
    decode_notice,
    encode_notice,
    sign_command,
    verify_command,
)
from packseal.records.log import rotations_from_bytes, rotations_to_bytes
from packseal.records.merkle import Edge
from packseal.records.note import chosen_cosignature, cosign, verify_log_checkpoint
from packseal.records.passport_log import Tile
from packseal.records.policy import Policy
from packseal.records.statements import sign_consent, verify_consent
from tests.attacks.corpus import full_board, good_items
from tests.attacks.decoders import BOARD, DECODERS, POLICY, SERVICE
from tests.attacks.oracle import check
from tests.attacks.targets.target import OURS, Target, folder, of_file
from tests.passport.board import key_of, signer
from tests.records.paper import public, verifying

NONCE = bytes(range(16))
STORED = (ValueError,)  # of what we stored ourselves: whoever reads it says which database is damaged
ASKED = Asked("https://depot.example", NONCE)
NOW_UNIX_MS = 1_800_000_000_000
HELD = key_of("a key that is held")
WITNESS = key_of("witness")


def targets() -> Mapping[str, Target]:
    return {**_decoders(), **_parts(), **_notes(), **_link()}


def _decoders() -> dict[str, Target]:
    def of(name: str) -> Target:
        return Target(lambda content: check(name, content), good_items()[name])

    return {name: of(name) for name in DECODERS}


def _parts() -> dict[str, Target]:
    key = verifying(HELD)
    board = full_board()
    command = sign_command(FreshCommand(board.log_id, NONCE, NOW_UNIX_MS), signer(SERVICE.key), public(SERVICE.key))
    consent = sign_consent(NONCE, bytes(32), key.public_key, signer(HELD), key)
    shown = present(b"a bundle", ASKED, NOW_UNIX_MS, signer(HELD), key)
    signed = board.checkpoint()
    return {
        "bare leaf": Target(decode_bare, (encode_bare(7, bytes(32)),)),
        "number of an entry": Target(seq_of, (encode_bare(7, bytes(32)), *board.entries[:3])),
        "rotations of a log": Target(
            rotations_from_bytes, (rotations_to_bytes([(3, key), (9, verifying(WITNESS))]),), refusals=STORED
        ),
        "edge of a tree": Target(Edge.from_bytes, (board_edge().to_bytes(),), refusals=STORED),
        "possession of a key": Target(
            lambda content: verify_possession(content, key, NONCE), (sign_possession(key, NONCE, signer(HELD)),)
        ),
        "consent": Target(lambda content: verify_consent(content, key, NONCE, bytes(32), key.public_key), (consent,)),
        "command for a fresh read": Target(lambda content: verify_command(content, public(SERVICE.key)), (command,)),
        "notice of a fresh read": Target(
            decode_notice, tuple(encode_notice(FreshNotice(NONCE, step, 9)) for step in (Step.TAKEN, Step.TOO_SOON))
        ),
        "presentation": Target(
            lambda content: verify_presentation(content, ASKED, (key,), NOW_UNIX_MS, 60_000), (shown,)
        ),
        "size in a checkpoint, unverified": Target(unverified_size, (signed,)),
        "window without its values": Target(
            lambda content: emptied_leaf(emptied(content, board.seed)), (board.entries[3],)
        ),
        "what is shown of a bundle": Target(
            lambda content: shown_bundle(content, Choice(["soh_capacity_cpct"])), good_items()["bundle"][1:2], rounds=60
        ),
        "file that is verified": Target(
            of_file("x.bundle", lambda path: verify_file(path, POLICY)),
            (*good_items()["verified bundle"][:2], *good_items()["archive"]),
            rounds=60,
        ),
        "who signed, unverified": Target(lambda content: (unverified_kid(content), payload_digest(content)), (signed,)),
        "policy as JSON": Target(
            Policy.from_bytes,
            (json.dumps(SERVICE.policy().to_json()).encode(),),
            refusals=(ValueError,),  # it says so; `packseal verify` names the file beside it
        ),
        "path of a tile": Target(
            lambda content: Tile.from_path(content.decode()),
            (b"tile/0/000", b"tile/entries/x001/234.p/7", b"tile/3/x123/067"),
            refusals=(ValueError,),  # as its docstring says: a caller has decoded a URL before
        ),
    }


def board_edge() -> Edge:
    edge = Edge()
    return edge.extended([bytes([number]) * 32 for number in range(7)])


def _notes() -> dict[str, Target]:
    note, by = SERVICE.note(), public(WITNESS)
    answer = cosign(note, "witness.example.org", by, signer(WITNESS), 1_790_000_000)
    return {
        "request to a witness": Target(
            _witness(note).add_checkpoint, (b"old 0\n\n" + note,), refusals=(*OURS, RefusalError), rounds=60
        ),
        "signed note": Target(lambda content: verify_log_checkpoint(content, public(SERVICE.key)), (note,)),
        "answer of a witness": Target(
            lambda content: chosen_cosignature(note, content, "witness.example.org", by), (answer,)
        ),
    }


def _witness(note: bytes) -> Witness:
    """It has cosigned nothing yet, and forgets what it cosigns here with the process."""
    checkpoint = verify_log_checkpoint(note, public(SERVICE.key))
    database, signer_of_its_own = open_store(folder() / "witness.db", folder() / "witness.key")
    known = {checkpoint.origin: public(SERVICE.key)}
    return Witness(database, "witness.example.org", signer_of_its_own, known, lambda: 1_790_000_000)


def _link() -> dict[str, Target]:
    hello, status = good_items()["HELLO"][0], good_items()["STATUS"][0]
    spoken = (
        encode_frame(Kind.HELLO, hello),
        encode_frame(Kind.STATUS, status),
        encode_frame(Kind.ENTRY, BOARD.entries[0]),
        b"".join(encode_frame(Kind.ENTRY, entry) for entry in full_board().entries),
        encode_frame(Kind.CHECKPOINT, BOARD.checkpoint()),
    )
    return {
        "state of an update": Target(decode_update_state, (encode([512, 1, bytes(32), None]),)),
        "state of a fresh read": Target(decode_fresh_state, (encode([NONCE, 1, 0]),)),
        "what a board says": Target(lambda content: BoardSession().receive(content, 5), spoken),
    }
