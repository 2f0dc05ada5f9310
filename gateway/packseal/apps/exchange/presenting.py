"""`packseal exchange present` and `check`: a bundle for one recipient, and what this one makes of it."""

from __future__ import annotations

from pathlib import Path

from packseal.apps.export import load_policy
from packseal.errors import ConfigError
from packseal.exchange.presentation import MAX_PRESENTATION_BYTES, Asked, Presented, present, verify_presentation
from packseal.io.files import read_bounded
from packseal.io.keys import Signer
from packseal.records.acts import Role
from packseal.records.bundle import MAX_BUNDLE_BYTES
from packseal.records.cose import VerifyingKey
from packseal.records.verify import TrustedBundle, verify_bundle

PRESENTERS = frozenset({Role.INTEGRATOR, Role.OPERATOR, Role.RECYCLER})  # who can be responsible for a passport


def asked(audience: str, nonce: bytes) -> Asked:
    """Raises ConfigError."""
    try:
        return Asked(audience, nonce)
    except ValueError as error:
        raise ConfigError(f"--audience, --nonce: {error}") from None


def presented(bundle: Path, question: Asked, signer: Signer, now_unix_ms: int) -> bytes:
    """Raises ConfigError."""
    content = read_bounded(bundle, MAX_BUNDLE_BYTES)
    return present(content, question, now_unix_ms, signer, VerifyingKey(signer.public_key))


def checked(
    path: Path, question: Asked, policy: Path, now_unix_ms: int, max_age_ms: int
) -> tuple[Presented, TrustedBundle]:
    """Of a presenter that the policy names as an integrator, operator or recycler.

    Raises ConfigError, EvidenceError.
    """
    trusted = load_policy(policy)
    keys = [one.key for one in trusted.keys if one.role in PRESENTERS]
    content = read_bounded(path, MAX_PRESENTATION_BYTES)
    found = verify_presentation(content, question, keys, now_unix_ms, max_age_ms)
    return found, verify_bundle(found.bundle, trusted)
