"""Vectors that others made: CBOR Appendix A, hostile CBOR, Merkle inclusion, Ed25519 edge cases."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from packseal.errors import EvidenceError
from packseal.records.cbor import decode, encode
from packseal.records.merkle import (
    Edge,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    verify_consistency,
    verify_inclusion,
)


def test_cbor_appendix_a_accepted_and_refused_sets_are_pinned(shared: Path) -> None:
    cases = json.loads((shared / "vectors/cbor-appendix-a/appendix_a.json").read_text())
    accepted = []
    for case in cases:
        content = bytes.fromhex(case["hex"])
        try:
            assert encode(decode(content)) == content
            accepted.append(case["hex"])
        except EvidenceError:
            continue
    assert len(cases) == 82
    assert len(accepted) == 32  # the rest are floats, booleans, tags, indefinite lengths and maps with text keys


def test_hostile_cbor_is_refused(shared: Path) -> None:
    cases = json.loads((shared / "vectors/hostile/cbor-hostile.json").read_text())
    assert len(cases) == 13
    for case in cases:
        with pytest.raises(EvidenceError, match="malformed"):
            decode(bytes.fromhex(case["hex"]))


def test_merkle_inclusion(shared: Path) -> None:
    cases = sorted((shared / "vectors/transparency-dev-merkle/testdata/inclusion").rglob("*.json"))
    assert len(cases) == 98
    for path in cases:
        case = json.loads(path.read_text())
        proof = [base64.b64decode(node) for node in case["proof"] or []]
        leaf, root = base64.b64decode(case["leafHash"] or ""), base64.b64decode(case["root"] or "")
        try:
            verify_inclusion(leaf, case["leafIdx"], case["treeSize"], proof, root)
            refused = False
        except EvidenceError:
            refused = True
        assert refused == case["wantErr"], path.name


def test_merkle_consistency(shared: Path) -> None:
    cases = sorted((shared / "vectors/transparency-dev-merkle/testdata/consistency").rglob("*.json"))
    assert len(cases) == 98
    for path in cases:
        case = json.loads(path.read_text())
        proof = [base64.b64decode(node) for node in case["proof"] or []]
        roots = (base64.b64decode(case["root1"] or ""), base64.b64decode(case["root2"] or ""))
        try:
            verify_consistency((case["size1"], case["size2"]), proof, roots)
            refused = False
        except EvidenceError:
            refused = True
        assert refused == case["wantErr"], path.name


@pytest.mark.parametrize("size", [1, 2, 3, 5, 8, 13, 33])
def test_own_consistency_proofs_lead_from_root_to_root(size: int) -> None:
    leaves = [leaf_hash(bytes([n])) for n in range(size)]
    root = Edge().extended(leaves).root()
    for first in range(1, size + 1):
        old = Edge().extended(leaves[:first]).root()
        proof = consistency_proof(leaves, first)
        verify_consistency((first, size), proof, (old, root))
        for index in range(len(proof)):
            with pytest.raises(EvidenceError, match="bad-consistency-proof"):
                verify_consistency((first, size), [*proof[:index], bytes(32), *proof[index + 1 :]], (old, root))


@pytest.mark.parametrize("size", [1, 2, 3, 5, 8, 13, 33])
def test_own_proofs_lead_to_the_edge_root(size: int) -> None:
    leaves = [leaf_hash(bytes([n])) for n in range(size)]
    root = Edge().extended(leaves).root()
    for index in range(size):
        proof = inclusion_proof(leaves, index)
        verify_inclusion(leaves[index], index, size, proof, root)
        with pytest.raises(EvidenceError, match="bad-inclusion-proof"):
            verify_inclusion(leaf_hash(b"another"), index, size, proof, root)
