"""Vectors below every entry: CBOR, columns and the frames of the link."""

from __future__ import annotations

from typing import Any

from packseal.io.link import Kind, encode_frame
from packseal.records.cbor import Sign1, Value, encode
from packseal.records.columns import encode_column


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
