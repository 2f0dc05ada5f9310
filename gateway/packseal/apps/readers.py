"""Who asks, and as what: a reader's key, a token of an OpenID provider, a client certificate, or nothing.

Who shows a credential that does not hold is refused and never served as one who shows none. No credential is in an
answer, an error or a log; what somebody reads is logged under the name that the settings give.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from math import ceil
from typing import Any

from cryptography import x509
from cryptography.x509.oid import NameOID
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from packseal.apps.problems import problem
from packseal.apps.rate_limits import TokenBuckets, address_key
from packseal.apps.tokens import NOT_A_TOKEN, TokenChecker
from packseal.errors import CredentialError, UnavailableError, UnknownReaderError
from packseal.io.access_settings import AccessTable, OIDCTable, ReaderTable
from packseal.io.http_server import CLIENT_CERTIFICATE
from packseal.io.oidc import RETRY_S
from packseal.passport.access import Reader, ReaderRole
from packseal.passport.attributes import Group

FREE_PATHS = ("/static/", "/log/", "/healthz")  # the same for all, and read by programs in bursts: never counted
FAILED_PER_MINUTE = 10  # credentials that do not hold, from one address
TOKEN_THREADS = 4  # a provider that does not answer holds up tokens and nobody else
CHALLENGE = {"www-authenticate": 'Bearer realm="packseal", error="invalid_token"'}
EXPECTED = "expected one header Authorization: Bearer, with a reader's key or a token"


@dataclass(frozen=True, slots=True)
class Visitor:
    """account: what requests are counted by; None for who shows no credential and is counted by address."""

    reader: Reader
    name: str = ""
    account: bytes | None = None


class Readers:
    """Everybody that the settings know, by credential."""

    def __init__(
        self,
        access: AccessTable,
        readers: Sequence[ReaderTable] = (),
        oidc: Sequence[OIDCTable] = (),
        batteries: Callable[[], frozenset[str]] = frozenset,
        now_unix_s: Callable[[], float] = time.time,
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        """batteries: all of the service, whose owner everybody is with anonymous = "owner"; clock_s never runs back."""
        self.access, self.clock_s = access, clock_s
        self._readers, self._batteries, self._now_unix_s = tuple(readers), batteries, now_unix_s
        self._tokens = TokenChecker(oidc, now_unix_s, clock_s)

    def problems(self) -> list[str]:
        """Providers that could not be asked."""
        return self._tokens.problems()

    def anonymous(self) -> Visitor:
        if self.access.anonymous == "owner":
            return Visitor(Reader(ReaderRole.OWNER, self._batteries()))
        return Visitor(Reader())

    def of_key(self, credential: str) -> Visitor | None:
        """Every reader is compared with, so that the time taken tells nothing of where it stands."""
        digest = hashlib.sha256(credential.encode()).digest()
        held = [one for one in self._readers if hmac.compare_digest(one.key_sha256 or b"", digest)]
        return _visitor(held[0], digest) if held else None

    def of_token(self, token: str) -> Visitor:
        """Raises CredentialError, UnknownReaderError, UnavailableError; may take as long as a provider takes."""
        claims = self._tokens.claims(token)
        found = next((one for one in self._readers if _is_of_token(one, claims)), None)
        if found is None:
            raise UnknownReaderError("the token holds, but its bearer is no reader here; ask this service's operator")
        bearer = "\0".join((claims["iss"], str(claims.get("sub")), found.name))
        return _visitor(found, hashlib.sha256(bearer.encode()).digest())

    def of_certificate(self, content: bytes) -> Visitor:
        """content: DER, verified by TLS when the connection began. Raises CredentialError, UnknownReaderError."""
        try:
            certificate = x509.load_der_x509_certificate(content)
            until = certificate.not_valid_after_utc
            names = [str(one.value) for one in certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
        except (ValueError, x509.InvalidVersion):
            raise CredentialError("the client certificate cannot be read; get another one") from None
        if until < datetime.fromtimestamp(self._now_unix_s(), UTC):
            raise CredentialError("the client certificate has expired; get a new one")
        digest = hashlib.sha256(content).digest()
        for one in self._readers:
            if hmac.compare_digest(one.certificate_sha256 or b"", digest):
                return _visitor(one, digest)
            if one.certificate_cn is not None and names == [one.certificate_cn]:
                return _visitor(one, digest)
        words = "the client certificate holds, but its owner is no reader here; ask this service's operator"
        raise UnknownReaderError(words)


def _visitor(table: ReaderTable, account: bytes) -> Visitor:
    batteries = None if table.batteries is None else frozenset(table.batteries)
    return Visitor(Reader(table.role, batteries), table.name, account)


def _is_of_token(table: ReaderTable, claims: Mapping[str, Any]) -> bool:
    if table.issuer is None or claims["iss"] != table.issuer:
        return False
    if table.claim is None:
        return bool(claims.get("sub") == table.subject)
    said = claims.get(table.claim)
    if table.claim == "scope" and isinstance(said, str):
        said = said.split(" ")  # RFC 8693 section 4.2
    return table.value in said if isinstance(said, list) else bool(said == table.value)


class ReaderMiddleware:
    """Sets request.state.reader (Reader) and request.state.reader_name, or answers itself: 401, 403, 429, 503."""

    def __init__(self, app: ASGIApp, readers: Readers) -> None:
        self._app, self._readers = app, readers
        self._asked = TokenBuckets(readers.access.requests_per_minute, readers.clock_s)
        self._failed = TokenBuckets(FAILED_PER_MINUTE, readers.clock_s)
        self._token_threads = ThreadPoolExecutor(TOKEN_THREADS, "tokens")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        refusal = None
        if scope["path"].startswith(FREE_PATHS):
            _set(scope, self._readers.anonymous())
        else:
            refusal = await self._refusal(scope)
        await (refusal or self._app)(scope, receive, send)

    async def _refusal(self, scope: Scope) -> Response | None:
        client = scope.get("client")
        address = address_key(client[0] if client else "")
        try:
            visitor = await self._visitor(scope, address)
        except _SlowedError as error:
            return _slowed(error.wait_s)
        except (CredentialError, UnknownReaderError) as error:
            if wait_s := self._failed.take(address):
                return _slowed(wait_s)
            return (
                problem(401, str(error), CHALLENGE) if isinstance(error, CredentialError) else problem(403, str(error))
            )
        except UnavailableError as error:
            return problem(503, str(error), {"retry-after": str(RETRY_S)})
        if wait_s := self._asked.take(visitor.account or address):
            return _slowed(wait_s)
        _set(scope, visitor)
        return None

    async def _visitor(self, scope: Scope, address: str) -> Visitor:
        shown = [value for name, value in scope["headers"] if name == b"authorization"]
        certificate = scope.get("extensions", {}).get(CLIENT_CERTIFICATE)
        if not shown:
            return self._readers.of_certificate(certificate["der"]) if certificate else self._readers.anonymous()
        credential = _bearer(shown)
        visitor = self._readers.of_key(credential)
        if visitor is not None:
            return visitor
        if credential.count(".") != 2:
            raise CredentialError(NOT_A_TOKEN)
        if wait_s := self._failed.wait_s(address):
            raise _SlowedError(wait_s)
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._token_threads, self._readers.of_token, credential)


class _SlowedError(Exception):
    def __init__(self, wait_s: float) -> None:
        super().__init__(wait_s)
        self.wait_s = wait_s


def _bearer(shown: Sequence[bytes]) -> str:
    """RFC 6750 section 2.1. Raises CredentialError."""
    scheme, _, credential = shown[0].partition(b" ")
    if len(shown) != 1 or scheme.lower() != b"bearer" or not credential.strip().isascii() or not credential.strip():
        raise CredentialError(EXPECTED)
    return credential.strip().decode()


def _set(scope: Scope, visitor: Visitor) -> None:
    scope.setdefault("state", {}).update(reader=visitor.reader, reader_name=visitor.name)


def _slowed(wait_s: float) -> Response:
    seconds = ceil(wait_s)
    return problem(429, f"too many requests; wait {seconds} s", {"retry-after": str(seconds)})


def seen_groups(request: Request, battery: str, *, exists: bool, needs: Group = Group.PUBLIC) -> frozenset[Group]:
    """The groups that whoever asks may see of this battery.

    Raises HTTPException(404) without `needs`, and for a battery that is not there: both are found out before anything
    of the battery is read, so that neither words nor time tell one from the other.
    """
    reader: Reader = request.state.reader
    groups = reader.groups(battery)
    if not (exists & (needs in groups)):
        raise HTTPException(404)
    return groups
