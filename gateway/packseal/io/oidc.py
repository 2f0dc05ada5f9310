"""An OpenID provider from outside: its discovery document and the keys that it signs tokens with.

Obeys OpenID Connect Discovery 1.0 section 4 and RFC 7517. Keys are asked for anew when they are old or when a token
names one that is not among them, never more often than once in RETRY_S: who sends made-up key names sends the provider
no requests. What a token says is for the caller to check (apps/tokens.py).
"""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Callable, Mapping
from typing import Any

from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey, RSAKey

from packseal.errors import ConfigError, CredentialError, UnavailableError
from packseal.io.http_client import ask, checked_url

MAX_ANSWER_BYTES = 1 << 18
MAX_KEYS = 100
TIMEOUT_S = 5
FRESH_S = 600  # older ones are asked for anew, so that a key that was withdrawn counts no longer than that
RETRY_S = 60
LONGEST_S = 3600  # how long known keys go on while the provider does not answer
RSA_BITS = range(2048, 8193)  # from below by RFC 7518 section 3.3; from above since each token costs a check by it
PARTS = ("kty", "crv", "x", "y", "n", "e")  # of a public key: a private one that was published is not taken in

TokenKey = RSAKey | ECKey | OKPKey
KINDS: Mapping[tuple[str, str | None], tuple[str, type[TokenKey]]] = {
    ("RSA", None): ("RS256", RSAKey),
    ("EC", "P-256"): ("ES256", ECKey),
    ("OKP", "Ed25519"): ("EdDSA", OKPKey),
}


class ProviderKeys:
    """The keys of one issuer, by name. Usable from any thread."""

    def __init__(self, issuer: str, clock_s: Callable[[], float]) -> None:
        """clock_s: seconds that never run back."""
        self.issuer = issuer
        self.problem = ""  # why the provider could not be asked the last time
        self._clock_s = clock_s
        self._lock = threading.Lock()
        self._keys: dict[str, TokenKey] = {}
        self._fetched_s: float | None = None
        self._tried_s: float | None = None

    def key(self, name: str) -> TokenKey:
        """The key of this name (`kid`).

        Raises CredentialError when the provider has none of that name, UnavailableError when it cannot be asked.
        """
        with self._lock:
            if self._age_s() > FRESH_S or name not in self._keys:
                self._refresh()
            if self._age_s() > LONGEST_S:
                raise UnavailableError(self.problem)
            if name in self._keys:
                return self._keys[name]
            if self.problem:
                raise UnavailableError(self.problem)
        raise CredentialError("the token is signed by a key that its issuer does not publish; get a new token")

    def _age_s(self) -> float:
        return float("inf") if self._fetched_s is None else self._clock_s() - self._fetched_s

    def _refresh(self) -> None:
        """At most once in RETRY_S; what is known stays when it fails."""
        now_s = self._clock_s()
        if self._tried_s is not None and now_s - self._tried_s < RETRY_S:
            return
        self._tried_s = now_s
        try:
            self._keys = _published_keys(self.issuer)
        except UnavailableError as error:
            self.problem = f"tokens of {self.issuer} cannot be checked: {error}"
        else:
            self._fetched_s, self.problem = now_s, ""


def _published_keys(issuer: str) -> dict[str, TokenKey]:
    address = f"{issuer.rstrip('/')}/.well-known/openid-configuration"  # Discovery 1.0 section 4.1
    discovery = _document(address)
    if discovery.get("issuer") != issuer:  # section 4.3
        raise UnavailableError(f"{address}: speaks for another issuer; write the issuer as the provider does")
    found = _document(_keys_address(address, issuer, discovery.get("jwks_uri"))).get("keys")
    entries = found[:MAX_KEYS] if isinstance(found, list) else []
    keys = (_key(entry) for entry in entries if isinstance(entry, dict))
    return dict(one for one in keys if one is not None)


def _keys_address(address: str, issuer: str, uri: object) -> str:
    """Encrypted wherever the issuer's own address is."""
    try:
        checked = checked_url(uri if isinstance(uri, str) else "")
    except ConfigError:
        raise UnavailableError(f"{address}: names no address of its keys") from None
    if issuer.startswith("https://") and not checked.startswith("https://"):
        raise UnavailableError(f"{address}: its keys have no https:// address")
    return str(uri)


def _document(address: str) -> dict[str, Any]:
    status, _, content = ask(address, None, MAX_ANSWER_BYTES, TIMEOUT_S)
    if status != 200:
        raise UnavailableError(f"{address}: answers {status}; check the issuer in the settings")
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise UnavailableError(f"{address}: not JSON; check the issuer in the settings")
    return document


def _key(entry: dict[str, Any]) -> tuple[str, TokenKey] | None:
    """Name and key; None for what no token of ours is signed with (RFC 7517 section 5: ignore it)."""
    curve = entry.get("crv")
    kind = KINDS.get((str(entry.get("kty")), str(curve) if curve is not None else None))
    name = entry.get("kid")
    if kind is None or not isinstance(name, str) or entry.get("use", "sig") != "sig":
        return None
    algorithm, key_type = kind
    if entry.get("alg", algorithm) != algorithm:
        return None
    public: dict[str, str | list[str]] = {part: str(entry[part]) for part in PARTS if part in entry}
    try:
        if algorithm == "RS256" and _bits(str(public["n"])) not in RSA_BITS:
            return None
        return name, key_type.import_key(public)
    except (JoseError, ValueError, TypeError, KeyError):
        return None


def _bits(modulus: str) -> int:
    return int.from_bytes(base64.urlsafe_b64decode(modulus + "==")).bit_length()
