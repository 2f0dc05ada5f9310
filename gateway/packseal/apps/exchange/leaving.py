"""The one way out: a document's bytes are given only after the log of what left has its line on the disk.

The bytes are the canonical ones of the document (keys in order, no white space, UTF-8), so that whoever has them and
the log can compare. Formats that are no JSON say what their bytes are.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable

from packseal.errors import EgressError
from packseal.exchange.export import Export
from packseal.exchange.rules import Partner
from packseal.io.outgoing_log_table import Outgoing, OutgoingLogTable


def json_bytes(document: object) -> bytes:
    return json.dumps(document, sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()


class Leaving:
    """Usable from any thread."""

    def __init__(self, table: OutgoingLogTable, now_unix_ms: Callable[[], int]) -> None:
        self._table, self._now_unix_ms = table, now_unix_ms

    def bytes_of(self, export: Export, partner: Partner, battery: str, content: bytes | None = None) -> bytes:
        """What may be sent now. content: of a format that is no JSON; else the document's own.

        Raises UnavailableError where the log cannot be kept, and EgressError for a leaf that no rule lets out: then
        nothing leaves.
        """
        _check(export, partner)
        sent = json_bytes(export.document) if content is None else content
        self._table.add(self._line(export, partner, battery, sent))
        return sent

    def _line(self, export: Export, partner: Partner, battery: str, sent: bytes) -> Outgoing:
        leaves = export.leaves.values()
        return Outgoing(
            self._now_unix_ms(), battery, export.passport, partner.id, partner.audience, partner.contract,
            export.target, tuple(sorted({leaf.rule for leaf in leaves})),
            tuple(sorted({key for leaf in leaves for key in leaf.keys})), hashlib.sha256(sent).digest(), len(sent),
        )  # fmt: skip


def _check(export: Export, partner: Partner) -> None:
    known = {rule.id for rule in partner.rules}
    stray = [place for place, leaf in export.leaves.items() if leaf.key and leaf.rule not in known]
    if stray:
        words = f"{export.target}: {stray[0] or 'the whole'} is let out by no rule of {partner.id}"
        raise EgressError(f"{words}; nothing left")
