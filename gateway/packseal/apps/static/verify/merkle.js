// Merkle trees of RFC 9162 section 2.1: roots, inclusion proofs, and roots of which only some leaves are known
// (docs/record.md sections 3 and 4).

import { EvidenceError, areSame, isDigest, joined, sha256 } from "./evidence.js";

export const MAX_SIZE = 1 << 24;
export const HASH_BYTES = 32;

export const leafHash = (entry) => sha256(joined([0], entry));
const nodeHash = async (left, right) => sha256(joined([1], await left, await right));

/** Throws EvidenceError "bad-inclusion-proof" unless the leaf stands at `index` of the tree of `size` with this root.
 *
 * The path up has two parts: below the node where the ways to this leaf and to the last leaf part, the siblings stand
 * on either side, as the bits of the index say; above it every sibling is a complete subtree on the left. Their number
 * follows from index and size alone, so a proof of another length is refused before it is hashed.
 */
export async function verifyInclusion(leaf, index, size, proof, root, what = "the record") {
  if (!(index >= 0 && index < size)) throw refused(`${what} would be leaf ${index} of ${size}`);
  const bits = BigInt(index); // of 48 in the service's log: not for the operators of 32
  const inner = (bits ^ (BigInt(size) - 1n)).toString(2).replace(/^0$/, "").length;
  const length = inner + onesOf(bits >> BigInt(inner));
  if (proof.length !== length) {
    throw refused(`${what} has a proof of ${proof.length} hashes where its tree needs ${length}`);
  }
  let node = leaf;
  for (const [level, sibling] of proof.entries()) {
    const isRight = level >= inner || (bits >> BigInt(level)) & 1n;
    node = await (isRight ? nodeHash(sibling, node) : nodeHash(node, sibling));
  }
  const isCovered = isDigest(root) && areSame(node, root);
  if (!isCovered) throw refused(`${what} is not what the signed root covers`);
}

/** The root over hashes of leaves. */
export async function rootOf(leaves) {
  if (leaves.length < 2) return leaves[0] ?? sha256(new Uint8Array());
  const half = splitOf(leaves.length);
  return nodeHash(rootOf(leaves.slice(0, half)), rootOf(leaves.slice(half)));
}

/** The root of a tree of `count` leaves of which some are known.
 *
 * known: Map from index to the hash of a leaf. hashes: the roots of the largest subtrees without a known leaf, from
 * left to right. Throws EvidenceError "bad-disclosure" where they are too few or too many.
 */
export async function rootOfSome(known, hashes, count) {
  const left = [...hashes];
  const isKnown = (from, to) => [...known.keys()].some((index) => index >= from && index < to);
  async function root(from, to) {
    if (!isKnown(from, to)) {
      if (!left.length) throw new EvidenceError("bad-disclosure", "too few hashes of what is not shown");
      return left.shift();
    }
    if (to - from === 1) return known.get(from);
    const middle = from + splitOf(to - from);
    const first = await root(from, middle); // before the second, because they take from the same hashes
    return nodeHash(first, root(middle, to));
  }
  const found = await root(0, count);
  if (left.length) throw new EvidenceError("bad-disclosure", "too many hashes of what is not shown");
  return found;
}

/** The largest power of two below a size of two or more. */
const splitOf = (size) => 1 << (31 - Math.clz32(size - 1));
const refused = (detail) => new EvidenceError("bad-inclusion-proof", detail);
const onesOf = (number) => number.toString(2).replaceAll("0", "").length;
