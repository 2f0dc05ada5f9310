"""SD-JWT (RFC 9901): what an issuer signed, of which a holder shows a part to one verifier, for one question of theirs.

Decides the compact form, key binding, and when a presentation counts. What is hidden and how it opens is for
disclosures.py, what a passport's service says in one for service_word.py. Signing takes a function, so that no key is
ever in this room; times, salts and nonces are arguments. A verifier takes these steps (sections 7.1 and 7.3):

1. The text is ASCII of at most MAX_CHARS, in parts between tildes: an issuer's JWT, disclosures, and a key binding or
   nothing.
2. The issuer's JWT is of the kind that is expected, and signed by the issuer's key with the algorithm of that key.
3. The disclosures open by the rules of disclosures.py.
4. It is valid now: `exp`, `nbf` and `iat`, with LEEWAY_S.
5. Where a key binding is expected, one is there. Whether it is, the verifier decides, never what was sent.
6. The key binding is signed by the key in `cnf`, with the algorithm of that key.
7. It is for this audience and this nonce, of not more than its age ago.
8. Its `sd_hash` is that of all that stands before it.

What the caller must still do: get the issuer's key from somebody it trusts, make a nonce that nobody can guess and take
each nonce once, and check the evidence that the claims name: an issuer's signature says who claims, not that it is so.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from joserfc.errors import JoseError, UnsupportedAlgorithmError
from joserfc.jwa import JWS_ALGORITHMS, JWSAlgModel
from joserfc.jwk import ECKey, OKPKey
from joserfc.jws import CompactSignature, JWSRegistry, extract_compact, validate_compact

from packseal.errors import CredentialError
from packseal.exchange.disclosures import (
    Names,
    broken,
    digest,
    hide,
    opened,
    parsed,
    read_disclosure,
    unpadded,
    written,
)
from packseal.exchange.loss import Json

MAX_CHARS = 1 << 20
LEEWAY_S = 60
MAX_AGE_S = 300
BINDING_TYPE = "kb+jwt"  # section 4.3
MAX_HEADER_CHARS = 4096
MAX_PAYLOAD_CHARS = 1 << 18
SIGNATURE_CHARS = 86  # base64url of 64 bytes

Key: TypeAlias = ECKey | OKPKey
_KINDS: Mapping[tuple[object, object], tuple[str, type[Key], tuple[str, ...]]] = {
    ("EC", "P-256"): ("ES256", ECKey, ("kty", "crv", "x", "y")),
    ("OKP", "Ed25519"): ("EdDSA", OKPKey, ("kty", "crv", "x")),
}
_ALGORITHMS: Mapping[str, JWSAlgModel] = {one.name: one for one in JWS_ALGORITHMS if one.name in ("ES256", "EdDSA")}


@dataclass(frozen=True, slots=True)
class JWSSigner:
    """algorithm: "ES256" or "EdDSA". sign: the 64 bytes of a signature as JWS has it (RFC 7518 section 3.4, RFC 8037).
    key_id: by which a verifier finds the key, "" for none."""

    algorithm: str
    sign: Callable[[bytes], bytes]
    key_id: str = ""


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A key with the one algorithm that it may be used with."""

    algorithm: str
    key: Key

    @classmethod
    def from_jwk(cls, jwk: object) -> PublicKey:
        """Of P-256 or Ed25519; parts that are not public are left out. Raises CredentialError."""
        said = (str(jwk.get("kty")), str(jwk.get("crv"))) if isinstance(jwk, dict) else ("", "")  # hashable, so
        if not isinstance(jwk, dict) or said not in _KINDS:
            raise broken("a key is none of P-256 or Ed25519")
        algorithm, kind, names = _KINDS[said]
        try:
            return cls(algorithm, kind.import_key({name: str(jwk.get(name, "")) for name in names}))
        except (JoseError, ValueError, TypeError):
            raise broken("a key is no point of its curve") from None


@dataclass(frozen=True, slots=True)
class Question:
    """Whom a presentation is for and what makes it new: a verifier's own identifier and a nonce that it made."""

    audience: str
    nonce: str


class _Registry(JWSRegistry):
    """Two algorithms, each without a word: RFC 9864 renames EdDSA, which holders go on to use."""

    max_header_length = MAX_HEADER_CHARS
    max_payload_length = MAX_PAYLOAD_CHARS
    max_signature_length = SIGNATURE_CHARS

    def get_alg(self, name: str) -> JWSAlgModel:
        if name not in _ALGORITHMS:
            raise UnsupportedAlgorithmError
        return _ALGORITHMS[name]


_REGISTRY = _Registry(strict_check_header=False)


def issue(
    claims: Json, is_hidden: Callable[[Names], bool], salts: Iterator[bytes], signer: JWSSigner, kind: str
) -> str:
    """An SD-JWT with all of its disclosures. kind: media type of the issuer's JWT, without "application/".

    Raises ValueError for too few salts, short ones, and names that the format reserves.
    """
    payload, disclosures = hide(claims, is_hidden, salts)
    return _joined(_signed({"typ": kind}, payload, signer), (one.text for one in disclosures))


def present(sd_jwt: str, wanted: Collection[Names]) -> str:
    """The same with the disclosures of the members at these places alone, and of what they stand in.

    The holder has checked it before. Raises CredentialError, also for a place where nothing is hidden.
    """
    jwt, texts, _ = _parts(sd_jwt)
    disclosures = [read_disclosure(text) for text in texts]
    _, places = opened(_payload(_extracted(jwt)), disclosures)
    missing = set(wanted) - set(places.values())
    if missing:
        raise CredentialError(f"nothing is hidden at {', '.join('/'.join(place) for place in sorted(missing))}")
    needed = {place[: length + 1] for place in wanted for length in range(len(place))}
    return _joined(jwt, (one.text for one in disclosures if places[one.digest] in needed))


def bind(presentation: str, question: Question, now_unix_s: int, signer: JWSSigner) -> str:
    """The presentation with a key binding for this question (section 4.3), signed by the key that its `cnf` names."""
    _, _, binding = _parts(presentation)
    if binding:
        raise CredentialError("the presentation is bound already; bind what `present` gave")
    claims: Json = {"iat": now_unix_s, "aud": question.audience, "nonce": question.nonce}
    return presentation + _signed({"typ": BINDING_TYPE}, claims | {"sd_hash": digest(presentation)}, signer)


def verify(
    sd_jwt: str,
    kind: str,
    issuer: PublicKey,
    now_unix_s: int,
    question: Question | None,
    max_age_s: int = MAX_AGE_S,
) -> Json:
    """The claims that are shown, by the numbers of this module. question: None where no key binding is asked for.

    Raises CredentialError.
    """
    jwt, texts, binding = _parts(sd_jwt)  # 1
    payload = _verified(jwt, kind, issuer)  # 2
    claims, _ = opened(payload, [read_disclosure(text) for text in texts])  # 3
    _check_times(claims, now_unix_s)  # 4
    if question is None:
        return claims
    if not binding:  # 5
        raise broken("it is bound to no verifier and no question")
    bound = _verified(binding, BINDING_TYPE, _holder(claims))  # 6
    _check_question(bound, question, now_unix_s, max_age_s)  # 7
    if bound.get("sd_hash") != digest(sd_jwt.removesuffix(binding)):  # 8
        raise broken("its key binding is of another presentation")
    return claims


def _parts(sd_jwt: str) -> tuple[str, list[str], str]:
    """(issuer's JWT, disclosures, key binding or "")."""
    if len(sd_jwt) > MAX_CHARS or not sd_jwt.isascii() or "~" not in sd_jwt:
        raise broken(f"it is no text of at most {MAX_CHARS} characters with its parts between tildes")
    jwt, *texts, binding = sd_jwt.split("~")
    return jwt, texts, binding


def _joined(jwt: str, texts: Iterator[str]) -> str:
    return "".join(f"{part}~" for part in (jwt, *texts))


def _signed(header: Json, claims: Json, signer: JWSSigner) -> str:
    """JWS in compact form (RFC 7515 section 7.1)."""
    if signer.algorithm not in _ALGORITHMS:
        raise ValueError(f"signed with one of {', '.join(_ALGORITHMS)}, not {signer.algorithm!r}")
    full = {"alg": signer.algorithm} | header | ({"kid": signer.key_id} if signer.key_id else {})
    message = f"{unpadded(written(full))}.{unpadded(written(claims))}"
    return f"{message}.{unpadded(signer.sign(message.encode()))}"


def _extracted(jwt: str) -> CompactSignature:
    try:
        return extract_compact(jwt.encode(), registry=_REGISTRY)
    except (JoseError, ValueError, TypeError, RecursionError):
        raise broken("a part of it is no JWT, or a larger one than is taken") from None


def _payload(jwt: CompactSignature) -> Json:
    claims = parsed(jwt.payload)
    if not isinstance(claims, dict):
        raise broken("a part of it has no claims")
    return claims


def _verified(jwt: str, kind: str, key: PublicKey) -> Json:
    """The claims of a JWT of this kind by this key."""
    found = _extracted(jwt)
    header = found.headers()
    if header.get("typ") != kind or header.get("alg") != key.algorithm:
        raise broken(f"a part of it is no {kind} signed with {key.algorithm}")
    try:
        is_signed = validate_compact(found, key.key, registry=_REGISTRY)
    except (JoseError, ValueError, TypeError):
        is_signed = False
    if not is_signed:
        raise broken("a signature is not that of the key that has to sign")
    return _payload(found)


def _holder(claims: Json) -> PublicKey:
    """The key that the issuer bound it to (RFC 7800 section 3.2)."""
    confirmation = claims.get("cnf")
    if not isinstance(confirmation, dict):
        raise broken("its issuer bound it to no key")
    return PublicKey.from_jwk(confirmation.get("jwk"))


def _check_times(claims: Json, now_unix_s: int) -> None:
    expires, starts, issued = (_seconds(claims, name) for name in ("exp", "nbf", "iat"))
    if expires is not None and now_unix_s >= expires + LEEWAY_S:
        raise broken("it has expired")
    if any(time is not None and time > now_unix_s + LEEWAY_S for time in (starts, issued)):
        raise broken("it is not valid yet")


def _check_question(bound: Json, question: Question, now_unix_s: int, max_age_s: int) -> None:
    if bound.get("aud") != question.audience:
        raise broken("it is for another audience")
    if bound.get("nonce") != question.nonce:
        raise broken("it answers another nonce")
    issued = _seconds(bound, "iat")
    if issued is None or not now_unix_s - max_age_s <= issued <= now_unix_s + LEEWAY_S:
        raise broken("its key binding was not made just now")


def _seconds(claims: Json, name: str) -> int | float | None:
    time = claims.get(name)
    if name in claims and (isinstance(time, bool) or not isinstance(time, int | float)):
        raise broken(f"{name} is no time")
    return time if isinstance(time, int | float) else None
