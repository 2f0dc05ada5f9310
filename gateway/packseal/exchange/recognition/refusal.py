"""Why a certificate is not recognised, in words that programs may rely on (docs/recognition.md section 9)."""

from __future__ import annotations

from enum import StrEnum


class Refusal(StrEnum):
    STALE_TRUST_LIST = "stale-trust-list"
    EARLY_TRUST_LIST = "early-trust-list"
    OLDER_TRUST_LIST = "older-trust-list"
    UNKNOWN_ISSUER = "unknown-issuer"
    BAD_SIGNATURE = "bad-signature"
    NOT_ACCREDITED = "not-accredited"
    REVOKED = "revoked"
    EXPIRED = "expired"
    NOT_YET_VALID = "not-yet-valid"
    WRONG_SUBJECT = "wrong-subject"
    UNKNOWN_SCHEME = "unknown-scheme"
    UNKNOWN_PROFILE = "unknown-profile"
    NO_RULE = "no-rule"
    RULE_NOT_IN_FORCE = "rule-not-in-force"
    ONE_SIDED = "one-sided"
    SEVERAL_RULES = "several-rules"
    LEVEL_BELOW = "level-below"
    NOT_ACCEPTED = "not-accepted"
    CRITERION_MISSING = "criterion-missing"
    CRITERION_PARTIAL = "criterion-partial"


class RefusedError(ValueError):
    """Becomes a decision that refuses; it never leaves the room."""

    def __init__(self, refusal: Refusal, words: str) -> None:
        super().__init__(f"{refusal}: {words}")
        self.refusal, self.words = refusal, words
