"""Writes the vectors that board code and gateway code both read; run by `make vectors`, compared in every check.

Everything is made from fixed keys and numbers, so a second run writes the same bytes. Signatures are Ed25519, which is
deterministic. A bad vector has one fault and is named after it.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nacl.signing import SigningKey

from packseal.io.link import Kind, encode_frame
from packseal.records.bundle import Bundle
from packseal.records.cbor import Sign1, Value, decode, encode
from packseal.records.checkpoint import Checkpoint, Receipt, sign_checkpoint, sign_receipt
from packseal.records.columns import encode_column
from packseal.records.cose import sign1
from packseal.records.entries import (
    Config,
    Key,
    MeanMinMax,
    Origin,
    Window,
    encode_config,
    encode_key,
    encode_window,
    log_id_of,
)
from packseal.records.log import Delivery
from packseal.records.merkle import Edge, inclusion_proof, leaf_hash

FOLDER = Path(__file__).parent
BOARD, OTHER_BOARD, SERVICE, OTHER_SERVICE = (SigningKey(bytes([n]) * 32) for n in (1, 2, 3, 4))
RECEIVED_UNIX_MS = 1_797_000_000_000


def sign_with(key: SigningKey) -> Any:
    return lambda message: key.sign(message).signature


def public(key: SigningKey) -> bytes:
    return bytes(key.verify_key)


@dataclass(frozen=True)
class Named:
    name: str
    content: bytes


def window(seq: int) -> bytes:
    return encode_window(
        seq,
        1,
        10_000 * seq,
        Window(
            duration_ms=10_000,
            samples=10,
            slots_missed=int(seq == 5),
            pack_current_ma=MeanMinMax(-5000 - seq, -5100, -4900),
            pack_voltage_mv=MeanMinMax(22_310, 22_300, 22_320),
            cell_mv=(3718, 3719, 3717, None, 3720, 3718),
            temperature_ddegc=(251, -13),
            soc_cpct=5000 + seq if seq > 3 else None,
            counters=(seq, 2 * seq, 3 * seq, 4 * seq),
            values_unavailable=int(seq == 4),
        ),
    )


def named_entries() -> list[Named]:
    """A log with one entry of every kind that version 1 gives a body to, and one of a kind it does not."""
    digest = bytes(range(32))
    boot: dict[int, Value] = {1: digest, 2: 1, 3: 0, 4: 60, 5: 12, 6: 2, 7: 10_000}
    soh: dict[int, Value] = {1: 1, 2: [2, 6], 3: 10_000, 4: [9120, 45], 5: [9120, 45], 6: [41_000, 900], 7: 252}
    soh |= {8: [3000, 8200], 9: 120}
    return [
        Named("genesis", encode_key(0, 1, 0, Key(public(BOARD), Origin.BOARD, bytes(range(16))))),
        Named("boot", encode([1, 1, 1, 5, boot])),
        *(Named(f"window {seq}", window(seq)) for seq in range(2, 7)),
        Named("state of health", encode([3, 7, 1, 70_120, soh])),
        Named("gap", encode([5, 8, 1, 80_000, {1: 1, 2: 3, 3: [70_120, 80_000]}])),
        Named("config", encode_config(9, 1, 80_000, Config(digest, digest, digest, (10, 9, 1, 1, 0, 4)))),
        Named("window with a field that version 1 does not know", encode([2, 10, 1, 90_000, {1: 10_000, 2: 9, 99: 1}])),
        Named("a type that version 1 gives no body to", encode([31, 11, 2, 90_000, {7: []}])),
    ]


def bad_entries() -> list[Named]:
    good = named_entries()[2].content
    fields: list[Value] = decode(good)  # type: ignore[assignment]
    digest = bytes(32)
    soh: dict[int, Value] = {1: 1, 2: [2, 6], 3: 10_000, 4: [9120, 45], 5: [9120, 45], 9: 120}

    def changed(index: int, value: Value) -> bytes:
        return encode([*fields[:index], value, *fields[index + 1 :]])

    return [
        Named("truncated", good[:-1]),
        Named("a byte too many", good + b"\x00"),
        Named("not an array", encode({0: 1})),
        Named("four items", encode(fields[:4])),
        Named("type 0", changed(0, 0)),
        Named("type 32", changed(0, 32)),
        Named("negative seq", changed(1, -1)),
        Named("seq of 2^24", changed(1, 1 << 24)),
        Named("boot 0", changed(2, 0)),
        Named("boot of 2^32", changed(2, 1 << 32)),
        Named("negative uptime", changed(3, -1)),
        Named("uptime of 2^63", changed(3, 1 << 63)),
        Named("body is not a map", changed(4, [1])),
        Named("a window without samples", changed(4, {1: 1})),
        Named("a window of 2^63 ms", changed(4, {1: 1 << 63, 2: 1})),
        Named("a mean of 2^63", changed(4, {1: 1, 2: 1, 4: [1 << 63, 0, 0]})),
        Named("a minimum below -2^63", changed(4, {1: 1, 2: 1, 4: [0, -(1 << 63) - 1, 0]})),
        Named("a charge of 2^63", changed(4, {1: 1, 2: 1, 8: 1 << 63})),
        Named("a counter of 2^63", changed(4, {1: 1, 2: 1, 9: [0, 0, 0, 1 << 63]})),
        Named("a negative counter", changed(4, {1: 1, 2: 1, 9: [0, -1, 0, 0]})),
        Named("a column that ends inside a number", changed(4, {1: 1, 2: 1, 6: b"\x81"})),
        Named("longer than 512 bytes", changed(4, {1: 1, 2: 1, 99: bytes(500)})),
        Named("a key of 31 bytes", encode([6, 0, 1, 0, {0: 1, 1: -19, 2: bytes(31), 3: 1, 4: bytes(16)}])),
        Named("a statement on record 2^24", encode([3, 7, 1, 5, soh | {2: [2, 1 << 24]}])),
        Named("a statement with an uncertainty of 2^63", encode([3, 7, 1, 5, soh | {4: [1, 1 << 63]}])),
        Named("a temperature of 2^63", encode([3, 7, 1, 5, soh | {7: 1 << 63}])),
        Named("a gap of 2^63 windows", encode([5, 8, 1, 5, {1: 1, 2: 1 << 63, 3: [0, 5]}])),
        Named("a gap up to 2^63", encode([5, 8, 1, 5, {1: 1, 2: 3, 3: [0, 1 << 63]}])),
        Named("a loss of 2^63", encode([9, 9, 1, 5, {1: digest, 2: digest, 3: digest, 4: [0, 0, 0, 0, 0, 1 << 63]}])),
        Named("a key of another algorithm", encode([6, 0, 1, 0, {0: 1, 1: -8, 2: bytes(32), 3: 1, 4: bytes(16)}])),
    ]


def cbor_vectors() -> dict[str, Any]:
    numbers = [0, 23, 24, 255, 256, 65_535, 65_536, (1 << 32) - 1, 1 << 32, (1 << 64) - 1]
    values: list[Value] = [
        *numbers,
        *(-1 - n for n in numbers),
        b"",
        b"\x00" * 24,
        "",
        "ü",
        None,
        [],
        {},
        [[1], {1: b"x"}],
    ]
    values += [{-1: 1, 24: 2, 0: 3}, Sign1([b"", {}, b"", b""])]
    refused = {
        "empty": "",
        "integer not in shortest form, 1 byte": "1817",
        "integer not in shortest form, 2 bytes": "1900ff",
        "integer not in shortest form, 4 bytes": "1a0000ffff",
        "integer not in shortest form, 8 bytes": "1b00000000ffffffff",
        "length not in shortest form": "580100",
        "indefinite array": "9fff",
        "indefinite string": "5f4100ff",
        "break alone": "ff",
        "reserved head": "1c",
        "float": "f93c00",
        "true": "f5",
        "undefined": "f7",
        "tag 1": "c101",
        "big number": "c24101",
        "tag 18 on no array": "d201",
        "tag 18 twice": "d2d280",
        "duplicate key": "a201010102",
        "keys out of order": "a202010101",
        "keys out of order, negative first": "a220010001",
        "text key": "a1616101",
        "text that is not UTF-8": "61ff",
        "nested deeper than 8": "818181818181818101",
        "array longer than the input": "9bffffffffffffffff",
        "string longer than the input": "5bffffffffffffffff",
        "map longer than the input": "bbffffffffffffffff",
        "a byte too many": "0000",
    }
    return {"accepted": [encode(value).hex() for value in values], "refused": refused}


def log_vectors() -> dict[str, Any]:
    entries = named_entries()
    genesis = entries[0].content
    edge, steps = Edge(), []
    for entry in entries:
        leaf = leaf_hash(entry.content)
        edge = edge.extended([leaf])
        steps.append(
            {
                "name": entry.name,
                "entry": entry.content.hex(),
                "leaf": leaf.hex(),
                "root": edge.root().hex(),
                "edge": [root.hex() for root in edge.roots],
            }
        )
    checkpoint = Checkpoint(log_id_of(genesis), edge.size, edge.root(), 2, 90_000)
    receipt = Receipt(checkpoint.log_id, edge.size, edge.root(), 4, RECEIVED_UNIX_MS)
    signed = sign_checkpoint(checkpoint, sign_with(BOARD))
    return {
        "board_seed": bytes(BOARD).hex(),
        "board_public_key": public(BOARD).hex(),
        "service_seed": bytes(SERVICE).hex(),
        "service_public_key": public(SERVICE).hex(),
        "log_id": checkpoint.log_id.hex(),
        "steps": steps,
        "checkpoint": signed.hex(),
        "receipt": sign_receipt(receipt, sign_with(SERVICE), public(SERVICE)).hex(),
        "delivery": Delivery(genesis, 0, tuple(e.content for e in entries), signed).to_bytes().hex(),
    }


def link_vectors() -> list[dict[str, Any]]:
    bodies = {
        "empty": b"",
        "zeros": bytes(300),
        "254 bytes without a zero": b"\x01" * 249,
        "long": bytes(range(256)) * 3,
    }
    return [
        {"name": name, "kind": int(Kind.ENTRY), "body": body.hex(), "frame": encode_frame(Kind.ENTRY, body).hex()}
        for name, body in bodies.items()
    ]


def bundle_vectors() -> dict[str, Any]:
    contents = [entry.content for entry in named_entries()]
    leaves = [leaf_hash(content) for content in contents]
    genesis, size, root = contents[0], len(contents), Edge().extended(leaves).root()
    log_id = log_id_of(genesis)
    checkpoint = sign_checkpoint(Checkpoint(log_id, size, root, 2, 90_000), sign_with(BOARD))
    receipt = Receipt(log_id, size, root, 4, RECEIVED_UNIX_MS)
    signed_receipt = sign_receipt(receipt, sign_with(SERVICE), public(SERVICE))
    other_genesis = encode_key(0, 1, 0, Key(public(OTHER_BOARD), Origin.BOARD, bytes(16)))

    def bundle(seq: int = 7, **changes: Any) -> bytes:
        parts = {"entry": contents[seq], "proof": tuple(inclusion_proof(leaves, seq)), **changes}
        parts = {"genesis": genesis, "checkpoint": checkpoint, "receipt": signed_receipt, **parts}
        return Bundle(**parts).to_bytes()

    def receipted(**changes: Any) -> bytes:
        parts = {"log_id": log_id, "size": size, "root": root, "service_index": 4, **changes}
        changed = Receipt(**{"received_unix_ms": RECEIVED_UNIX_MS, **parts})
        return bundle(receipt=sign_receipt(changed, sign_with(SERVICE), public(SERVICE)))

    def checked(**changes: Any) -> bytes:
        parts = {"log_id": log_id, "size": size, "root": root, "boot": 2, "uptime_ms": 90_000, **changes}
        return bundle(checkpoint=sign_checkpoint(Checkpoint(**parts), sign_with(BOARD)))

    version_2 = encode([2, log_id, size, root, 2, 90_000, None, None])
    whole: Any = decode(bundle())
    rogue_receipt = sign_receipt(receipt, sign_with(OTHER_SERVICE), public(SERVICE))
    unknown_receipt = sign_receipt(receipt, sign_with(OTHER_SERVICE), public(OTHER_SERVICE))
    bad = [
        ("truncated", bundle()[:-1], "malformed", "7.1"),
        ("whole bundle in tag 18", encode(Sign1(whole)), "malformed", "7.1"),
        ("proof in tag 18", encode([*whole[:3], Sign1(whole[3]), *whole[4:]]), "malformed", "7.1"),
        ("longer than 4096 bytes", bundle(entry=bytes(5000)), "malformed", "7.1"),
        ("version 2", encode(["packseal/bundle/2", *whole[1:]]), "unknown-version", "7.1"),
        ("genesis is a window", bundle(genesis=contents[2]), "malformed", "7.2"),
        ("a log that the policy does not list", bundle(genesis=other_genesis), "unknown-log", "7.2"),
        ("checkpoint of another log", checked(log_id=bytes(16)), "wrong-log", "7.3"),
        (
            "checkpoint signed by another key",
            bundle(checkpoint=sign_checkpoint(Checkpoint(log_id, size, root, 2, 90_000), sign_with(OTHER_BOARD))),
            "bad-signature",
            "7.3",
        ),
        (
            "checkpoint signed as a receipt",
            bundle(
                checkpoint=sign1(
                    encode([1, log_id, size, root, 2, 90_000, None, None]), "packseal/receipt/1", sign_with(BOARD)
                )
            ),
            "bad-signature",
            "7.3",
        ),
        (
            "checkpoint of version 2",
            bundle(checkpoint=sign1(version_2, "packseal/checkpoint/1", sign_with(BOARD))),
            "unknown-version",
            "4.2",
        ),
        ("checkpoint of boot 0", checked(boot=0), "malformed", "4.2"),
        ("checkpoint of boot 2^32", checked(boot=1 << 32), "malformed", "4.2"),
        ("checkpoint of a negative uptime", checked(uptime_ms=-1), "malformed", "4.2"),
        ("checkpoint of an uptime of 2^63", checked(uptime_ms=1 << 63), "malformed", "4.2"),
        ("checkpoint of a negative hwcounter", checked(hwcounter=-1), "malformed", "4.2"),
        ("checkpoint of an hwcounter of 2^63", checked(hwcounter=1 << 63), "malformed", "4.2"),
        (
            "entry altered",
            bundle(entry=contents[7].replace(b"\x19\x23\xa0", b"\x19\x23\xa1")),
            "bad-inclusion-proof",
            "7.5",
        ),
        ("proof of another entry", bundle(proof=tuple(inclusion_proof(leaves, 6))), "bad-inclusion-proof", "7.5"),
        ("proof too short", bundle(proof=tuple(inclusion_proof(leaves, 7)[:-1])), "bad-inclusion-proof", "7.5"),
        ("proof too long", bundle(proof=(*inclusion_proof(leaves, 7), bytes(32))), "bad-inclusion-proof", "7.5"),
        ("entry beyond the checkpoint", bundle(entry=window(12)), "wrong-seq", "7.4"),
        ("entry does not decode", bundle(entry=b"\x80"), "malformed", "7.4"),
        ("receipt of an unknown service", bundle(receipt=unknown_receipt), "unknown-service", "7.6"),
        ("receipt not signed by the key it names", bundle(receipt=rogue_receipt), "bad-signature", "7.6"),
        ("receipt with a negative service_index", receipted(service_index=-1), "malformed", "6.2"),
        ("receipt with a service_index of 2^63", receipted(service_index=1 << 63), "malformed", "6.2"),
        ("receipt of a time before 1970", receipted(received_unix_ms=-1), "malformed", "6.2"),
        ("receipt of a time of 2^63", receipted(received_unix_ms=1 << 63), "malformed", "6.2"),
        ("receipt for another size", receipted(size=size - 1), "receipt-mismatch", "7.6"),
        ("receipt for another root", receipted(root=bytes(32)), "receipt-mismatch", "7.6"),
        ("receipt for another log", receipted(log_id=bytes(16)), "receipt-mismatch", "7.6"),
    ]
    return {
        "policy": {"log_id": log_id.hex(), "battery": "vector-pack", "service": public(SERVICE).hex()},
        "good": [{"seq": seq, "bundle": bundle(seq).hex()} for seq in range(size)],
        "bad": [
            {"name": name, "bundle": content.hex(), "reason": reason, "clause": f"record.md section {clause}"}
            for name, content, reason, clause in bad
        ],
    }


def columns_vectors() -> list[dict[str, Any]]:
    rows: list[list[int | None]] = [
        [],
        [0],
        [None],
        [3700],
        [3700, None, 3698],
        [-400, 850],
        [2_147_483_647, -2_147_483_648],
    ]
    rows.append([3700 + n % 7 for n in range(96)])
    return [{"values": row, "column": encode_column(row).hex()} for row in rows]


def vectors() -> dict[str, Any]:
    return {
        "cbor.json": cbor_vectors(),
        "columns.json": columns_vectors(),
        "entries_bad.json": [{"name": bad.name, "entry": bad.content.hex()} for bad in bad_entries()],
        "log.json": log_vectors(),
        "link.json": link_vectors(),
        "bundles.json": bundle_vectors(),
    }


def main() -> int:
    """Writes the files; with --check compares instead and answers 1 where one differs."""
    texts = {name: json.dumps(content, indent=1) + "\n" for name, content in vectors().items()}
    differing = [
        name for name, text in texts.items() if not (FOLDER / name).exists() or (FOLDER / name).read_text() != text
    ]
    if "--check" in sys.argv[1:]:
        sys.stdout.write(
            "".join(f"{name} is not what make_vectors.py makes; run: make vectors\n" for name in differing)
        )
        return 1 if differing else 0
    for name in differing:
        (FOLDER / name).write_text(texts[name])
    return 0


if __name__ == "__main__":
    sys.exit(main())
