"""Bearer tokens: JWT access tokens of the OpenID providers that the settings name, and nothing of anybody else.

A token counts when
1. it is a JWS in compact form of at most MAX_TOKEN_CHARS,
2. its issuer is one of the settings', to the letter,
3. its algorithm is the one of the key that it names among its issuer's: RS256, ES256 or EdDSA (RFC 8725 section 3.1),
4. its signature holds,
5. it is an access token, was made for the audience of the settings, and is valid now (RFC 9068 section 4),
6. it is bound to no key of its bearer, since nobody here would check that (RFC 7800).
Who its bearer is to us is for apps/readers.py.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from typing import Any

from joserfc import jwt
from joserfc.errors import ExpiredTokenError, JoseError, UnsupportedAlgorithmError
from joserfc.jwa import JWS_ALGORITHMS, JWSAlgModel
from joserfc.jws import JWSRegistry, extract_compact
from joserfc.jwt import JWTClaimsRegistry

from packseal.errors import CredentialError
from packseal.io.access_settings import OIDCTable
from packseal.io.oidc import ProviderKeys, TokenKey

MAX_TOKEN_CHARS = 8192
MAX_HEADER_BYTES = 4096  # with the certificates that some providers put into it
LEEWAY_S = 30
TYPES = ("at+jwt", "application/at+jwt", "jwt", "application/jwt", "")  # RFC 9068 section 2.1, and older providers
NOT_A_TOKEN = "the bearer token is no key of a reader and no JWT of a known issuer; check what was sent"  # noqa: S105
"""Also for a wrong key: neither is told apart from the other."""


ALGORITHMS: dict[str, JWSAlgModel] = {
    one.name: one for one in JWS_ALGORITHMS if one.name in ("RS256", "ES256", "EdDSA")
}


class _Registry(JWSRegistry):
    """Three algorithms, each without a word: RFC 9864 renames EdDSA, which providers go on to use."""

    max_header_length = MAX_HEADER_BYTES

    def get_alg(self, name: str) -> JWSAlgModel:
        if name not in ALGORITHMS:
            raise UnsupportedAlgorithmError
        return ALGORITHMS[name]


class TokenChecker:
    """Asks providers when it has to: not for the thread that serves everybody."""

    def __init__(
        self,
        providers: Sequence[OIDCTable],
        now_unix_s: Callable[[], float] = time.time,
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._now_unix_s = now_unix_s
        self._providers = {one.issuer: (one.audience, ProviderKeys(one.issuer, clock_s)) for one in providers}
        self._registry = _Registry(strict_check_header=False)

    def problems(self) -> list[str]:
        return [keys.problem for _, keys in self._providers.values() if keys.problem]

    def claims(self, token: str) -> dict[str, Any]:
        """What a token says that counts. Raises CredentialError, UnavailableError."""
        if len(token) > MAX_TOKEN_CHARS:
            raise CredentialError(NOT_A_TOKEN)
        audience, keys = self._provider(token)
        try:
            decoded = jwt.decode(token, lambda header: _key(keys, header.headers()), registry=self._registry)
            _check_type(decoded.header)
            self._check_claims(decoded.claims, audience)
        except ExpiredTokenError:
            raise CredentialError("the token has expired; get a new one") from None
        except (JoseError, ValueError, TypeError, RecursionError):
            words = "the token does not hold: its signature, audience, times or form; get one made for this service"
            raise CredentialError(words) from None
        return decoded.claims

    def _provider(self, token: str) -> tuple[str, ProviderKeys]:
        try:
            unverified_claims = json.loads(extract_compact(token.encode(), registry=self._registry).payload)
            return self._providers[unverified_claims["iss"]]
        except (JoseError, ValueError, TypeError, LookupError, RecursionError):
            raise CredentialError(NOT_A_TOKEN) from None

    def _check_claims(self, claims: dict[str, Any], audience: str) -> None:
        registry = JWTClaimsRegistry(
            now=int(self._now_unix_s()),
            leeway=LEEWAY_S,
            aud={"essential": True, "value": audience},
            exp={"essential": True},
        )
        registry.validate(claims)
        if "cnf" in claims:
            raise CredentialError("the token is bound to a key of its bearer (cnf), which is not checked here")


def _key(keys: ProviderKeys, header: dict[str, Any]) -> TokenKey:
    """Of another kind than the header's algorithm it is refused by joserfc: one algorithm goes with each kind."""
    name = header.get("kid")
    if not isinstance(name, str):
        raise CredentialError("the token does not name the key that it is signed by (kid)")
    return keys.key(name)


def _check_type(header: dict[str, Any]) -> None:
    if str(header.get("typ", "")).lower() not in TYPES:
        raise CredentialError("the token is no access token; get one made for this service")
