// The shape of a bundle and of what it carries (docs/record.md section 8 step 1); nothing in it is verified here.

import { decode } from "./cbor.js";
import { EvidenceError, areSame, isBytes, malformed } from "./evidence.js";
import { isNumber } from "./fields.js";
import { HASH_BYTES } from "./merkle.js";

const VERSION = "packseal/bundle/1";
const MAX_BYTES = 4096;
const SEED_BYTES = 16;
const MAX_ROTATIONS = 8;
const MAX_ACTS = 8;

const isProof = (value) => isBytes(value) && value.length % HASH_BYTES === 0;
const isBeside = (value) => value === null || value instanceof Map || (isBytes(value) && value.length === SEED_BYTES);
const items = (...kinds) => (value) =>
  Array.isArray(value) && value.length === kinds.length && kinds.every((isOf, index) => isOf(value[index]));
const atMost = (count, isOf) => (value) => Array.isArray(value) && value.length <= count && value.every(isOf);
const orNull = (isOf) => (value) => value === null || isOf(value);

const isBundle = items(
  (version) => version === VERSION,
  isBytes,
  atMost(MAX_ROTATIONS, items(isBytes, isProof, isBytes)),
  items(isBytes, isBeside),
  isProof,
  isBytes,
  isBytes,
  isBytes,
  isProof,
  atMost(MAX_ACTS, items(isBytes, isNumber, isProof, isNumber)),
  orNull(items(isBytes, isProof, isNumber, isBytes)),
  orNull(isBytes),
);

/** The parts by their names. Throws EvidenceError "malformed", "unknown-version". */
export function decodeBundle(bytes) {
  if (bytes.length > MAX_BYTES) throw malformed(`a bundle of ${bytes.length} bytes, over ${MAX_BYTES}`);
  const value = decode(bytes);
  const version = Array.isArray(value) ? value[0] : undefined;
  if (typeof version === "string" && version !== VERSION) {
    throw new EvidenceError("unknown-version", `${JSON.stringify(version)}; this reader knows ${VERSION}`);
  }
  if (!isBundle(value)) throw malformed("a bundle is an array of twelve parts, each of its kind");
  const [, genesis, rotations, [entry, beside], ownProof, checkpoint, ...rest] = value;
  const [receipt, note, ownNoteProof, acts, time, attestation] = rest;
  const [proof, noteProof] = [hashes(ownProof), hashes(ownNoteProof)];
  return {
    genesis,
    rotations: rotations.map(chained),
    record: { entry, beside },
    proof,
    checkpoint,
    receipt,
    note,
    noteProof,
    acts: acts.map(([content, index, own, shared]) => ({ content, index, proof: ending(own, shared, noteProof) })),
    time: time && { entry: time[0], proof: ending(time[1], time[2], proof), receipt: time[3] },
    attestation,
  };
}

const chained = ([entry, joined, checkpoint]) => ({ entry, proof: hashes(joined), checkpoint });

function hashes(joined) {
  const list = [];
  for (let at = 0; at < joined.length; at += HASH_BYTES) list.push(joined.slice(at, at + HASH_BYTES));
  return list;
}

/** A proof that ends as another one into the same tree does. */
function ending(own, shared, base) {
  if (shared > base.length) throw malformed(`a proof that shares ${shared} of ${base.length} hashes`);
  const [ownHashes, first] = [hashes(own), base.length - Number(shared)];
  const couldShareMore = ownHashes.length && first && areSame(ownHashes.at(-1), base[first - 1]);
  if (couldShareMore) throw malformed("a proof that could share more");
  return [...ownHashes, ...base.slice(first)];
}
