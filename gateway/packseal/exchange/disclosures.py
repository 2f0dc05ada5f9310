"""Selective disclosure in JSON (RFC 9901 section 4): what is hidden leaves a digest, and opens with its disclosure.

We hide members of objects. Elements of arrays that others have hidden are read as well. Salts are given by the caller,
each used once. How many members of an object are hidden can be counted by whoever holds the payload.

Opening obeys section 7.1 step 3 and what section 4 forbids, by these numbers:

1. A disclosure is base64url as we would write it, of a JSON array: salt, name and content, or salt and content.
2. No two disclosures are the same; there are at most MAX_DISCLOSURES, nested at most MAX_DEPTH deep.
3. A digest stands once in all of the payload and its disclosures.
4. A digest in "_sd" opens to a named disclosure, one in "..." to a nameless one; one that opens to nothing is a decoy.
5. A name is none that the format reserves, and none that its object has already.
6. Every disclosure is found by its digest.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from packseal.errors import CredentialError
from packseal.exchange.loss import Json

DIGESTS, ELEMENT, DIGEST_ALGORITHM = "_sd", "...", "_sd_alg"
RESERVED = frozenset({DIGESTS, ELEMENT, DIGEST_ALGORITHM})
SHA_256 = "sha-256"  # the one that every verifier knows (section 4.1.1)
MIN_SALT_BYTES = 16  # 128 bits (section 9.3)
MAX_DEPTH = 16
MAX_DISCLOSURES = 4096
_TEXTS = re.compile(r'"(?:[^"\\]|\\.)*"')

Names: TypeAlias = tuple[str, ...]
Place: TypeAlias = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Disclosure:
    """text: as it travels, which is what the digest is of. name: None for an element of an array."""

    text: str
    name: str | None
    content: object

    @property
    def digest(self) -> str:
        return digest(self.text)


def digest(text: str) -> str:
    """Base64url of the SHA-256 of a text in ASCII (section 4.2.3)."""
    return unpadded(hashlib.sha256(text.encode("ascii")).digest())


def disclosure(salt: bytes, name: str, content: object) -> Disclosure:
    """Of a member of an object (section 4.2.1)."""
    if len(salt) < MIN_SALT_BYTES:
        raise ValueError(f"a salt has at least {MIN_SALT_BYTES} bytes, this one {len(salt)}")
    return Disclosure(unpadded(written([unpadded(salt), name, content])), name, content)


def read_disclosure(text: str) -> Disclosure:
    """Number 1. Raises CredentialError."""
    match parsed(from_unpadded(text)):
        case [str(), str(name), content]:
            return Disclosure(text, name, content)
        case [str(), content]:
            return Disclosure(text, None, content)
    raise broken("a disclosure is no array of a salt, a name and a content")


def hide(claims: Json, is_hidden: Callable[[Names], bool], salts: Iterator[bytes]) -> tuple[Json, list[Disclosure]]:
    """(payload, disclosures) of claims: each member at whose place `is_hidden` opens with a disclosure of its own.

    Too few salts are a ValueError, as is a name that the format reserves.
    """
    _check_names(claims)
    made: list[Disclosure] = []
    payload = _hidden_object(claims, (), is_hidden, salts, made)
    return payload | {DIGEST_ALGORITHM: SHA_256}, made


def opened(payload: Json, disclosures: Sequence[Disclosure]) -> tuple[Json, Mapping[str, Place]]:
    """(claims, place of each disclosure by its digest): the numbers 2 to 6. Raises CredentialError."""
    algorithm = payload.get(DIGEST_ALGORITHM, SHA_256)
    if algorithm != SHA_256:
        raise broken(f"digests by an algorithm other than {SHA_256}")
    by_digest = {one.digest: one for one in disclosures}
    if len(disclosures) > MAX_DISCLOSURES or len(by_digest) < len(disclosures):  # 2
        raise broken(f"a disclosure stands twice, or there are more than {MAX_DISCLOSURES}")
    opening = _Opening(by_digest)
    claims = opening.members({name: one for name, one in payload.items() if name != DIGEST_ALGORITHM}, ())
    if len(opening.places) < len(by_digest):  # 6
        raise broken("a disclosure belongs to nothing that was signed")
    return claims, opening.places


class _Opening:
    def __init__(self, by_digest: Mapping[str, Disclosure]) -> None:
        self.places: dict[str, Place] = {}
        self._by_digest = by_digest
        self._seen: set[str] = set()

    def members(self, content: Mapping[str, object], place: Place) -> Json:
        found = {name: self._any(one, (*place, name)) for name, one in content.items() if name != DIGESTS}
        if RESERVED & set(found):
            raise broken("a word of the format stands where it has no place")
        for one in self._hidden(content.get(DIGESTS, [])):
            if one.name is None or one.name in RESERVED or one.name in found:  # 4 and 5
                raise broken("a disclosure has no name, a reserved one, or one that is taken")
            self.places[one.digest] = (*place, one.name)
            found[one.name] = self._any(one.content, (*place, one.name))
        return found

    def _any(self, content: object, place: Place) -> object:
        if len(place) > MAX_DEPTH:  # 2
            raise broken(f"nested more than {MAX_DEPTH} deep")
        if isinstance(content, dict):
            return self.members(content, place)
        return self._array(content, place) if isinstance(content, list) else content

    def _array(self, content: Sequence[object], place: Place) -> list[object]:
        found: list[object] = []
        for one in content:
            here = (*place, len(found))
            if not (isinstance(one, dict) and ELEMENT in one):
                found.append(self._any(one, here))
                continue
            disclosed = self._element(one)
            if disclosed is not None:
                self.places[disclosed.digest] = here
                found.append(self._any(disclosed.content, here))
        return found

    def _hidden(self, digests: object) -> Iterator[Disclosure]:
        if not isinstance(digests, list):
            raise broken(f"{DIGESTS} is no list")
        for one in digests:
            disclosed = self._taken(one)
            if disclosed is not None:
                yield disclosed

    def _element(self, content: Mapping[str, object]) -> Disclosure | None:
        disclosed = self._taken(content[ELEMENT])
        if len(content) > 1 or (disclosed is not None and disclosed.name is not None):  # 4
            raise broken("a hidden element of an array has more than its digest, or opens to a named disclosure")
        return disclosed

    def _taken(self, digest_text: object) -> Disclosure | None:
        if not isinstance(digest_text, str) or digest_text in self._seen:  # 3
            raise broken("a digest is no text, or stands twice")
        self._seen.add(digest_text)
        return self._by_digest.get(digest_text)


def _hidden_object(
    content: Mapping[str, object],
    place: Names,
    is_hidden: Callable[[Names], bool],
    salts: Iterator[bytes],
    made: list[Disclosure],
) -> Json:
    shown: Json = {}
    digests = []
    for name, one in content.items():
        here = (*place, name)
        inner = _hidden_object(one, here, is_hidden, salts, made) if isinstance(one, dict) else one
        if is_hidden(here):
            made.append(disclosure(_next(salts), name, inner))
            digests.append(made[-1].digest)
        else:
            shown[name] = inner
    return shown | ({DIGESTS: sorted(digests)} if digests else {})  # sorted, so that their order says nothing


def _check_names(content: object) -> None:
    if isinstance(content, dict):
        if RESERVED & set(content):
            raise ValueError(f"a name is one of the format's: {', '.join(sorted(RESERVED))}")
        for one in content.values():
            _check_names(one)
    elif isinstance(content, list):
        for one in content:
            _check_names(one)


def _next(salts: Iterator[bytes]) -> bytes:
    salt = next(salts, None)
    if salt is None:
        raise ValueError("fewer salts than members to hide")
    return salt


# ---- JSON and base64url, as strict as the format allows


def broken(why: str) -> CredentialError:
    return CredentialError(f"the SD-JWT does not hold: {why}; ask who sent it for a new one")


def written(content: object) -> bytes:
    """Compact JSON in UTF-8."""
    return json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


def parsed(content: bytes) -> object:
    """JSON in which no name stands twice and nothing is nested deeper than MAX_DEPTH. Raises CredentialError."""
    try:
        text = content.decode()
        if _depth(text) > MAX_DEPTH:
            raise broken(f"nested more than {MAX_DEPTH} deep")
        return json.loads(text, parse_constant=_no_number, object_pairs_hook=_each_once)
    except (ValueError, RecursionError):
        raise broken("a part of it is no JSON that can be taken") from None


def unpadded(content: bytes) -> str:
    """Base64url without padding (RFC 7515 section 2)."""
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def from_unpadded(text: str) -> bytes:
    """Only as `unpadded` writes it. Raises CredentialError."""
    try:
        content = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise broken("a part of it is no base64url") from None
    if unpadded(content) != text:
        raise broken("a part of it is no base64url as it has to be written")
    return content


def _depth(text: str) -> int:
    deepest = depth = 0
    for character in _TEXTS.sub("", text):
        depth += (character in "[{") - (character in "]}")
        deepest = max(deepest, depth)
    return deepest


def _no_number(constant: str) -> object:
    raise ValueError(f"{constant} is no number")


def _each_once(pairs: list[tuple[str, object]]) -> Json:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name stands twice")
    return found
