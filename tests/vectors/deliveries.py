"""deliveries.json: what a receiver takes of one log, and what it refuses (docs/record.md section 6).

Every case begins with a receiver that knows the genesis and nothing of the log. It takes the deliveries of `before`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Any

from packseal.errors import EvidenceError
from packseal.records.bare import encode_bare
from packseal.records.blinding import leaf_of
from packseal.records.bodies import Rotation
from packseal.records.cbor import Sign1, Value, decode, encode
from packseal.records.cose import ESP256
from packseal.records.emptied import Emptied
from packseal.records.log import Delivery
from packseal.records.rotation import sign_rotation
from packseal.records.writing import encode_rotation
from tests.vectors.entries import BOOT_BODY, SEED, SIZE_ROTATED, example, window
from tests.vectors.world import (
    BOARD,
    BOARD_NEXT,
    CHECKPOINT,
    GATEWAY,
    OTHER_BOARD,
    OTHER_GATEWAY,
    SECURE_BOARD,
    STRANGER,
    Actor,
    Log,
    attestation_of,
    high_s,
)

Bytes = Delivery | bytes
Faults = Iterator[tuple[str, list[Delivery], Bytes, str]]  # name, before, delivery, reason


def delivery_vectors() -> dict[str, Any]:
    log = example().log
    steps: list[tuple[str, Callable[[], Faults]]] = [
        ("6.1", _step_1),
        ("6.2", _step_2),
        ("6.3", _step_3),
        ("6.4", _step_4),
        ("6.5", _step_5),
        ("6.5", _rotations),
        ("6.5", _bare_leaves),
        ("6.5", _emptied_windows),
        ("6.6", _step_6),
    ]
    return {
        "genesis": log.genesis.hex(),
        "seed": SEED.hex(),
        "gateway": GATEWAY.public_key.hex(),
        "good": [
            {
                "name": name,
                "deliveries": [delivery.to_bytes().hex() for delivery in deliveries],
                "size": size,
                "root": log.root(size).hex(),
                "next_key": (BOARD_NEXT if size >= SIZE_ROTATED else BOARD).public_key.hex(),
                "is_sealed": size == log.size,
            }
            for name, deliveries, size in _good(log)
        ],
        "bare": _without_values(_full_log(), _good_bare()),
        "emptied": _without_values(_waiting_log(), _good_emptied()),
        "bad": [
            {
                "name": name,
                "before": [known.to_bytes().hex() for known in before],
                "delivery": _bytes(delivery).hex(),
                "reason": reason,
                "clause": f"record.md section {clause}",
            }
            for clause, faults in steps
            for name, before, delivery, reason in faults()
        ],
    }


def _without_values(log: Log, good: Iterable[tuple[str, list[Delivery], Iterable[int]]]) -> list[dict[str, Any]]:
    """seqs: of the records that are there by their leaf or their hash alone."""
    root = log.root(log.size).hex()
    return [
        {
            "name": name,
            "deliveries": [delivery.to_bytes().hex() for delivery in deliveries],
            "root": root,
            "seqs": list(seqs),
        }
        for name, deliveries, seqs in good
    ]


def _bytes(delivery: Bytes) -> bytes:
    return delivery if isinstance(delivery, bytes) else delivery.to_bytes()


def _good(log: Log) -> list[tuple[str, list[Delivery], int]]:
    first, second = log.delivery(0, SIZE_ROTATED), log.delivery(SIZE_ROTATED, log.size)
    pieces = [log.delivery(at, at + 1) for at in range(log.size)]
    return [
        ("the genesis alone", [log.delivery(0, 1)], 1),
        ("up to the change of key, which ends it", [first], SIZE_ROTATED),
        ("the whole log in two", [first, second], log.size),
        ("record by record", pieces, log.size),
        ("again what was received", [first, first], SIZE_ROTATED),
        ("again what was received, behind the change of key", [first, second, first, second], log.size),
        ("a beginning of what was received", [first, log.delivery(0, 7)], SIZE_ROTATED),
        ("a piece of what was received", [first, log.delivery(3, 9)], SIZE_ROTATED),
        ("overlapping", [log.delivery(0, 7), log.delivery(3, 9)], 9),
        ("with an attestation", [replace(first, attestation=example().attestation_rotated)], SIZE_ROTATED),
        ("with an attestation that is none", [replace(first, attestation=b"no message")], SIZE_ROTATED),
    ]


def _step_1() -> Faults:
    log = example().log
    good = log.delivery(0, 7)
    content = good.to_bytes()
    whole: Any = decode(content)
    secure = Log(OTHER_BOARD, SEED)

    def part(index: int, value: Value) -> bytes:
        return encode([*whole[:index], value, *whole[index + 1 :]])

    yield "truncated", [], content[:-1], "malformed"
    yield "a byte too many", [], content + b"\x00", "malformed"
    yield "in tag 18", [], encode(Sign1(whole)), "malformed"
    yield "six parts", [], encode(whole[:6]), "malformed"
    yield "eight parts", [], encode([*whole, None]), "malformed"
    yield "no entries", [], part(4, []), "malformed"
    yield "an entry that is no byte string", [], part(4, [*whole[4][:-1], 5]), "malformed"
    yield "a negative first_seq", [], part(3, -1), "malformed"
    yield "text in place of the attestation", [], part(6, "gateway"), "malformed"
    yield "version 2", [], part(0, 2), "unknown-version"
    yield "version 0", [], part(0, 0), "unknown-version"
    yield "another log", [], secure.delivery(0, 1), "unknown-log"
    yield "the seed of another log", [], replace(good, seed=bytes(16)), "bad-seed"
    yield "a seed of 15 bytes", [], replace(good, seed=SEED[:15]), "bad-seed"


def _step_2() -> Faults:
    log = example().log
    good = log.delivery(0, 7)
    first = log.delivery(0, SIZE_ROTATED)

    def by(checkpoint: bytes, of: Delivery = good) -> Delivery:
        return replace(of, checkpoint=checkpoint)

    signed: Any = decode(good.checkpoint)
    fields: Any = decode(signed.items[2])
    yield "a checkpoint that is no message", [], by(b"\x80"), "malformed"
    yield "a checkpoint by another key", [], by(log.checkpoint(7, STRANGER)), "bad-signature"
    yield (
        "a checkpoint by the key after the change of key, too early",
        [],
        by(log.checkpoint(7, BOARD_NEXT)),
        "bad-signature",
    )
    yield (
        "the change of key signed by the new key",
        [],
        by(log.checkpoint(SIZE_ROTATED, BOARD_NEXT), first),
        "bad-signature",
    )
    yield (
        "the old key behind the change of key",
        [first],
        by(log.checkpoint(log.size, BOARD), log.delivery(SIZE_ROTATED, log.size)),
        "bad-signature",
    )
    yield "the new key for a size below the change of key", [first], by(log.checkpoint(7, BOARD_NEXT)), "bad-signature"
    yield "a checkpoint under ESP256", [], by(BOARD.message(fields, CHECKPOINT, algorithm=ESP256)), "bad-signature"
    yield "a checkpoint of version 2", [], by(BOARD.message([2, *fields[1:]], CHECKPOINT)), "unknown-version"
    yield "a checkpoint of another log", [], by(log.checkpoint(7, log_id=bytes(16))), "wrong-log"


def _step_3() -> Faults:
    log = example().log
    good = log.delivery(0, 7)
    yield "an entry too few", [], replace(good, entries=good.entries[:-1]), "wrong-size"
    yield "an entry too many", [], replace(good, entries=(*good.entries, log.entries[7])), "wrong-size"
    yield "first_seq too large by one", [log.delivery(0, 3)], replace(log.delivery(2, 7), first_seq=3), "wrong-size"


def _step_4() -> Faults:
    log = example().log
    other = _log()
    for seq in range(2, 7):
        other.add(window(seq).replace(b"\x0a", b"\x0b", 1) if seq == 3 else window(seq))
    known = log.delivery(0, 7)
    yield "a record missing", [log.delivery(0, 3)], log.delivery(4, 7), "missing-entries"
    yield "the beginning missing", [], log.delivery(1, 7), "missing-entries"
    yield "a record with other bytes than before", [log.delivery(0, 5)], other.delivery(2, 7), "fork"
    yield "the same size again with other records", [known], other.delivery(0, 7), "fork"
    yield "two signed roots for a size", [known], replace(known, checkpoint=other.checkpoint(7)), "fork"
    yield (
        "two signed roots for a size below the last",
        [known],
        replace(log.delivery(0, 5), checkpoint=log.checkpoint(5, root=bytes(32))),
        "fork",
    )


def _log() -> Log:
    """One of the same genesis that goes another way."""
    log = Log(BOARD, SEED)
    log.append(1, BOOT_BODY, uptime_ms=5)
    return log


def _step_5() -> Faults:
    known = _log().delivery(0, 2)
    for name, entry, reason in (
        ("an entry that does not decode", b"\x80", "malformed"),
        ("a blinded entry", encode([2, 2, 1, 20_000, bytes(32)]), "malformed"),
        ("a window with a null", encode([2, 2, 1, 20_000, {1: 1, 2: 1, 8: None}]), "malformed"),
        ("a second genesis", _log().genesis.replace(b"\x85\x06\x00", b"\x85\x06\x02", 1), "malformed"),
        ("an entry numbered 3 in place of 2", window(3), "wrong-seq"),
        ("an entry numbered 1 in place of 2", encode([1, 1, 1, 5, BOOT_BODY]), "wrong-seq"),
        ("an uptime that falls", encode([1, 2, 1, 4, BOOT_BODY]), "time-runs-back"),
    ):
        yield name, [known], _lying([entry]), reason
    second = [encode([1, 2, 2, 5, BOOT_BODY]), encode([1, 3, 1, 5, BOOT_BODY])]
    yield "a boot that falls", [known], _lying(second), "time-runs-back"
    yield (
        "a boot that falls from one delivery to the next",
        [_lying(second[:1], 0)],
        _lying(second, 3),
        "time-runs-back",
    )
    yield (
        "an uptime that falls below that of the entry before, from delivery to delivery",
        [_lying([window(2)], 0)],
        _lying([window(2), encode([1, 3, 1, 19_999, BOOT_BODY])], 3),
        "time-runs-back",
    )
    yield (
        "a checkpoint whose uptime is below its last entry's",
        [known],
        _lying([window(2)], uptime_ms=19_999),
        "time-runs-back",
    )
    yield "a checkpoint whose boot is below its last entry's", [known], _lying(second[:1], boot=1), "time-runs-back"
    seal, after = encode([8, 2, 1, 5, {1: 1}]), encode([1, 3, 2, 5, BOOT_BODY])
    yield "an entry behind the SEAL", [known], _lying([seal, after]), "sealed"
    yield "an entry behind the SEAL, in the next delivery", [_lying([seal], 0)], _lying([seal, after], 3), "sealed"
    yield "a second SEAL", [_lying([seal], 0)], _lying([seal, encode([8, 3, 1, 5, {1: 1}])], 3), "sealed"


def _lying(entries: list[bytes], first: int = 2, signer: Actor = BOARD, **changed: Any) -> Delivery:
    """These entries behind genesis and BOOT, whatever they are, under a checkpoint that says 2^32 ms and boot 9."""
    log = _log()
    log.entries += entries
    log.leaves += [_leaf(entry) for entry in entries]
    late = {"boot": 9, "uptime_ms": 1 << 32}
    return log.delivery(first, log.size, checkpoint=log.checkpoint(signer=signer, **late | changed))


def _leaf(entry: bytes) -> bytes:
    """Right for what an honest board could have written; what is refused before step 6 needs none."""
    try:
        return leaf_of(entry, SEED)[1]
    except EvidenceError:
        return bytes(32)


def _rotations() -> Faults:
    known = [_log().delivery(0, 2)]
    log_id = _log().log_id

    def changed(rotation: Rotation) -> bytes:
        return encode_rotation(2, 1, 5, rotation)

    good = sign_rotation(log_id, BOARD_NEXT.key, BOARD_NEXT.sign)
    yield (
        "a change of key that is not last",
        known,
        _lying([changed(good), encode([8, 3, 1, 5, {1: 1}])]),
        "bad-rotation",
    )
    for name, rotation in (
        ("a change of key without possession", replace(good, possession=bytes(64))),
        ("a change of key that the old key signed for the new", sign_rotation(log_id, BOARD_NEXT.key, BOARD.sign)),
        ("a change of key signed for another log", sign_rotation(bytes(16), BOARD_NEXT.key, BOARD_NEXT.sign)),
        ("a change of key with a high s", sign_rotation(log_id, SECURE_BOARD.key, high_s(SECURE_BOARD.sign))),
    ):
        yield name, known, _lying([changed(rotation)]), "bad-rotation"


BARE = range(3, 6)


def _full_log() -> Log:
    """One that was full: of the windows 3 to 5 the leaves are there, and a GAP says so."""
    log = _log()
    for seq in (2, *BARE):
        log.add(window(seq))
    log.add(_gap(3, [3, 5, 3]))
    return log


def _gap(windows: int, bare: list[Value], seq: int = 6) -> bytes:
    return encode([5, seq, 1, 60_000, {1: 1, 2: windows, 3: [20_000, 60_000], 4: bare}])


def _bared(log: Log, seqs: Iterable[int] = BARE, first: int = 0) -> Delivery:
    entries = [encode_bare(seq, log.leaves[seq]) if seq in seqs else entry for seq, entry in enumerate(log.entries)]
    return replace(log.delivery(first, log.size), entries=tuple(entries[first:]))


def _good_bare() -> list[tuple[str, list[Delivery], range]]:
    log = _full_log()
    whole, later = _bared(log), [log.delivery(0, 2), _bared(log, first=2)]
    return [
        ("windows that a full board could not keep", [whole], BARE),
        ("the same, behind what was received", later, BARE),
        ("the content that somebody has, behind its leaves", [whole, log.delivery(0, log.size)], BARE),
    ]


EMPTIED = (3, 5)


def _waiting_log() -> Log:
    """Genesis, BOOT, four windows and an EVENT: a gateway that had no room gave up the values of two of them."""
    log = _log()
    for seq in (2, *BARE):
        log.add(window(seq))
    log.append(4, {1: 6, 2: 1}, 60_000)
    return log


def _emptied(seqs: Iterable[int] = EMPTIED, *, told: Iterable[int] = EMPTIED, first: int = 0, **word: Any) -> Delivery:
    """told: what the gateway says that it gave up; word: what else its attestation has."""
    log = _waiting_log()
    given_up = Emptied.of(told)
    counts = {1: 90_000, 10: given_up.windows, 11: given_up.digest}
    attestation = attestation_of(log, log.size, word.pop("by", GATEWAY), **{"counts": counts} | word)
    entries = [log.blinded(seq) or b"" if seq in seqs else entry for seq, entry in enumerate(log.entries)]
    return replace(log.delivery(first, log.size), entries=tuple(entries[first:]), attestation=attestation)


def _good_emptied() -> list[tuple[str, list[Delivery], tuple[int, ...]]]:
    log = _waiting_log()
    whole, open_again = _emptied(), log.delivery(0, log.size)
    return [
        ("windows whose values a gateway gave up", [whole], EMPTIED),
        ("the same, behind what was received", [log.delivery(0, 4), _emptied()], (5,)),
        ("the content that somebody has, behind its hash", [whole, open_again], EMPTIED),
        ("what was received, without its values", [open_again, whole], ()),
        ("a gateway that says it gave up what is there", [_emptied(())], ()),
    ]


def _emptied_windows() -> Faults:
    log = _waiting_log()
    good = _emptied()

    def put(seq: int, content: bytes) -> Delivery:
        return replace(good, entries=(*good.entries[:seq], content, *good.entries[seq + 1 :]))

    yield "emptied windows without an attestation", [], replace(good, attestation=None), "malformed"
    yield "emptied windows by the word of another gateway", [], _emptied(by=OTHER_GATEWAY), "malformed"
    yield "emptied windows of which the attestation tells nothing", [], _emptied(counts={1: 90_000}), "malformed"
    yield "emptied windows that were counted alone", [], _emptied(counts={10: 2}), "malformed"
    yield "emptied windows with a digest of 31 bytes", [], _emptied(counts={10: 2, 11: bytes(31)}), "malformed"
    yield "an emptied window that the gateway does not name", [], _emptied((3, 4, 5)), "missing-entries"
    yield "another emptied window than the gateway names", [], _emptied((3, 4)), "missing-entries"
    yield "emptied windows, counted one too many", [], _emptied(told=(2, 3, 5)), "missing-entries"
    digest = Emptied.of(EMPTIED).digest
    yield (
        "emptied windows, of which the count alone is wrong",
        [],
        _emptied(counts={10: 3, 11: digest}),
        "missing-entries",
    )
    last = _emptied((3, 5), told=(3, 5))
    ends = replace(last, entries=last.entries[:6], checkpoint=log.checkpoint(6, uptime_ms=60_000))
    yield "a delivery that ends in an emptied window", [], ends, "missing-entries"
    blinded = log.blinded(3) or b""
    yield "an emptied window with another number", [], put(5, blinded), "wrong-seq"
    yield "an emptied window with a root of 31 bytes", [], put(3, blinded[:-33] + b"\x1f" + blinded[-31:]), "malformed"
    yield "an emptied window and a byte too many", [], put(3, blinded + b"\x00"), "malformed"
    yield "an emptied window with another root", [], put(3, blinded[:-32] + bytes(32)), "root-mismatch"
    yield "an emptied window that ended before the record behind it", [], put(3, _later(blinded)), "time-runs-back"


def _later(blinded: bytes) -> bytes:
    items: Any = decode(blinded)
    return encode([*items[:3], 1 << 40, items[4]])


def _told(gap: bytes, bare: Iterable[int] = BARE) -> Delivery:
    log = _full_log()
    log.entries[6], log.leaves[6] = gap, leaf_of(gap, SEED)[1]
    return _bared(log, bare)


def _bare_leaves() -> Faults:
    log = _full_log()
    good = _bared(log)

    def put(seq: int, content: bytes) -> Delivery:
        return replace(good, entries=(*good.entries[:seq], content, *good.entries[seq + 1 :]))

    untold = replace(_bared(log), entries=good.entries[:6], checkpoint=log.checkpoint(6, uptime_ms=60_000))
    yield "bare leaves without a GAP", [], untold, "missing-entries"
    yield (
        "bare leaves before a GAP that names none",
        [],
        _told(encode([5, 6, 1, 60_000, {1: 1, 2: 3, 3: [1, 2]}])),
        ("missing-entries"),
    )
    yield "a bare leaf that the GAP does not name", [], _told(_gap(3, [3, 4, 2])), "missing-entries"
    yield "a GAP that names more than there are", [], _told(_gap(4, [3, 5, 4])), "missing-entries"
    yield "a GAP that names more than its windows", [], _told(_gap(2, [3, 5, 3])), "missing-entries"
    yield "a GAP that names a range up to itself", [], _told(_gap(3, [3, 6, 3])), "missing-entries"
    yield "content that a gateway withholds", [], _bared(log, range(2, 6)), "missing-entries"
    yield "content in the place of a bare leaf that the GAP names", [], _bared(log, range(4, 6)), "missing-entries"
    yield "a bare leaf with another number", [], put(4, encode_bare(5, log.leaves[4])), "wrong-seq"
    yield "a bare leaf of another record", [], put(4, encode_bare(4, log.leaves[3])), "root-mismatch"
    yield "a leaf of 31 bytes", [], put(4, encode([log.leaves[4][:31], 4])), "malformed"
    yield "a bare leaf of three parts", [], put(4, encode([log.leaves[4], 4, 0])), "malformed"
    yield "the number before the leaf", [], put(4, encode([4, log.leaves[4]])), "malformed"
    yield "a bare leaf and a byte too many", [], put(4, encode_bare(4, log.leaves[4]) + b"\x00"), "malformed"
    yield "a bare genesis", [], put(0, encode_bare(0, log.leaves[0])), "malformed"


def _step_6() -> Faults:
    log = example().log
    good = log.delivery(0, 7)
    altered = (*good.entries[:6], good.entries[6].replace(b"\x19\x13\x8e", b"\x19\x13\x8f"))
    yield "a value altered on the way", [], replace(good, entries=altered), "root-mismatch"
    yield (
        "a signed root of something else",
        [],
        replace(good, checkpoint=log.checkpoint(7, root=bytes(32))),
        "root-mismatch",
    )
    other = _log()
    other.add(window(2))
    yield (
        "the genesis of the same log, and other records behind it",
        [log.delivery(0, 1)],
        replace(other.delivery(1, 3), checkpoint=log.checkpoint(3, root=log.root(4))),
        "root-mismatch",
    )
