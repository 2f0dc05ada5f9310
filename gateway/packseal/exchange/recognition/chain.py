"""From a trust anchor to a certificate: every signature, right and date on the way (docs/recognition.md section 8).

Decides whether a certificate is one at all under a trust list, at a time that is given. What it is worth under another
scheme is for recognise.py.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from packseal.errors import EvidenceError, Reason
from packseal.exchange.recognition.papers import Certified
from packseal.exchange.recognition.refusal import Refusal, RefusedError
from packseal.exchange.recognition.trust_list import Revoked, TrustAnchor, TrustList
from packseal.records.certificates import (
    LEVEL_WORDS,
    Accreditation,
    Certificate,
    May,
    verify_accreditation,
    verify_certificate,
)
from packseal.records.cose import VerifyingKey, payload_digest, unverified_kid
from packseal.records.report import utc
from packseal.records.versions import Period

Content = TypeVar("Content", Accreditation, Certificate)


def trusted_certificate(papers: Certified, trust: TrustList, now_unix_ms: int) -> tuple[Certificate, TrustAnchor]:
    """The certificate, and the anchor that it rests on.

    Raises EvidenceError(MALFORMED, UNKNOWN_VERSION) for what is none, and RefusedError.
    """
    # 1. the first message of the chain is signed by an anchor of the list, in its time and not revoked
    messages = (*papers.accreditations, papers.certificate)
    anchor = _anchor(messages[0], trust)
    _check_key(anchor.key, f"the anchor {anchor.name}", trust)
    check_time(anchor.period, f"the anchor {anchor.name}", now_unix_ms)

    # 2. each accreditation is signed by the holder of the one before
    accreditations: list[Accreditation] = []
    keys = [anchor.key]
    for message in papers.accreditations:
        accreditation = _verified(verify_accreditation, message, keys[-1])
        what = f"the accreditation {accreditation.id} of {accreditation.name}"
        _check_message(Revoked.ACCREDITATION, message, what, trust)
        _check_key(accreditation.holder, accreditation.name, trust)
        check_time(accreditation.period, what, now_unix_ms)
        accreditations.append(accreditation)
        keys.append(accreditation.holder)

    # 3. the certificate is signed by the holder of the last
    certificate = _verified(verify_certificate, papers.certificate, keys[-1])
    what = f"the certificate {certificate.id}"
    _check_message(Revoked.CERTIFICATE, papers.certificate, what, trust)
    check_time(certificate.period, what, now_unix_ms)

    # 4. each had the right to do what he did, for this scheme in this version
    _check_rights(accreditations, keys, certificate)
    return certificate, anchor


def check_time(period: Period, what: str, now_unix_ms: int) -> None:
    """Raises RefusedError."""
    if now_unix_ms < period.from_unix_ms:
        raise RefusedError(Refusal.NOT_YET_VALID, f"{what} holds from {utc(period.from_unix_ms)} on")
    if now_unix_ms >= period.until_unix_ms:
        raise RefusedError(Refusal.EXPIRED, f"{what} held until {utc(period.until_unix_ms)}")


def _anchor(message: bytes, trust: TrustList) -> TrustAnchor:
    kid = unverified_kid(message)
    for anchor in trust.anchors:
        if anchor.key.kid == kid:
            return anchor
    named = kid.hex() if kid else "nobody"
    raise RefusedError(Refusal.UNKNOWN_ISSUER, f"key {named} is no anchor of trust list {trust.id}")


def _verified(verify: Callable[[bytes, VerifyingKey], Content], message: bytes, key: VerifyingKey) -> Content:
    try:
        return verify(message, key)
    except EvidenceError as error:
        if error.reason is Reason.UNKNOWN_AUTHORITY:
            raise RefusedError(Refusal.UNKNOWN_ISSUER, f"the chain breaks: {error.detail}") from None
        if error.reason is Reason.BAD_SIGNATURE:
            raise RefusedError(Refusal.BAD_SIGNATURE, error.detail) from None
        raise


def _check_message(kind: Revoked, message: bytes, what: str, trust: TrustList) -> None:
    revocation = trust.revocation(kind, payload_digest(message))
    if revocation:
        raise RefusedError(Refusal.REVOKED, f"{what} is revoked, cause {revocation.cause.name.lower()}")


def _check_key(key: VerifyingKey, whose: str, trust: TrustList) -> None:
    revocation = trust.key_revocation(key)
    if revocation:
        words = f"the key of {whose} is revoked, cause {revocation.cause.name.lower()}, and what it signed with it"
        raise RefusedError(Refusal.REVOKED, words)


def _check_rights(
    accreditations: Sequence[Accreditation], keys: Sequence[VerifyingKey], certificate: Certificate
) -> None:
    if len({key.public_key for key in keys}) < len(keys):
        raise RefusedError(Refusal.NOT_ACCREDITED, "a key of the chain accredits itself")
    scheme, level = certificate.scope.scheme, certificate.assessment_level
    for place, one in enumerate(accreditations, 1):
        needed = May.CERTIFY if place == len(accreditations) else May.ACCREDIT
        if one.may is not needed:
            raise RefusedError(Refusal.NOT_ACCREDITED, f"{one.name} may {one.may.name.lower()}, and nothing else")
        if scheme not in one.schemes:
            raise RefusedError(Refusal.NOT_ACCREDITED, f"{one.name} is accredited for other schemes than {scheme}")
        if level > one.highest_level:
            words = f"{one.name} may assess up to level {LEVEL_WORDS[one.highest_level]}, not {LEVEL_WORDS[level]}"
            raise RefusedError(Refusal.NOT_ACCREDITED, words)
