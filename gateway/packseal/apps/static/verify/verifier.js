// Verifies a bundle as docs/record.md section 8 says, in a browser or in Node, with WebCrypto alone.
//
// A second program beside the gateway's Python, written from the specification: the two must agree on every verdict and
// on every reason. What the caller must still do: have the policy from someone it trusts, and check that the record and
// the battery are those it asked for.

import { BIND, REVOKE, ROTATION, isRevoked, possessionPayload, receiptEntry, verifyActs } from "./acts.js";
import { blindedEntry, decodeDisclosure, verifyDisclosure } from "./blinding.js";
import { decodeBundle } from "./bundle.js";
import { verifyBare } from "./cose.js";
import { checkBelow, decodeEntry, decodeGenesis, isBlindable } from "./entries.js";
import { EvidenceError, areSame, hex, isBytes, malformed, sha256 } from "./evidence.js";
import { CHANGES, KEY, LOG_ID_BYTES, TIME } from "./fields.js";
import { leafHash, verifyInclusion } from "./merkle.js";
import { readNote, verifyNote, verifyWitnesses } from "./note.js";
import { inLogOf, trusted } from "./policy.js";
import { isAbout, verifyAttestation, verifyCheckpoint, verifyReceipt } from "./statements.js";

export { EvidenceError } from "./evidence.js";

const ORIGINS = { A: 1, B: 1, C: 2, D: 3 }; // section 12
const BINDS = ["integrator", "operator"];

/** What the bundle proves under this policy.
 *
 * bytes: Uint8Array. policy: {services: [{publicKey, origin}], logs: Map or object of log_id to {battery,
 * evidenceClass}, keys: [{publicKey, algorithm, role}], witnesses: [{name, publicKey}], witnessesNeeded,
 * revoked: [{publicKey, index, service}]}, ids and keys in hexadecimal digits, all but services optional. Integers of
 * the answer are Number, or BigInt where that would not be exact.
 *
 * Throws EvidenceError with the reason of the first step that fails, TypeError for arguments that are no bytes or no
 * policy, and what WebCrypto throws where it lacks an algorithm (whyUnable in ed25519.js tells that before).
 */
export async function verifyBundle(bytes, policy) {
  if (!isBytes(bytes)) throw new TypeError("a bundle is a Uint8Array");
  const told = await trusted(policy);
  const bundle = decodeBundle(bytes); // 1
  const log = await openLog(bundle.genesis); // 2
  const rotatedBelow = await verifyRotations(bundle.rotations, log); // 3
  const checkpoint = { logId: log.id, ...(await verifyCheckpoint(bundle.checkpoint, log.id, log.keys.at(-1))) }; // 4
  if (checkpoint.size <= rotatedBelow) throw new EvidenceError("bad-rotation", "it ends no later than a change of key");
  const record = await verifyRecord(bundle, checkpoint); // 5
  const receipt = await verifyTrustedReceipt(bundle.receipt, told); // 6
  if (!isAbout(receipt, checkpoint)) {
    throw new EvidenceError("receipt-mismatch", "the receipt covers another log, size or root");
  }
  const trust = inLogOf(receipt.service, told);
  const note = await verifyInNote(bundle, receipt, trust); // 7
  const acts = await verifyActs(bundle.acts, trust, note); // 8
  const binding = bindingOf(log, acts, receipt, trust); // 9
  const isGone = ({ publicKey }) => isRevoked(revocationsOf(acts, trust), publicKey, receipt.serviceIndex);
  checkNotRevoked(log, isGone); // 10
  const notBeforeUnixMs = bundle.time && (await verifyTime(bundle.time, record, checkpoint, receipt, told)); // 11
  const gateways = trust.keys.filter((key) => key.role === "gateway" && !isGone(key));
  const attestation = bundle.attestation && (await attested(bundle.attestation, checkpoint, receipt, gateways)); // 12
  return {
    ...binding,
    logId: hex(log.id),
    publicKey: hex(log.keys.at(-1).publicKey),
    openedBy: hex(log.keys[0].publicKey),
    origin: log.origin,
    ...record,
    size: checkpoint.size,
    root: hex(checkpoint.root),
    nonce: checkpoint.nonce && hex(checkpoint.nonce),
    service: hex(receipt.service.publicKey),
    serviceIndex: receipt.serviceIndex,
    receivedUnixMs: receipt.receivedUnixMs,
    notBeforeUnixMs,
    notAfterUnixMs: receipt.receivedUnixMs,
    witnesses: note.witnesses,
    attestation,
    logOrigin: note.origin,
    logSize: note.size,
    acts: acts.length,
  };
}

/** {id, origin, keys}; keys is every key that has signed, in order. */
async function openLog(genesis) {
  const body = decodeGenesis(genesis);
  return { id: (await leafHash(genesis)).slice(0, LOG_ID_BYTES), origin: body.origin, keys: [keyOf(body)] };
}

const keyOf = (body) => ({ publicKey: body.public_key, algorithm: body.algorithm });

/** Adds the keys that were changed to; the size of the log at the last change. */
async function verifyRotations(parts, log) {
  let below = 1; // the genesis
  for (const part of parts) {
    const { size, root } = await verifyCheckpoint(part.checkpoint, log.id, log.keys.at(-1));
    const { type, seq, body } = decodeEntry(part.entry);
    const isChange = type === KEY && body.act === CHANGES && seq === size - 1 && size > below;
    if (!isChange) throw new EvidenceError("bad-rotation", `entry ${seq} of ${size} is no change of key there`);
    await verifyNewKey(keyOf(body), body.possession, log.id);
    await verifyInclusion(await leafHash(part.entry), seq, size, part.proof, root, `change of key ${seq}`);
    log.keys.push(keyOf(body));
    below = size;
  }
  return parts.length ? below : 0;
}

async function verifyNewKey(key, possession, logId) {
  try {
    await verifyBare(possession, possessionPayload(key, logId), ROTATION, key);
  } catch (error) {
    if (error instanceof EvidenceError) throw new EvidenceError("bad-rotation", `the new key: ${error.detail}`);
    throw error;
  }
}

/** {type, seq, boot, uptimeMs, body, shown}: body of an open record, shown of a blinded one, otherwise null. */
async function verifyRecord({ record, proof }, { size, root }) {
  const entry = decodeEntry(record.entry);
  const disclosure = decodeBeside(entry, record.beside);
  checkBelow(entry.seq, size);
  const shown = disclosure && (await verifyDisclosure(disclosure, entry));
  const isOpen = isBlindable(entry.type) && !shown;
  const signed = isOpen ? await blindedEntry(record.entry, entry, record.beside) : record.entry;
  await verifyInclusion(await leafHash(signed), entry.seq, size, proof, root);
  const { type, seq, boot, uptimeMs, body } = entry;
  return { type, seq, boot, uptimeMs, body, shown };
}

/** The disclosure of a blinded entry, otherwise null: what stands beside an entry follows from its kind. */
function decodeBeside({ type, root }, beside) {
  if (root && beside instanceof Map) return decodeDisclosure(beside, type);
  const isOfKind = isBlindable(type) ? !root && isBytes(beside) : beside === null;
  if (!isOfKind) throw malformed("what stands beside the record is not for a record of its kind");
  return null;
}

/** Section 8 steps 6 and 11: by a service of the policy whose key counted at that index of its log. */
async function verifyTrustedReceipt(content, told) {
  const receipt = await verifyReceipt(content, told.services);
  const { service, serviceIndex } = receipt;
  if (isRevoked(inLogOf(service, told).revoked, service.publicKey, serviceIndex)) {
    throw new EvidenceError("key-revoked", `the service's key was revoked at or before its receipt ${serviceIndex}`);
  }
  return receipt;
}

async function verifyInNote(bundle, receipt, trust) {
  const note = readNote(bundle.note);
  await verifyNote(note, receipt.service.publicKey);
  if (note.origin !== receipt.service.origin) {
    throw new EvidenceError("unknown-service", `a note of log ${note.origin}, not of ${receipt.service.origin}`);
  }
  const witnesses = await verifyWitnesses(note, trust.witnesses, trust.witnessesNeeded);
  const leaf = await leafHash(await receiptEntry(receipt.payload));
  await verifyInclusion(leaf, receipt.serviceIndex, note.size, bundle.noteProof, note.root, "the receipt");
  return { origin: note.origin, size: note.size, root: note.root, witnesses };
}

/** {battery, evidenceClass, boundBy, boundByRole}: the policy first, then the BIND of the key that opened the log. */
function bindingOf(log, acts, receipt, trust) {
  const listed = trust.logs.get(hex(log.id));
  const bind = listed ? null : bindOf(log, acts, receipt);
  const { battery, evidenceClass } = listed ?? bind;
  if (ORIGINS[evidenceClass] !== log.origin) {
    throw new EvidenceError("wrong-class", `class ${evidenceClass} for a log of origin ${log.origin}`);
  }
  const [boundBy, boundByRole] = listed ? ["policy", null] : [hex(bind.signer.publicKey), bind.signer.role];
  return { battery, evidenceClass, boundBy, boundByRole };
}

/** Section 5 item 10: a key is bound once; the first of the BINDs that say so counts. */
function bindOf(log, acts, receipt) {
  const isOfKey = ({ act, signer, publicKey }) =>
    act === BIND && BINDS.includes(signer.role) && areSame(publicKey, log.keys[0].publicKey);
  const binds = acts.filter(isOfKey).sort((a, b) => (a.index < b.index ? -1 : 1));
  const [first] = binds;
  const isSame = ({ battery, evidenceClass }) => battery === first.battery && evidenceClass === first.evidenceClass;
  if (!binds.every(isSame)) throw new EvidenceError("already-bound", "the key that opened the log is bound twice");
  if (!first || first.index >= receipt.serviceIndex) {
    throw new EvidenceError("unknown-log", `nothing says which battery log ${hex(log.id)} is of`);
  }
  return first;
}

const revocationsOf = (acts, trust) => [...acts.filter(({ act }) => act === REVOKE), ...trust.revoked];

function checkNotRevoked(log, isGone) {
  const key = log.keys.find(isGone);
  if (key) throw new EvidenceError("key-revoked", `key ${hex(key.publicKey.subarray(0, 8))} of the log`);
}

/** The time of the receipt that the board had in hand before it made the record. */
async function verifyTime(time, record, { logId, size, root }, receipt, told) {
  const { type, seq, body } = decodeEntry(time.entry);
  const isBefore = type === TIME && seq < record.seq;
  if (!isBefore) throw badTime(`entry ${seq} is no TIME before record ${record.seq}`);
  const isNamed = areSame(body.receipt_digest, await sha256(time.receipt));
  if (!isNamed) throw badTime("it names another receipt");
  await verifyInclusion(await leafHash(time.entry), seq, size, time.proof, root, "the TIME entry");
  const earlier = await verifyTrustedReceipt(time.receipt, told);
  if (earlier.receivedUnixMs !== body.received_unix_ms) throw badTime("it states another time than its receipt");
  if (!areSame(earlier.logId, logId)) throw badTime("its receipt is of another log");
  const isOfAnother = !areSame(earlier.service.publicKey, receipt.service.publicKey); // whose indices count another log
  const isBelow = isOfAnother || earlier.serviceIndex < receipt.serviceIndex;
  const isEarlier = isBelow && earlier.receivedUnixMs <= receipt.receivedUnixMs;
  if (!isEarlier) throw badTime("its receipt is not earlier than the record's");
  return earlier.receivedUnixMs;
}

const badTime = (detail) => new EvidenceError("bad-time", `the TIME entry: ${detail}`);

/** What one of these gateways says of the delivery; null where it is none of them. */
async function attested(content, checkpoint, receipt, gateways) {
  const isNamed = receipt.attestation && areSame(receipt.attestation, await sha256(content));
  if (!isNamed) throw new EvidenceError("receipt-mismatch", "the receipt names another attestation, or none");
  const attestation = await verifyAttestation(content, gateways);
  if (!attestation) return null;
  if (!isAbout(attestation, checkpoint)) {
    throw new EvidenceError("receipt-mismatch", "the attestation is of another log, size or root");
  }
  return attestation.said;
}
