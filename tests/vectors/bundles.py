"""bundles.json: what a verifier must accept and what comes out of it, and what it must refuse, with the reason."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import Any

from packseal.records.disclosure import Shown
from packseal.records.verify import TrustedBundle, verify_bundle
from tests.vectors.bundles_bad import bad_bundles
from tests.vectors.bundles_bad_acts import bad_act_bundles
from tests.vectors.bundles_bad_attestations import bad_attestation_bundles
from tests.vectors.bundles_bad_disclosures import bad_disclosure_bundles
from tests.vectors.bundles_bad_receipts import bad_receipt_bundles
from tests.vectors.bundles_good import good_bundles
from tests.vectors.scenes import policies


def bundle_vectors() -> dict[str, Any]:
    known = policies()
    return {
        "policies": {name: policy.to_json() for name, policy in known.items()},
        "good": [
            {"name": name, "policy": policy, "bundle": content.hex(),
             "expect": expected(verify_bundle(content, known[policy]))}
            for name, policy, content in good_bundles()
        ],
        "bad": [
            {"name": bad.name, "policy": bad.policy, "bundle": bad.content.hex(), "reason": bad.reason,
             "clause": f"record.md section {bad.clause}"}
            for bad in [
                *bad_bundles(), *bad_disclosure_bundles(), *bad_receipt_bundles(), *bad_attestation_bundles(),
                *bad_act_bundles(),
            ]
        ],
    }  # fmt: skip


def expected(trusted: TrustedBundle) -> dict[str, Any]:
    """What comes out of a good bundle, in JSON."""
    return {
        "battery": trusted.battery,
        "evidence_class": trusted.evidence_class,
        "bound_by": trusted.bound_by.authority.role.name.lower() if trusted.bound_by else None,
        "log_id": trusted.log_id.hex(),
        "key": trusted.key.public_key.hex(),
        "seq": trusted.entry.seq,
        "type": trusted.entry.type,
        "shown": _shown(trusted.shown),
        "size": trusted.checkpoint.size,
        "service": trusted.service.hex(),
        "service_index": trusted.receipt.service_index,
        "witnesses": dict(trusted.witnesses),
        "acts": len(trusted.acts),
        "not_before_unix_ms": trusted.not_before_unix_ms,
        "not_after_unix_ms": trusted.not_after_unix_ms,
        "attested_by": trusted.attested.gateway.hex() if trusted.attested else None,
    }


def _shown(shown: Shown | None) -> Any:
    if shown is None:
        return None
    return {
        "fields": {name: plain(value) for name, value in shown.fields.items()},
        "cells": {str(block): cell_mv for block, cell_mv in shown.cells.items()},
        "at_least_cpct": shown.at_least_cpct,
        "at_most_cpct": shown.at_most_cpct,
    }


def plain(value: Any) -> Any:
    """Numbers and lists of them, in the order of record.md."""
    if is_dataclass(value):
        return [plain(getattr(value, field.name)) for field in fields(value)]
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return [plain(item) for item in value]
    return value.hex() if isinstance(value, bytes) else value
