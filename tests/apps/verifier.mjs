// Asks the browser's verifier: a list of questions as JSON on standard input, the list of answers on standard output.
//
// An answer is {"good": what was found} or {"reason", "detail"}. Integers are text in it, so that none loses a digit.
// A policy is one as policy.json holds it.

import { readFileSync } from "node:fs";
import { webcrypto } from "node:crypto";

globalThis.crypto ??= webcrypto; // Node 18 has it, but not by this name

const [folder] = process.argv.slice(2);
const part = (name) => import(`${folder}/${name}.js`);
const { blindedEntry, decodeDisclosure, verifyDisclosure } = await part("blinding");
const { decode, encode } = await part("cbor");
const { decodeColumn } = await part("columns");
const { verifySignature } = await part("ed25519");
const { decodeEntry } = await part("entries");
const { EvidenceError, hex, unhex } = await part("evidence");
const { verifyInclusion } = await part("merkle");
const { readNote, verifyNote, verifyWitnesses } = await part("note");
const { parsePolicy, readPolicy } = await part("policy");
const { reportOf } = await part("report");
const { verifyBundle } = await part("verifier");

const withKeys = (witnesses) => witnesses.map(({ name, public_key: key }) => ({ name, publicKey: unhex(key) }));

const ASK = {
  bundle: (content, policy) => verifyBundle(unhex(content), readPolicy(policy)),
  report: async (content, policy) => reportOf(await verifyBundle(unhex(content), readPolicy(policy))),
  policy: (json) => readPolicy(json),
  policyFile: (content) => parsePolicy(unhex(content)),
  cbor: (content) => decode(unhex(content)),
  again: (content) => encode(decode(unhex(content))),
  entry: (content) => decodeEntry(unhex(content)),
  column: (content) => decodeColumn(unhex(content)),
  blinded: (content, seed) => blindedEntry(unhex(content), decodeEntry(unhex(content)), unhex(seed)),
  async disclosure(content, disclosure) {
    const entry = decodeEntry(unhex(content));
    return verifyDisclosure(decodeDisclosure(decode(unhex(disclosure)), entry.type), entry);
  },
  async note(content, service, witnesses = [], needed = 0) {
    const note = readNote(unhex(content));
    await verifyNote(note, unhex(service));
    const { origin, size, root } = note;
    return { origin, size, root, witnesses: await verifyWitnesses(note, withKeys(witnesses), needed) };
  },
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
    const isNoPolicy = error instanceof TypeError || error instanceof SyntaxError;
    if (kind.startsWith("policy") && isNoPolicy) return { reason: error.name, detail: error.message };
    throw error;
  }
}

const answers = [];
for (const question of JSON.parse(readFileSync(0, "utf8"))) answers.push(await answer(question));
process.stdout.write(JSON.stringify(answers));
