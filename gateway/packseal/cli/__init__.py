"""The command line."""

from packseal.cli import authority, evidence, log, site  # their commands register themselves
from packseal.cli.root import main

__all__ = ["authority", "evidence", "log", "main", "site"]
