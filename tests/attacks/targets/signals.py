"""Descriptions of signals and tables of measurements, as people are given them by others."""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from packseal.io.table_file import open_table, unix_ms
from packseal.signals import load_dbc
from packseal.signals.binding import parse_binding
from packseal.signals.column_names import columns_of
from packseal.signals.compile import compile_table
from packseal.signals.dbc_report import check_dbc
from packseal.signals.dbc_suggestion import suggest_binding
from packseal.signals.diagnostics import load_signalset
from packseal.signals.diagnostics.definitions import definitions_decoder
from packseal.signals.diagnostics.obdb import is_signalset
from packseal.signals.diagnostics.services import answer_to, checked_ask
from packseal.signals.diagnostics.transmit import parse_request
from packseal.signals.table_rows import TableRows
from tests.attacks.targets.target import Target, of_file, text

ROOT = Path(__file__).resolve().parents[3]
BINDINGS = ROOT / "gateway/packseal/signals/bindings"
OWN_DBC = (ROOT / "dbc/packseal.dbc").read_bytes()
SMALL_DBC = text(
    'VERSION ""\nNS_ :\nBS_:\nBU_: A\n'
    'BO_ 100 M: 8 A\n SG_ S M : 0|4@1+ (1,0) [0|0] "" A\n SG_ T m1 : 8|16@0- (0.5,-40) [0|0] "degC" A\n'
    ' SG_ F m2 : 32|32@1- (1,0) [0|0] "V" A\nBO_ 2566844926 P: 64 A\n SG_ PackVoltage : 0|12@1+ (0.1,0) [0|409] "V" A\n'
    'CM_ SG_ 100 T "a text; of it";\nBA_DEF_ SG_ "x" INT 0 9;\nBA_DEF_DEF_ "x" 1;\nBA_ "x" SG_ 100 T 3;\n'
    'VAL_ 100 S 15 "not available" 14 "error";\nSIG_VALTYPE_ 100 F : 1;\nSG_MUL_VAL_ 100 T S 1-1, 3-4;\n'
)
SIGNALSET = json.dumps(
    {
        "commands": [
            {
                "hdr": "7E4",
                "rax": "7EC",
                "cmd": {"22": "0101"},
                "freq": 1,
                "signals": [
                    {"id": "SOC", "fmt": {"len": 8, "max": 100, "div": 2, "unit": "percent"}},
                    {"id": "AMPS", "fmt": {"bix": 8, "len": 16, "max": 500, "div": 10, "sign": True, "add": -1}},
                    {"id": "MODE", "fmt": {"bix": 24, "len": 8, "map": {"0": "OFF", "255": {"value": "unknown"}}}},
                ],
            },
            {
                "hdr": "DA10F1",
                "cmd": {"22": "F190"},
                "filter": {"from": 2020, "years": [2018]},
                "signals": [{"id": "VOLTS", "fmt": {"len": 12, "max": 4000, "nullmax": 3000, "unit": "volts"}}],
            },
        ]
    }
).encode()
CSV = text("time,current,voltage,temperature\n0,0.5,3.7,21\n1,0.6,3.69,21\n2,-0.5,3.71,22\n")
DATED = text("Time;Current (A);Voltage (V)\n2027-01-02 03:04:05;0,5;3,7\n2027-01-02 03:04:06;0,6;3,69\n")


def targets() -> Mapping[str, Target]:
    bindings = tuple(path.read_bytes() for path in sorted(BINDINGS.glob("*.toml")))
    asks = (b"7E4:220101", b"18DA10F1:22F190", b"6F1+07:22DDBC")
    return {
        "DBC": Target(_loaded, (SMALL_DBC, OWN_DBC), rounds=25),
        "report on a DBC": Target(check_dbc, (SMALL_DBC,), rounds=25),
        "OBDb signal set": Target(_definitions, (SIGNALSET,)),
        "binding": Target(lambda content: parse_binding(_decoded(content)), bindings, rounds=60),
        "entry of transmit": Target(lambda content: parse_request(_decoded(content)), asks),
        "diagnostic request": Target(
            lambda content: answer_to(checked_ask(content)),
            (b"\x22\x01\x01", b"\x01\x0c"),
            refusals=(ValueError,),  # its docstring says so; the setting's reader names the entry beside it
        ),
        "CSV of measurements": Target(of_file("drive.csv", _measured), (CSV, DATED)),
        "gzipped CSV": Target(of_file("drive.csv.gz", _measured), (gzipped(CSV),), rounds=60),
        "Parquet of measurements": Target(of_file("drive.parquet", _measured), (parquet(),), rounds=60),
    }


def _decoded(content: bytes) -> str:
    """As its callers have it: text already, whatever it says."""
    return content.decode(errors="replace")


def _loaded(content: bytes) -> object:
    """What `dbc check`, `show`, `bind` and `compile` do with one."""
    decoder = load_dbc(content)
    suggest_binding(decoder, "own", "own.dbc")
    if content == OWN_DBC:
        compile_table(parse_binding((BINDINGS / "packseal_board.toml").read_text()), decoder)
    return decoder


def _definitions(content: bytes) -> object:
    if not is_signalset(content):
        return load_dbc(content)
    definitions, _ = load_signalset(content)
    return definitions_decoder(definitions)


def _measured(path: Path) -> object:
    """As `packseal replay` reads them."""
    table = open_table(path)
    columns = columns_of(table.names, {})
    rows = TableRows(columns, 1, 1, unix_ms)
    return list(_few(rows.rows(table.rows(rows.names))))


def _few(rows: Iterator[object]) -> Iterator[object]:
    for _, row in zip(range(1000), rows, strict=False):
        yield row


def gzipped(content: bytes) -> bytes:
    return gzip.compress(content, mtime=0)


def parquet() -> bytes:
    rows = list(csv.reader(io.StringIO(CSV.decode())))
    columns = {name: [float(row[at]) for row in rows[1:]] for at, name in enumerate(rows[0])}
    written = io.BytesIO()
    pq.write_table(pa.table(columns), written)
    return written.getvalue()
