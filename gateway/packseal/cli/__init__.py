"""The command line."""

from packseal.cli import (
    audit,
    authority,
    bench,
    board,
    dbc,
    evidence,
    exchange,
    gateway,
    log,
    operate,
    passport,
    recognise,
    replay,
    site,
    store,
)  # their commands register themselves
from packseal.cli.root import main

__all__ = [
    "audit",
    "authority",
    "bench",
    "board",
    "dbc",
    "evidence",
    "exchange",
    "gateway",
    "log",
    "main",
    "operate",
    "passport",
    "recognise",
    "replay",
    "site",
    "store",
]
