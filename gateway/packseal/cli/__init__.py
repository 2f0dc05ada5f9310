"""The command line."""

from packseal.cli import (
    authority,
    board,
    dbc,
    evidence,
    exchange,
    log,
    passport,
    recognise,
    replay,
    site,
    store,
)  # their commands register themselves
from packseal.cli.root import main

__all__ = [
    "authority",
    "board",
    "dbc",
    "evidence",
    "exchange",
    "log",
    "main",
    "passport",
    "recognise",
    "replay",
    "site",
    "store",
]
