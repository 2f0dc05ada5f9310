"""Asks one partner of a data space over HTTP: JSON there and back, repeated where that can do no harm.

A request is repeated, later and later, when the partner is busy (429), and, where it may arrive twice, also after 502,
503, 504 and after no answer (RFC 9110 section 9.2.2 names the methods). Retry-After is kept (section 10.2.3): who asks
for longer than anybody waits here is asked no more. What a partner answers is read up to a limit; what it refuses is
an error with its own code and words. Nothing follows a redirect, nothing goes to another machine without TLS.
"""

from __future__ import annotations

import json
import random
import re
import ssl
import time
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from functools import partial
from http.client import HTTPResponse
from types import MappingProxyType
from typing import TypeAlias
from urllib.parse import quote_plus, urlencode, urlsplit

from packseal import __version__
from packseal.errors import AddressError, PartnerRefusedError, PartnerUnavailableError, UnavailableError
from packseal.io.circuit_breaker import CircuitBreaker
from packseal.io.http_client import checked_url
from packseal.io.http_connection import connection_to
from packseal.io.partner_refusal import said

Body: TypeAlias = "Mapping[str, object] | Sequence[object]"
Query: TypeAlias = "Mapping[str, str | int | Sequence[str]]"
NOTHING: Mapping[str, str] = MappingProxyType({})
MAX_ANSWER_BYTES = 8 << 20  # a thousand parts or twins of 8 KiB
PIECE_BYTES = 1 << 16
FIRST_PAUSE_S = 0.5
MAX_PAUSE_S = 60.0
REPEATABLE = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "DELETE"})
LATER = frozenset({502, 503, 504})
BUSY = 429
CREDENTIAL = re.compile("password|secret|token|api_?key", re.IGNORECASE)  # in names of what logins and renewals send
TRACKING = ("x-track", "x-trackingid", "x-request-id")


def nothing_before(_method: str, _url: str, _content: bytes) -> None:
    """For what is no passport's: tokens, questions, addresses of partners."""


Before: TypeAlias = Callable[[str, str, bytes], None]


@dataclass(frozen=True, slots=True)
class Answer:
    """headers: by name in small letters; of one that came twice, both with a comma between."""

    status: int
    headers: Mapping[str, str]
    content: bytes = field(repr=False)

    def json(self) -> object:
        """None where there is no content. Raises PartnerUnavailableError: such a partner is broken."""
        try:
            return json.loads(self.content) if self.content else None
        except (ValueError, RecursionError):
            raise PartnerUnavailableError("the partner's answer is no JSON; ask its operator", self.status) from None


@dataclass(frozen=True, slots=True)
class _Asked:
    method: str
    target: str
    content: bytes | None
    headers: Mapping[str, str]
    is_repeatable: bool
    secrets: Sequence[str] = field(repr=False)


class PartnerHTTP:
    """For several threads. One for each partner, since its circuit breaker is."""

    def __init__(
        self,
        base_url: str,
        *,
        headers: Callable[[], Mapping[str, str]] = lambda: NOTHING,
        renew: Callable[[], None] | None = None,
        renewed_at: Container[int] = (401,),
        clock_s: Callable[[], float] = time.monotonic,
        now_unix_s: Callable[[], float] = time.time,
        wait: Callable[[float], None] = time.sleep,
        chance: Callable[[], float] = random.random,
        timeout_s: float = 10.0,
        attempts: int = 4,
        is_private_allowed: bool = False,
        tls: ssl.SSLContext | None = None,
        max_bytes: int = MAX_ANSWER_BYTES,
        breaker: CircuitBreaker | None = None,
        before: Before = nothing_before,
    ) -> None:
        """headers: with the credential, asked for each attempt. renew: called once before another attempt, after
        a status of renewed_at: some answer 403 to a token that has ended.

        timeout_s: of each attempt as a whole. before: called with the bytes of a body, once before they are sent; what
        it raises stops them. Raises ConfigError for an address that is none.
        """
        self.base_url = checked_url(base_url)
        self._headers, self._renew, self._wait, self._chance = headers, renew, wait, chance
        self._renewed_at = renewed_at
        self._now_unix_s, self._timeout_s, self._attempts = now_unix_s, timeout_s, attempts
        self._is_private_allowed, self._tls, self._max_bytes = is_private_allowed, tls, max_bytes
        self._breaker, self._before = breaker or CircuitBreaker(clock_s), before

    def request(
        self,
        method: str,
        path: str,
        *,
        query: Query | None = None,
        body: Body | None = None,
        form: Mapping[str, str] | None = None,
        headers: Mapping[str, str] = NOTHING,
        idempotency_key: str | None = None,
        is_repeatable: bool | None = None,
    ) -> Answer:
        """path: from the base address on, its parts quoted by the caller. body: sent as JSON; form: as a form.
        idempotency_key: sent as a header; with it, or with is_repeatable, a POST too may arrive twice. is_repeatable
        False: not even a PUT may, as where each makes something new.

        -> an answer below 300. Raises PartnerRefusedError (3xx, 4xx), PartnerUnavailableError, AddressError.
        """
        key = {"Idempotency-Key": idempotency_key} if idempotency_key else {}
        content, kind = _content(body, form)
        by_method = method in REPEATABLE or idempotency_key is not None
        may_repeat = by_method if is_repeatable is None else is_repeatable
        target, shown = _target(self.base_url, path, query), {**kind, **headers, **key}
        if content is not None:
            self._before(method, self.base_url + path, content)
        secrets = [secret for sent in (body, form) for secret in _secrets_in(sent)]
        return self._insist(_Asked(method, target, content, shown, may_repeat, secrets))

    def _insist(self, asked: _Asked) -> Answer:
        attempt, may_renew = 1, True
        while True:
            self._check_open()
            try:
                return self._ask(asked)
            except PartnerRefusedError as error:
                if error.status not in self._renewed_at or self._renew is None or not may_renew:
                    raise
                may_renew = False  # a refused request was not carried out, whatever its method
                self._renew()
            except PartnerUnavailableError as error:
                if attempt >= self._attempts or not _may_repeat(asked, error):
                    raise
                self._wait(self._pause_s(attempt, error))
                attempt += 1

    def _check_open(self) -> None:
        if wait_s := self._breaker.wait_s():
            words = f"{self.base_url}: failed again and again; asked again in {wait_s:.0f} s at the earliest"
            raise PartnerUnavailableError(words, retry_after_s=wait_s)

    def _pause_s(self, attempt: int, error: PartnerUnavailableError) -> float:
        grown_s = min(FIRST_PAUSE_S * 2.0 ** (attempt - 1), MAX_PAUSE_S)
        spread_s = grown_s * (0.5 + self._chance() / 2)  # so that many who failed together do not come back together
        return max(error.retry_after_s, spread_s)

    def _ask(self, asked: _Asked) -> Answer:
        shown = self._headers()
        try:
            answer = self._answer(asked, shown)
        except PartnerUnavailableError:
            self._breaker.failed()
            raise
        if answer.status >= 500:
            self._breaker.failed()
        else:
            self._breaker.answered()
        return self._accepted(asked, answer, [*_secrets(shown), *asked.secrets])

    def _answer(self, asked: _Asked, shown: Mapping[str, str]) -> Answer:
        sent = {"Accept": "application/json", "User-Agent": f"packseal/{__version__}", **shown, **asked.headers}
        open_to = partial(connection_to, is_private_allowed=self._is_private_allowed, is_plain_allowed=False)
        try:
            with open_to(self.base_url, self._timeout_s, tls=self._tls) as connection:
                connection.request(asked.method, asked.target, asked.content, sent)
                response = connection.getresponse()
                return Answer(response.status, _by_name(response), self._read(response))
        except AddressError:
            raise
        except UnavailableError as error:
            raise PartnerUnavailableError(f"{self.base_url}: {error}; check address and network") from None

    def _read(self, response: HTTPResponse) -> bytes:
        content = bytearray()
        while piece := response.read1(PIECE_BYTES):
            content += piece
            if len(content) > self._max_bytes:
                raise UnavailableError(f"more than {self._max_bytes} bytes, so not what was asked for")
        return bytes(content)

    def _accepted(self, asked: _Asked, answer: Answer, secrets: Sequence[str]) -> Answer:
        if 200 <= answer.status < 300:
            return answer
        code, words = said(answer.content, secrets)
        place = f"{self.base_url}: {asked.method} {asked.target.partition('?')[0]}"
        tracking = next((answer.headers[name][:100] for name in TRACKING if name in answer.headers), "")
        told = " ".join(part for part in (code, words) if part)
        if answer.status == BUSY or answer.status >= 500:
            detail = f"{place} answers {answer.status} {told}".rstrip()
            wait_s = self._retry_after_s(answer)
            raise PartnerUnavailableError(detail, answer.status, code, tracking, wait_s)
        if 300 <= answer.status < 400:
            told = "and points elsewhere, where nothing follows; set the address that it means"
        raise PartnerRefusedError(f"{place} answers {answer.status} {told}".rstrip(), answer.status, code, tracking)

    def _retry_after_s(self, answer: Answer) -> float:
        shown = answer.headers.get("retry-after", "").strip()
        if shown.isascii() and shown.isdigit():
            return float(shown[:9])
        try:
            return max(0.0, parsedate_to_datetime(shown).timestamp() - self._now_unix_s())
        except (ValueError, OverflowError):
            return 0


def _secrets(shown: Mapping[str, str]) -> list[str]:
    """What a partner that repeats what it was sent must not put into an error."""
    return [part for value in shown.values() for part in value.split(" ") if len(part) >= 8]


def _secrets_in(sent: object) -> Iterator[str]:
    """The texts of a body or form whose name says that they are credentials, also as a form spells them. The longest
    come first, so that one inside of another leaves nothing of it."""
    found = {text for text in _credentials(sent) if text}
    yield from sorted(found | {quote_plus(text) for text in found}, key=len, reverse=True)


def _credentials(sent: object) -> Iterator[str]:
    if isinstance(sent, Mapping):
        for name, value in sent.items():
            if isinstance(value, str) and CREDENTIAL.search(name):
                yield value
            else:
                yield from _credentials(value)
    elif isinstance(sent, list | tuple):
        for one in sent:
            yield from _credentials(one)


def _may_repeat(asked: _Asked, error: PartnerUnavailableError) -> bool:
    if error.retry_after_s > MAX_PAUSE_S:
        return False
    if error.status == BUSY:
        return True  # who is too busy has not carried it out
    return asked.is_repeatable and (error.status is None or error.status in LATER)


def _content(body: Body | None, form: Mapping[str, str] | None) -> tuple[bytes | None, Mapping[str, str]]:
    if form is not None:
        return urlencode(form).encode(), {"Content-Type": "application/x-www-form-urlencoded"}
    if body is None:
        return None, NOTHING
    return json.dumps(body, ensure_ascii=False, allow_nan=False).encode(), {"Content-Type": "application/json"}


def _target(base_url: str, path: str, query: Query | None) -> str:
    if not path.startswith("/") or not path.isascii() or any(c <= " " or c in "?#" for c in path):
        raise ValueError(f"{path!r}: expected a path that begins with / and is quoted")
    whole = urlsplit(base_url).path + path
    return f"{whole}?{urlencode(query, doseq=True)}" if query else whole


def _by_name(response: HTTPResponse) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in response.getheaders():
        low = name.lower()
        found[low] = f"{found[low]}, {value}" if low in found else value
    return found
