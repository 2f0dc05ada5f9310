"""The log of what the commands for other ecosystems sent: where it is, and what it says to a person."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from packseal.apps.wall_clock import now_unix_ms
from packseal.io.partner_http import Before
from packseal.io.sent_log import Sent, SentLog, log_path
from packseal.records.report import utc


def kept(settings: Path) -> Before:
    """Keeps a line of each body that is sent by these settings, before it is."""
    return SentLog(log_path(settings), now_unix_ms).add


def sent_lines(found: Iterable[Sent]) -> list[str]:
    """Two for each."""
    return [line for one in found for line in _lines(one)]


def _lines(one: Sent) -> tuple[str, str]:
    head = f"{utc(one.unix_ms)}  {one.method} {one.url}: {one.size} bytes, SHA-256 {one.sha256}"
    return head, f"  {', '.join(one.names) or 'nothing'}"
