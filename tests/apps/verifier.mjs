// Asks the browser's verifier: a list of questions as JSON on standard input, the list of answers on standard output.
//
// An answer is {"good": what was found} or {"reason", "detail"}. Integers are text in it, so that none loses a digit.

import { readFileSync } from "node:fs";
import { webcrypto } from "node:crypto";

globalThis.crypto ??= webcrypto; // Node 18 has it, but not by this name

const [folder] = process.argv.slice(2);
const part = (name) => import(`${folder}/${name}.js`);
const { decode } = await part("cbor");
const { verifySignature } = await part("ed25519");
const { decodeColumn, decodeEntry } = await part("entries");
const { EvidenceError, hex, unhex } = await part("evidence");
const { verifyInclusion } = await part("merkle");
const { verifyBundle } = await part("verifier");

const ASK = {
  bundle: (content, policy) => verifyBundle(unhex(content), policy),
  cbor: (content) => decode(unhex(content)),
  entry: (content) => decodeEntry(unhex(content)),
  column: (content) => decodeColumn(unhex(content)),
  signature: (...parts) => verifySignature(...parts.map(unhex)),
  inclusion: (leaf, index, size, proof, root) =>
    verifyInclusion(unhex(leaf), index, size, proof.map(unhex), unhex(root)),
};

/** As plain JSON: integers and byte strings as text, maps as pairs, tag 18 as what it holds. */
function plain(value) {
  if (typeof value === "number" || typeof value === "bigint") return String(value);
  if (value instanceof Uint8Array) return hex(value);
  if (value instanceof Map) return { map: [...value].map((pair) => pair.map(plain)) };
  if (Array.isArray(value)) return value.map(plain);
  if (value?.items) return { sign1: plain(value.items) };
  if (typeof value !== "object" || value === null) return value ?? null;
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, plain(one)]));
}

async function answer([kind, ...parts]) {
  try {
    return { good: plain(await ASK[kind](...parts)) };
  } catch (error) {
    if (error instanceof EvidenceError) return { reason: error.reason, detail: error.detail };
    throw error;
  }
}

const answers = [];
for (const question of JSON.parse(readFileSync(0, "utf8"))) answers.push(await answer(question));
process.stdout.write(JSON.stringify(answers));
