// Leaves and inclusion proofs of RFC 9162 (docs/record.md section 3).

import { EvidenceError, areSame, joined, sha256 } from "./evidence.js";

export const HASH_BYTES = 32;
export const MAX_SIZE = 1 << 24;

export const leafHash = (entry) => sha256(joined([0], entry));
const nodeHash = (left, right) => sha256(joined([1], left, right));

/** Throws EvidenceError "bad-inclusion-proof" unless the leaf stands at `index` of the tree of `size` with this root.
 *
 * The path up has two parts: below the node where the ways to this leaf and to the last leaf part, the siblings stand
 * on either side, as the bits of the index say; above it every sibling is a complete subtree on the left. Their number
 * follows from index and size alone, so a proof of another length is refused before it is hashed.
 */
export async function verifyInclusion(leaf, index, size, proof, root) {
  if (!(index >= 0 && index < size)) throw refused(`no leaf ${index} in a tree of ${size}`);
  const inner = bitLength(index ^ (size - 1));
  const length = inner + onesOf(index >>> inner);
  if (proof.length !== length) throw refused(`a proof of ${proof.length} hashes where the tree needs ${length}`);
  let node = leaf;
  for (const [level, sibling] of proof.entries()) {
    const isRight = level >= inner || (index >>> level) & 1;
    node = await (isRight ? nodeHash(sibling, node) : nodeHash(node, sibling));
  }
  const isCovered = root.length === HASH_BYTES && areSame(node, root);
  if (!isCovered) throw refused("the record is not what the signed root covers");
}

const refused = (detail) => new EvidenceError("bad-inclusion-proof", detail);
const bitLength = (number) => 32 - Math.clz32(number);
const onesOf = (number) => number.toString(2).replaceAll("0", "").length;
