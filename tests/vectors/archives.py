"""archives.json: a whole log with two changes of key in one file, and what is none (docs/record.md section 10)."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from packseal.records.archive import ArchiveHead, framed
from packseal.records.cbor import Sign1, decode, encode
from packseal.records.log import MAX_DELIVERY_BYTES
from tests.vectors.entries import BOOT_BODY, window
from tests.vectors.scenes import Scene, policies, scene
from tests.vectors.world import OTHER_SERVICE, STRANGER, Log

LOG, ACTS, POLICY = "twice", ["bind twice"], "acts"
ENDS = (3, 5, 6)

Fault = tuple[str, list[bytes] | bytes, str, str]  # name, items or bytes, reason, clause


def archive_vectors() -> dict[str, Any]:
    s = scene()
    log = s.logs[LOG]
    counts = {str(kind): sum(entry[1] == kind for entry in log.entries) for kind in (1, 2, 3, 6)}
    return {
        "policies": {POLICY: policies()[POLICY].to_json()},
        "good": [
            {
                "name": name,
                "policy": POLICY,
                "archive": joined(items).hex(),
                "expect": {"battery": "secure-pack", "records": log.size, "rotations": 2, "types": counts},
            }
            for name, items in (("three parts", good_items(s)), ("a part for each record", good_items(s, range(1, 7))))
        ],
        "emptied": [
            {
                "name": name,
                "policy": POLICY,
                "archive": joined(items).hex(),
                "expect": {"battery": "secure-pack", "records": log.size, "windows_lost": 1},
            }
            for name, items in (("a window whose values a gateway gave up", _with_emptied(s, 1)),)
        ],
        "bad": [
            {
                "name": name,
                "policy": POLICY,
                "archive": (content if isinstance(content, bytes) else joined(content)).hex(),
                "reason": reason,
                "clause": f"record.md section {clause}",
            }
            for name, content, reason, clause in [
                *_files(),
                *_heads(),
                *_parts(),
                *_lies(),
                *_bundles(),
                *_emptied(),
            ]
        ],
    }


def joined(items: list[bytes]) -> bytes:
    return b"".join(map(framed, items))


def part(log: Log, first: int, size: int, **changed: Any) -> bytes:
    parts = {"entries": log.entries[first:size], "checkpoint": log.checkpoint(size)}
    return encode([first, *(parts | changed).values()])


def good_items(s: Scene, ends: Any = ENDS) -> list[bytes]:
    log = s.logs[LOG]
    bounds = [0, *ends]
    head = ArchiveHead(log.genesis, log.disclosure_seed).to_bytes()
    parts = [part(log, first, size) for first, size in itertools.pairwise(bounds)]
    return [head, *parts, s.bundle(LOG, 5, acts=ACTS).to_bytes()]


def _with_emptied(s: Scene, *said: Any) -> list[bytes]:
    """Its only window by its root; said: what its part says beside."""
    head, first, _, third, bundle = good_items(s)
    log = s.logs[LOG]
    entries: list[Any] = [log.blinded(3), log.entries[4]]
    return [head, first, encode([3, entries, log.checkpoint(5), *said]), third, bundle]


def _emptied() -> Iterator[Fault]:
    s = scene()
    log = s.logs[LOG]
    head, first, second, third, bundle = good_items(s)
    whole: Any = decode(second)
    last: list[Any] = [log.blinded(3)]
    yield "emptied windows, counted one too many", _with_emptied(s, 2), "malformed", "10"
    yield "emptied windows, counted as none", _with_emptied(s, 0), "malformed", "10"
    yield "emptied windows, counted twice", _with_emptied(s, 1, 1), "malformed", "10"
    yield "emptied windows that are not there", [head, first, encode([*whole, 1]), third, bundle], "malformed", "10"
    short = encode([3, last, log.checkpoint(4), 1])
    yield "a part that ends in an emptied window", [head, first, short, third, bundle], "missing-entries", "6.5"


def _files() -> Iterator[Fault]:
    items = good_items(scene())
    content = joined(items)
    yield "empty", b"", "malformed", "10"
    yield "truncated", content[:-1], "malformed", "10"
    yield "a byte too many", content + b"\x00", "malformed", "10"
    yield "an empty item behind the bundle", content + b"\x40", "malformed", "10"
    yield "ends before its bundle", items[:-1], "malformed", "10"
    yield "the head alone", items[:1], "malformed", "10"
    yield "the bundle twice", [*items, items[-1]], "malformed", "10"
    yield "an array in place of a byte string", encode([items[0]]) + joined(items[1:]), "malformed", "10"
    yield "text in place of a byte string", b"\x61a" + content, "malformed", "10"
    yield "a length that is not in its shortest form", b"\x59\x00" + content[1:], "malformed", "10"
    yield "an item of indefinite length", b"\x5f" + content + b"\xff", "malformed", "10"
    longer = b"\x5a" + (MAX_DELIVERY_BYTES + 1).to_bytes(4, "big")
    yield "an item longer than 262144 bytes", joined(items[:1]) + longer + bytes(8), "malformed", "10"


def _heads() -> Iterator[Fault]:
    items = good_items(scene())
    head: Any = decode(items[0])

    def headed(*changed: Any) -> list[bytes]:
        return [encode(list(changed)), *items[1:]]

    yield "version 2", headed("packseal/archive/2", *head[1:]), "unknown-version", "10"
    yield "version as a number", headed(1, *head[1:]), "malformed", "10"
    yield "a head of two parts", headed(*head[:2]), "malformed", "10"
    yield "the seed of another log", headed(*head[:2], bytes(16)), "bad-seed", "4.1"
    yield "a genesis that is none", headed(head[0], window(2), head[2]), "malformed", "10"
    yield "no head", items[1:], "malformed", "10"


def _parts() -> Iterator[Fault]:
    s = scene()
    items, log = good_items(s), s.logs[LOG]
    head, first, second, third, bundle = items

    def with_second(**changed: Any) -> list[bytes]:
        return [head, first, part(log, 3, 5, **changed), third, bundle]

    whole: Any = decode(second)
    window_3, rotation = log.entries[3:5]
    yield "the first part missing", [head, second, third, bundle], "missing-entries", "6.4"
    yield "a part missing", [head, first, third, bundle], "missing-entries", "6.4"
    yield "the last part missing", [head, first, second, bundle], "root-mismatch", "10"
    yield "two parts the other way round", [head, second, first, third, bundle], "missing-entries", "6.4"
    short, long = part(log, 0, 1), part(log, 0, 3)
    yield "a record in two parts", [head, short, long, second, third, bundle], "missing-entries", "10"
    yield "a part in tag 18", [head, first, encode(Sign1(whole)), third, bundle], "malformed", "10"
    yield "a part without entries", [head, first, encode([3, [], whole[2]]), third, bundle], "malformed", "10"
    yield "a part of a negative seq", [head, first, encode([-1, *whole[1:]]), third, bundle], "malformed", "10"
    yield "an entry that is no byte string", with_second(entries=[window_3, 5]), "malformed", "10"
    yield "an entry too few", with_second(entries=[window_3]), "wrong-size", "6.3"
    yield "an entry numbered otherwise", with_second(entries=[window(4), rotation]), "wrong-seq", "6.5"
    yield (
        "an entry altered",
        with_second(entries=[window_3.replace(b"\x0a", b"\x0b", 1), rotation]),
        "root-mismatch",
        "6.6",
    )
    yield "a blinded entry", with_second(entries=[log.blinded(3), rotation]), "malformed", "6.5"
    yield "a checkpoint by another key", with_second(checkpoint=log.checkpoint(5, STRANGER)), "bad-signature", "6.2"
    yield (
        "a checkpoint by the key after the change of key",
        with_second(checkpoint=log.checkpoint(5, log.signer)),
        "bad-signature",
        "6.2",
    )
    yield "a checkpoint of another log", with_second(checkpoint=log.checkpoint(5, log_id=bytes(16))), "wrong-log", "6.2"
    yield (
        "a signed root of something else",
        with_second(checkpoint=log.checkpoint(5, root=bytes(32))),
        "root-mismatch",
        "6.6",
    )
    yield (
        "a checkpoint older than its last record",
        with_second(checkpoint=log.checkpoint(5, uptime_ms=4)),
        "time-runs-back",
        "6.5",
    )
    yield "the changes of key inside a part", [head, part(log, 0, 6), bundle], "bad-rotation", "6.5"


def _lies() -> Iterator[Fault]:
    """Records that the board itself wrote wrongly; its log goes no further than they do."""
    for name, entry, reason in (
        ("a record behind the SEAL", encode([1, 7, 1, 50_000, BOOT_BODY]), "sealed"),
        ("a record older than the one before it", encode([1, 7, 1, 49_999, BOOT_BODY]), "time-runs-back"),
    ):
        s = scene()
        log = s.logs[LOG] = replace_entries(s.logs[LOG])
        log.append(8 if reason == "sealed" else 1, {1: 1} if reason == "sealed" else BOOT_BODY)
        log.add(entry)
        ends = [*ENDS, 7, 8]
        items = good_items(s.receipt("late", LOG), ends)
        items[-2] = part(log, 7, 8, checkpoint=log.checkpoint(8, uptime_ms=60_000))
        items[-1] = s.bundle(LOG, 5, "late", acts=ACTS).to_bytes()
        yield name, items, reason, "6.5"


def replace_entries(log: Log) -> Log:
    changed = Log(log.rotations[0][1], log.disclosure_seed)
    for entry in log.entries[1:]:
        changed.add(entry)
    changed.rotations, changed.signer = list(log.rotations), log.signer
    changed.boot, changed.uptime_ms = log.boot, log.uptime_ms
    return changed


def _bundles() -> Iterator[Fault]:
    s = scene()
    items = good_items(s)

    def ending(bundle: bytes) -> list[bytes]:
        return [*items[:-1], bundle]

    good = s.bundle(LOG, 5, acts=ACTS)
    secure = s.bundle("secure", 5, acts=["bind secure"]).to_bytes()
    shorter = s.copy().receipt("shorter", LOG, 5)
    yield "the bundle of another log", ending(secure), "wrong-log", "10"
    yield (
        "a bundle that ends before the parts do",
        ending(shorter.bundle(LOG, 3, "shorter", 5, ACTS).to_bytes()),
        "root-mismatch",
        "10",
    )
    yield "a bundle that no act binds", ending(replace(good, acts=()).to_bytes()), "unknown-log", "8.9"
    yield (
        "a bundle by an unknown service",
        ending(s.copy().receipt("other", LOG, signer=OTHER_SERVICE).bundle(LOG, 5, "other", acts=ACTS).to_bytes()),
        "unknown-service",
        "8.6",
    )
    yield (
        "a bundle of version 2",
        ending(good.to_bytes().replace(b"packseal/bundle/1", b"packseal/bundle/2")),
        "unknown-version",
        "8.1",
    )
