"""The command line."""

from packseal.cli import (
    authority,
    board,
    dbc,
    evidence,
    log,
    passport,
    replay,
    site,
    store,
)  # their commands register themselves
from packseal.cli.root import main

__all__ = ["authority", "board", "dbc", "evidence", "log", "main", "passport", "replay", "site", "store"]
