"""Bundles that do not hold, each for one fault: shape, keys, checkpoints and records (steps 1 to 5).

What is shown of a record is in bundles_bad_disclosures.py, what others sign in bundles_bad_receipts.py,
bundles_bad_attestations.py and bundles_bad_acts.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from packseal.records.bodies import Rotation
from packseal.records.bundle import ActPart, Bundle, RotationPart
from packseal.records.cbor import Sign1, Value, decode, encode
from packseal.records.cose import ED25519, ESP256
from packseal.records.disclosure import Wanted, disclose
from packseal.records.merkle import leaf_hash
from packseal.records.rotation import sign_rotation
from packseal.records.writing import encode_rotation
from tests.vectors.entries import SIZE_ROTATED, SOH, window
from tests.vectors.scenes import SEED_OF_OTHERS, scene, small_log
from tests.vectors.world import (
    BOARD,
    BOARD_NEXT,
    CHECKPOINT,
    DIGEST,
    OTHER_BOARD,
    RECEIPT,
    SECURE_BOARD,
    THIRD_KEY,
    Actor,
    Log,
    high_s,
)

EDDSA = -8


@dataclass(frozen=True)
class Bad:
    name: str
    content: bytes
    reason: str
    clause: str
    policy: str = "acts"


Faults = Iterator[
    tuple[str, Bundle | bytes, str] | tuple[str, Bundle | bytes, str, str]
]  # name, bundle, reason, policy


def bad_bundles() -> list[Bad]:
    parts: list[tuple[str, Callable[[], Faults]]] = [
        ("8.1", _shapes),
        ("8.2", _geneses),
        ("8.3", _rotations),
        ("8.4", _checkpoints),
        ("5.4", _checkpoint_numbers),
        ("8.5", _records),
        ("8.5", _proofs),
    ]
    return [made(fault, clause) for clause, faults in parts for fault in faults()]


def made(fault: tuple[Any, ...], clause: str) -> Bad:
    name, bundle, reason, *policy = fault
    return Bad(name, bundle if isinstance(bundle, bytes) else bundle.to_bytes(), reason, clause, *policy)


# ---- step 1


def _shapes() -> Faults:
    s = scene()
    full = s.full()
    content = full.to_bytes()
    whole: Any = decode(content)

    def part(index: int, value: Value) -> bytes:
        return encode([*whole[:index], value, *whole[index + 1 :]])

    yield "truncated", content[:-1], "malformed"
    yield "a byte too many", content + b"\x00", "malformed"
    yield "empty", b"", "malformed"
    yield "whole bundle in tag 18", encode(Sign1(whole)), "malformed"
    yield "proof in tag 18", part(4, Sign1(whole[4])), "malformed"
    yield "a head that is not in its shortest form", b"\x98\x0c" + content[1:], "malformed"
    yield (
        "longer than 4096 bytes",
        replace(full, note=full.note.replace(b"\n\n", b"\n" + b"x" * 2000 + b"\n\n")),
        "malformed",
    )
    yield "eleven parts", encode(whole[:11]), "malformed"
    yield "thirteen parts", encode([*whole, None]), "malformed"
    yield "version 2", part(0, "packseal/bundle/2"), "unknown-version"
    yield "version 0", part(0, "packseal/bundle/0"), "unknown-version"
    yield "version as a number", part(0, 1), "malformed"
    yield "a hash of 31 bytes in the proof", replace(full, proof=(full.proof[0][:31], *full.proof[1:])), "malformed"
    yield "a hash of 33 bytes in the note's proof", replace(full, note_proof=(bytes(33),)), "malformed"
    yield "nine changes of key", replace(full, rotations=(RotationPart(b"", (), b""),) * 9), "malformed"
    yield "nine acts", replace(full, acts=(ActPart(b"", 0, ()),) * 9), "malformed"
    yield "an act at a negative index", part(9, [[b"", -1, []]]), "malformed"
    yield "an act of two items", part(9, [[b"", 1]]), "malformed"
    yield "a change of key of two items", part(2, [[b"", []]]), "malformed"
    yield "a record of three items", part(3, [*whole[3], None]), "malformed"
    yield "a record seed of 15 bytes", part(3, [whole[3][0], bytes(15)]), "malformed"
    yield "text in place of a disclosure", part(3, [whole[3][0], "seed"]), "malformed"
    yield "a time of two items", part(10, whole[10][:2]), "malformed"
    yield "text in place of an attestation", part(11, "gateway"), "malformed"


# ---- steps 2 and 3


def _geneses() -> Faults:
    s = scene()
    log = s.logs["example"]
    yield "genesis is a window", s.bundle(genesis=log.entries[2]), "malformed"
    yield "genesis is a change of key", s.bundle(genesis=log.entries[13]), "malformed"
    yield "genesis truncated", s.bundle(genesis=log.genesis[:-1]), "malformed"
    yield (
        "genesis is not the first entry",
        s.bundle(genesis=log.genesis.replace(b"\x85\x06\x00", b"\x85\x06\x01", 1)),
        "malformed",
    )


def _rotations() -> Faults:
    s = scene()
    log = s.logs["example"]
    (good,) = log.rotation_parts(log.size)

    def rotation(**changed: Any) -> Bundle:
        return s.bundle(rotations=(replace(good, **changed),))

    version_2 = BOARD.message([2, *_payload(good.checkpoint)[1:]], CHECKPOINT)
    yield "the old key's checkpoint is no message", rotation(checkpoint=b"\x80"), "malformed"
    yield (
        "the old key's checkpoint is signed by the new key",
        rotation(checkpoint=log.checkpoint(SIZE_ROTATED, BOARD_NEXT)),
        "bad-signature",
    )
    yield "the old key's checkpoint is of version 2", rotation(checkpoint=version_2), "unknown-version"
    yield (
        "the old key's checkpoint is of another log",
        rotation(checkpoint=log.checkpoint(SIZE_ROTATED, log_id=bytes(16))),
        "wrong-log",
    )
    yield (
        "a window in place of the change of key",
        rotation(entry=log.entries[12], proof=log.proof(12, SIZE_ROTATED)),
        "bad-rotation",
    )
    yield (
        "the genesis in place of the change of key",
        rotation(entry=log.genesis, proof=log.proof(0, SIZE_ROTATED)),
        "bad-rotation",
    )
    first = encode_rotation(0, 1, 0, sign_rotation(log.log_id, BOARD_NEXT.key, BOARD_NEXT.sign))
    of_first = log.checkpoint(1, BOARD, root=leaf_hash(first), boot=1, uptime_ms=0)
    yield "the change of key is the first entry", rotation(entry=first, proof=(), checkpoint=of_first), "malformed"
    yield "the change of key does not decode", rotation(entry=good.entry[:-1]), "malformed"
    yield (
        "the change of key is not last below its checkpoint",
        rotation(proof=log.proof(13, 15), checkpoint=log.checkpoint(15, BOARD)),
        "bad-rotation",
    )
    yield "the change of key is not in its tree", rotation(proof=log.proof(12, SIZE_ROTATED)), "bad-inclusion-proof"
    yield "the proof of the change of key is too short", rotation(proof=good.proof[:-1]), "bad-inclusion-proof"
    yield from _possessions()
    yield from _order_of_rotations()


def _possessions() -> Faults:
    log_id = small_log(OTHER_BOARD).log_id
    possessions = {
        "the new key has not signed": bytes(64),
        "the old key has signed for the new one": _possession(log_id, BOARD_NEXT, OTHER_BOARD),
        "the new key has signed for another log": _possession(bytes(16), BOARD_NEXT, BOARD_NEXT),
        "the new key has signed for another key": _possession(log_id, THIRD_KEY, BOARD_NEXT),
    }
    for name, possession in possessions.items():
        s = scene()
        log = small_log(OTHER_BOARD)
        log.add(encode_rotation(log.size, 1, log.uptime_ms, Rotation(BOARD_NEXT.key, possession)))
        log.rotations.append((log.size, OTHER_BOARD))
        log.signer = BOARD_NEXT
        log.append(8, {1: 3})
        s.logs["lying"] = log
        yield name, s.receipt("lying", "lying").bundle("lying", 2), "bad-rotation"
    s = scene()
    log = small_log(OTHER_BOARD)
    log.add(
        encode_rotation(
            log.size, 1, log.uptime_ms, sign_rotation(log.log_id, SECURE_BOARD.key, high_s(SECURE_BOARD.sign))
        )
    )
    log.rotations.append((log.size, OTHER_BOARD))
    log.signer = SECURE_BOARD
    log.append(8, {1: 3})
    s.logs["lying"] = log
    yield "the new key's possession has a high s", s.receipt("lying", "lying").bundle("lying", 2), "bad-rotation"


def _possession(log_id: bytes, of: Actor, by: Actor) -> bytes:
    return sign_rotation(log_id, of.key, by.sign).possession


def _order_of_rotations() -> Faults:
    """A second change of key at the size of the first: a tree of its own, since it has another leaf there."""
    s = scene()
    first = Log(OTHER_BOARD, SEED_OF_OTHERS)
    second, third = copy_of(first), copy_of(first)
    first.rotate(BOARD_NEXT)
    second.add(encode_rotation(1, 1, 0, sign_rotation(first.log_id, THIRD_KEY.key, THIRD_KEY.sign)))
    second_part = RotationPart(second.entries[1], second.proof(1, 2), second.checkpoint(2, BOARD_NEXT))
    third.signer = THIRD_KEY
    third.append(8, {1: 3})
    third.append(31, {})
    s.logs["lying"] = third
    parts = (RotationPart(first.entries[1], first.proof(1, 2), first.checkpoint(2, OTHER_BOARD)), second_part)
    yield (
        "a change of key that is not beyond the one before",
        s.receipt("lying", "lying").bundle("lying", 1, rotations=parts),
        "bad-rotation",
    )


def copy_of(log: Log) -> Log:
    return replace(log, entries=[], leaves=[], rotations=[])


# ---- step 4


def _payload(message: bytes) -> Any:
    signed: Any = decode(message)
    return decode(signed.items[2])


def _checkpoints() -> Faults:
    s = scene()
    log = s.logs["example"]
    good = log.checkpoint()
    items: Any = decode(good)
    fields = _payload(good)
    secure = s.logs["secure"]
    protected, _, payload, signature = items.items

    def checkpoint(content: bytes) -> Bundle:
        return s.bundle(checkpoint=content)

    def of_secure(content: bytes) -> Bundle:
        return s.bundle("secure", 5, acts=["bind secure"], checkpoint=content)

    yield "checkpoint is no message", checkpoint(b"\x80"), "malformed"
    yield "checkpoint without tag 18", checkpoint(encode(items.items)), "malformed"
    yield (
        "checkpoint with an unprotected header",
        checkpoint(encode(Sign1([protected, {4: b"key"}, payload, signature]))),
        "malformed",
    )
    yield (
        "checkpoint with a signature of 63 bytes",
        checkpoint(encode(Sign1([protected, {}, payload, signature[:63]]))),
        "malformed",
    )
    yield (
        "checkpoint that names a key",
        checkpoint(BOARD_NEXT.message(fields, CHECKPOINT, kid=BOARD_NEXT.key.kid)),
        "malformed",
    )
    yield (
        "checkpoint whose payload is detached",
        checkpoint(encode(Sign1([protected, {}, None, signature]))),
        "malformed",
    )
    yield "checkpoint by another key", checkpoint(log.checkpoint(signer=OTHER_BOARD)), "bad-signature"
    yield "checkpoint by the key before the change of key", checkpoint(log.checkpoint(signer=BOARD)), "bad-signature"
    yield "the change of key left out", s.bundle(rotations=()), "bad-signature"
    yield "checkpoint signed as a receipt", checkpoint(BOARD_NEXT.message(fields, RECEIPT)), "bad-signature"
    yield (
        "checkpoint under algorithm EdDSA",
        checkpoint(BOARD_NEXT.message(fields, CHECKPOINT, algorithm=EDDSA)),
        "bad-signature",
    )
    yield (
        "checkpoint of an Ed25519 key under ESP256",
        checkpoint(BOARD_NEXT.message(fields, CHECKPOINT, algorithm=ESP256)),
        "bad-signature",
    )
    of_element = _payload(secure.checkpoint())
    yield (
        "checkpoint of a secure element under Ed25519",
        of_secure(SECURE_BOARD.message(of_element, CHECKPOINT, algorithm=ED25519)),
        "bad-signature",
    )
    high = Actor(14, ESP256)
    high.sign = high_s(high.sign)
    yield (
        "checkpoint of a secure element with a high s",
        of_secure(high.message(of_element, CHECKPOINT)),
        "bad-signature",
    )
    yield (
        "checkpoint of a secure element by another",
        of_secure(Actor(18, ESP256).message(of_element, CHECKPOINT)),
        "bad-signature",
    )
    yield "checkpoint of version 2", checkpoint(BOARD_NEXT.message([2, *fields[1:]], CHECKPOINT)), "unknown-version"
    yield "checkpoint of version 0", checkpoint(BOARD_NEXT.message([0, *fields[1:]], CHECKPOINT)), "unknown-version"
    yield "checkpoint of another log", checkpoint(log.checkpoint(log_id=bytes(16))), "wrong-log"
    yield (
        "checkpoint that is not beyond the change of key",
        s.bundle(
            receipt="rotated", checkpoint=log.checkpoint(SIZE_ROTATED, BOARD_NEXT), proof=log.proof(SOH, SIZE_ROTATED)
        ),
        "bad-rotation",
    )


def _checkpoint_numbers() -> Faults:
    s = scene()
    log = s.logs["example"]
    fields = _payload(log.checkpoint())
    faults: dict[str, dict[str, Any]] = {
        "boot 0": {"boot": 0},
        "boot 2^32": {"boot": 1 << 32},
        "a negative uptime": {"uptime_ms": -1},
        "an uptime of 2^63": {"uptime_ms": 1 << 63},
        "a negative hwcounter": {"hwcounter": -1},
        "an hwcounter of 2^63": {"hwcounter": 1 << 63},
        "a nonce of 33 bytes": {"nonce": bytes(33)},
        "a root of 31 bytes": {"root": bytes(31)},
        "a log_id of 15 bytes": {"log_id": bytes(15)},
    }
    for name, changed in faults.items():
        yield f"checkpoint of {name}", s.bundle(checkpoint=log.checkpoint(**changed)), "malformed"
    for name, size in {"size 0": 0, "size 2^24": 1 << 24}.items():
        content = BOARD_NEXT.message([*fields[:2], size, *fields[3:]], CHECKPOINT)
        yield f"checkpoint of {name}", s.bundle(checkpoint=content), "malformed"
    yield "checkpoint of seven fields", s.bundle(checkpoint=BOARD_NEXT.message(fields[:7], CHECKPOINT)), "malformed"
    yield "checkpoint of nine fields", s.bundle(checkpoint=BOARD_NEXT.message([*fields, None], CHECKPOINT)), "malformed"
    as_map = BOARD_NEXT.message(dict(enumerate(fields)), CHECKPOINT)
    yield "checkpoint as a map", s.bundle(checkpoint=as_map), "malformed"


# ---- step 5


def _records() -> Faults:
    s = scene()
    log = s.logs["example"]
    blinded, disclosure = disclose(log.entries[SOH], log.record_seed(SOH), Wanted(fields=[1]))
    yield "record does not decode", s.bundle(entry=b"\x80"), "malformed"
    yield "record beyond the checkpoint", s.bundle(entry=window(17)), "wrong-seq"
    yield "record at the largest seq", s.bundle(entry=window((1 << 24) - 1)), "wrong-seq"
    yield "open record with nothing beside it", s.bundle(shown=None), "malformed"
    yield "open record with a disclosure", s.bundle(shown=disclosure.to_map()), "malformed"
    yield "blinded record with a seed", s.bundle(entry=blinded), "malformed"
    yield "blinded record with nothing beside it", s.bundle(entry=blinded, shown=None), "malformed"
    yield "BOOT with a seed", s.bundle(seq=1, shown=bytes(16)), "malformed"
    yield "BOOT with a disclosure", s.bundle(seq=1, shown=disclosure.to_map()), "malformed"
    yield (
        "window with a null in it",
        s.bundle(seq=2, entry=encode([2, 2, 1, 20_000, {1: 1, 2: 1, 8: None}])),
        "malformed",
    )
    tagged = encode([2, 2, 1, 20_000, {0: Sign1([]), 1: 1, 2: 1}])
    yield "window with a tag in it", s.bundle(seq=2, entry=tagged), "malformed"
    yield "window with key 14", s.bundle(seq=2, entry=encode([2, 2, 1, 20_000, {1: 1, 2: 1, 14: DIGEST}])), "malformed"


def _proofs() -> Faults:
    s = scene()
    log = s.logs["example"]
    entry, proof = log.entries[SOH], log.proof(SOH, log.size)
    blinded, disclosure = disclose(log.entries[6], log.record_seed(6), Wanted(fields=[8]))
    yield "record altered", s.bundle(entry=entry.replace(b"\x19\x23\xa0", b"\x19\x23\xa1")), "bad-inclusion-proof"
    yield "record under the seed of another", s.bundle(shown=log.record_seed(6)), "bad-inclusion-proof"
    yield "record under the seed of its log", s.bundle(shown=log.disclosure_seed), "bad-inclusion-proof"
    yield "proof of another record", s.bundle(proof=log.proof(6, log.size)), "bad-inclusion-proof"
    yield "proof too short", s.bundle(proof=proof[:-1]), "bad-inclusion-proof"
    yield "proof too long", s.bundle(proof=(*proof, bytes(32))), "bad-inclusion-proof"
    yield "proof altered", s.bundle(proof=(bytes(32), *proof[1:])), "bad-inclusion-proof"
    yield "no proof", s.bundle(proof=()), "bad-inclusion-proof"
    yield "record of another log", s.bundle(entry=s.logs["secure"].entries[5]), "bad-inclusion-proof"
    yield (
        "another record that is shown rightly",
        s.bundle(
            entry=blinded.replace(b"\x85\x02\x06", b"\x85\x02\x05", 1),
            shown=disclosure.to_map(),
            proof=log.proof(5, log.size),
        ),
        "bad-inclusion-proof",
    )
