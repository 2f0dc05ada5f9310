"""Tells receivers of changes, each in a thread of its own: what was not taken is kept and posted again, for ever.

At least once and in order: the place up to which a receiver was told lies in the store, and moves only behind an
answer of 2xx. docs/api.md describes the request and its signature.
"""

from __future__ import annotations

import hmac
import json
import secrets
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from packseal import __version__
from packseal.apps.changes import changes_for
from packseal.apps.passport_service import PassportService
from packseal.errors import UnavailableError
from packseal.io.http_post import HTTPPost
from packseal.io.passport_rows import Change
from packseal.io.webhook_settings import WebhookTable, webhook_secret
from packseal.passport.access import Reader, ReaderRole

SIGNATURE = "PackSeal-Signature"
BATCH = 100  # changes in one request
POLL_S = 1.0
FIRST_WAIT_S, LONGEST_WAIT_S = 1.0, 300.0
LEASE_MS = 30_000  # longer than a request takes; a worker that was killed is waited for so long
SKIPPED = 1_000  # changes of other batteries behind which the place is written down
JOIN_S = 12


@dataclass(frozen=True, slots=True)
class Wait:
    """How long after how many failures in a row."""

    first_s: float = FIRST_WAIT_S
    longest_s: float = LONGEST_WAIT_S

    def after(self, failures: int) -> float:
        return min(self.longest_s, self.first_s * 2.0 ** min(failures - 1, 30))


class Webhook:
    def __init__(self, table: WebhookTable, service: PassportService, worker: bytes, wait: Wait) -> None:
        """Raises ConfigError where the secret cannot be had."""
        self._table, self._service, self._worker, self._wait = table, service, worker, wait
        self._secret = webhook_secret(table.secret_file)
        self._reader = Reader(ReaderRole.OPERATOR, None if table.batteries is None else frozenset(table.batteries))
        self._post = HTTPPost(table.url, is_private_allowed=table.private)
        self._first = service.store.log.size() - 1  # of a new webhook: what is there already is no news
        self._looked: int | None = None  # changes up to there are told, or of other batteries
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="webhook", daemon=True)
        self.problem = ""

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._ended.set()
        self._post.abort()
        if self._thread.is_alive():
            self._thread.join(JOIN_S)
        with suppress(UnavailableError):  # then it is free when its time is up
            self._service.store.webhooks.release(self._table.url, self._worker)

    def _run(self) -> None:
        failures, wait_s = 0, 0.0
        while not self._ended.wait(wait_s):
            try:
                is_more = self._turn()
                failures, wait_s = 0, 0.0 if is_more else POLL_S
                self.problem = ""
            except UnavailableError as error:
                failures, words = failures + 1, str(error)
                wait_s = self._wait.after(failures)
                self.problem = f"webhook {self._table.url}: {words}; what has changed is kept and posted again"
            except Exception as error:  # a thread's exception would be seen by nobody
                failures, wait_s = failures + 1, self._wait.longest_s
                self.problem = f"webhook {self._table.url}: a fault of packseal's own: {error!r}"

    def _turn(self) -> bool:
        """-> whether there may be more at once. Raises UnavailableError."""
        if self._looked is not None and not self._service.store.changes(self._looked, 1):
            return False
        store, url = self._service.store.webhooks, self._table.url
        now_unix_ms = time.time_ns() // 1_000_000
        told = store.take(url, self._first, self._worker, now_unix_ms, now_unix_ms + LEASE_MS)
        if told is None:
            return False
        after = max(told, -1 if self._looked is None else self._looked)
        changes, last = changes_for(self._service, self._reader, after, BATCH)
        if changes:
            self._tell(changes)
        if changes or last - told > SKIPPED:
            store.set_told(url, last, self._worker)
        self._looked = last
        return last != after

    def _tell(self, changes: Sequence[Change]) -> None:
        items = [{"index": one.index, "passport": one.passport, "kind": one.kind} for one in changes]
        body = json.dumps({"changes": items}).encode()
        headers = {
            "Content-Type": "application/json",
            "User-Agent": f"packseal/{__version__}",
            SIGNATURE: signature(self._secret, int(time.time()), body),
        }
        status = self._post.post(body, headers)
        if not 200 <= status < 300:
            raise UnavailableError(f"answers {status}")


class Webhooks:
    """All of a service."""

    def __init__(self, tables: Sequence[WebhookTable], service: PassportService, wait: Wait | None = None) -> None:
        """Raises ConfigError, UnavailableError."""
        worker = secrets.token_bytes(16)
        self._all = [Webhook(table, service, worker, wait or Wait()) for table in tables]

    def start(self) -> None:
        for one in self._all:
            one.start()

    def stop(self) -> None:
        for one in self._all:
            one.stop()

    def problems(self) -> list[str]:
        return [one.problem for one in self._all if one.problem]


def signature(secret: bytes, unix_s: int, body: bytes) -> str:
    """t=<time>,v1=<HMAC-SHA-256 over the time in decimal digits, a full stop and the body, in hexadecimal digits>"""
    digest = hmac.new(secret, b"%d.%b" % (unix_s, body), "sha256").hexdigest()
    return f"t={unix_s},v1={digest}"
