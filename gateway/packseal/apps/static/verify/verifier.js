// Verifies a bundle as docs/record.md section 7 says, in a browser or in Node, with SHA-256 and Ed25519 of WebCrypto.
//
// A second program beside the gateway's Python, written from the specification: the two must agree on every verdict and
// on every reason. What the caller must still do: have the policy from someone it trusts, and check that the record is
// the one it asked for.

import { Sign1, decode, isInt } from "./cbor.js";
import { verifySignature } from "./ed25519.js";
import { decodeEntry, decodeGenesis, isBoot, isNumber } from "./entries.js";
import { EvidenceError, areSame, hex, isBytes, joined, malformed, sha256, unhex } from "./evidence.js";
import { HASH_BYTES, MAX_SIZE, leafHash, verifyInclusion } from "./merkle.js";

export { EvidenceError } from "./evidence.js";

const BUNDLE_VERSION = "packseal/bundle/1";
const FORMAT_VERSION = 1;
const MAX_BUNDLE_BYTES = 4096;
const LOG_ID_BYTES = 16;
const KID_BYTES = 8;
const SIGNATURE_BYTES = 64;
const [ALGORITHM, KID, ED25519] = [1, 4, -19]; // COSE header labels (RFC 9052 section 3.1), algorithm (RFC 9864)
const CHECKPOINT = "packseal/checkpoint/1";
const RECEIPT = "packseal/receipt/1";
const utf8 = new TextEncoder();

/** What the bundle proves under this policy.
 *
 * bytes: Uint8Array. policy: {logs, services}: a Map or an object of log_id to {battery, evidenceClass}, a list of
 * public keys, ids and keys as hexadecimal digits. Integers are Number, or BigInt where that would not be exact.
 *
 * Throws EvidenceError with the reason of the first step that fails, TypeError for arguments that are no bytes or no
 * policy, and what WebCrypto throws where it lacks SHA-256 or Ed25519 (whyUnable in ed25519.js tells that before).
 */
export async function verifyBundle(bytes, policy) {
  if (!isBytes(bytes)) throw new TypeError("a bundle is a Uint8Array");
  const services = policy.services.map(unhex);
  const bundle = decodeBundle(bytes); // 1
  const key = decodeGenesis(bundle.genesis); // 2
  const logId = (await leafHash(bundle.genesis)).slice(0, LOG_ID_BYTES);
  const log = trustedLog(policy.logs, hex(logId));
  const checkpoint = await verifyCheckpoint(bundle.checkpoint, logId, key.public_key); // 3
  const entry = decodeEntry(bundle.entry); // 4
  if (entry.seq >= checkpoint.size) {
    throw new EvidenceError("wrong-seq", `record ${entry.seq} is not below size ${checkpoint.size}`);
  }
  await verifyInclusion(await leafHash(bundle.entry), entry.seq, checkpoint.size, bundle.proof, checkpoint.root); // 5
  const receipt = await verifyReceipt(bundle.receipt, services); // 6
  const isSameTree = receipt.size === checkpoint.size && areSame(receipt.root, checkpoint.root);
  if (!isSameTree || !areSame(receipt.logId, logId)) {
    throw new EvidenceError("receipt-mismatch", "the receipt covers another log, size or root");
  }
  return {
    battery: log.battery,
    evidenceClass: log.evidenceClass,
    logId: hex(logId),
    publicKey: hex(key.public_key),
    origin: key.origin,
    ...entry,
    size: checkpoint.size,
    root: hex(checkpoint.root),
    serviceIndex: receipt.serviceIndex,
    receivedUnixMs: receipt.receivedUnixMs,
  };
}

function decodeBundle(bytes) {
  if (bytes.length > MAX_BUNDLE_BYTES) throw malformed(`a bundle of ${bytes.length} bytes, over ${MAX_BUNDLE_BYTES}`);
  const items = decode(bytes);
  const version = Array.isArray(items) ? items[0] : undefined;
  if (typeof version === "string" && version !== BUNDLE_VERSION) {
    throw new EvidenceError("unknown-version", `${JSON.stringify(version)}; this reader knows ${BUNDLE_VERSION}`);
  }
  if (version === BUNDLE_VERSION && items.length === 6) {
    const [, genesis, entry, proof, checkpoint, receipt] = items;
    const isProof = Array.isArray(proof) && proof.every((hash) => isBytes(hash) && hash.length === HASH_BYTES);
    const isWhole = isProof && [genesis, entry, checkpoint, receipt].every(isBytes);
    if (isWhole) return { genesis, entry, proof, checkpoint, receipt };
  }
  throw malformed("a bundle is [version, genesis, entry, [proof], checkpoint, receipt]");
}

function trustedLog(logs, logId) {
  const log = logs instanceof Map ? logs.get(logId) : Object.hasOwn(logs, logId) ? logs[logId] : undefined;
  if (!log) throw new EvidenceError("unknown-log", `the policy does not list log ${logId}`);
  return log;
}

/** Section 4. The signature first: what nobody signed for is not read. */
async function verifyCheckpoint(content, logId, publicKey) {
  const signed = decodeSign1(content);
  if (signed.header.has(KID)) throw malformed("the protected header of a checkpoint names nothing but its algorithm");
  await verifySign1(signed, CHECKPOINT, publicKey);
  const [named, size, root, boot, uptimeMs, nonce, hwcounter] = versioned(signed.payload, 8);
  checkHead(named, size, root);
  const isOptional = (nonce === null || isBytes(nonce)) && (hwcounter === null || isNumber(hwcounter));
  if (!isBoot(boot) || !isNumber(uptimeMs) || !isOptional) {
    throw malformed("boot, uptime, nonce or counter of a checkpoint is not of its kind");
  }
  if (!areSame(named, logId)) {
    throw new EvidenceError("wrong-log", `a checkpoint of log ${hex(named)}, not of ${hex(logId)}`);
  }
  return { size, root };
}

/** Section 6: by the service whose key the receipt names, if the policy trusts it. */
async function verifyReceipt(content, services) {
  if (!services.length) throw new EvidenceError("unknown-service", "the policy lists no service");
  const signed = decodeSign1(content);
  const kid = signed.header.get(KID);
  const publicKey = isBytes(kid) ? await keyNamed(kid, services) : undefined;
  if (!publicKey) {
    const named = isBytes(kid) ? `key ${hex(kid)}, which is not trusted here` : "no key";
    throw new EvidenceError("unknown-service", `the receipt names ${named}`);
  }
  await verifySign1(signed, RECEIPT, publicKey);
  const [logId, size, root, serviceIndex, receivedUnixMs] = versioned(signed.payload, 6);
  checkHead(logId, size, root);
  const isWhole = isNumber(serviceIndex) && isNumber(receivedUnixMs);
  if (!isWhole) throw malformed("index or time of a receipt is not of its kind");
  return { logId, size, root, serviceIndex, receivedUnixMs };
}

async function keyNamed(kid, services) {
  for (const publicKey of services) {
    if (areSame(kid, (await sha256(publicKey)).subarray(0, KID_BYTES))) return publicKey;
  }
  return undefined;
}

/** The parts of a COSE_Sign1 (RFC 9052 section 4.2) of the one shape that the format has. */
function decodeSign1(content) {
  const value = decode(content);
  const [protectedBytes, unprotected, payload, signature, ...more] = value instanceof Sign1 ? value.items : [];
  const isShaped = isBytes(protectedBytes) && unprotected instanceof Map && isBytes(payload) && isBytes(signature);
  if (!isShaped || unprotected.size || signature.length !== SIGNATURE_BYTES || more.length) {
    throw malformed("not a COSE_Sign1 with an empty unprotected header and a signature of 64 bytes");
  }
  const header = decode(protectedBytes);
  const isKnown = header instanceof Map && [...header.keys()].every((label) => label === ALGORITHM || label === KID);
  if (!isKnown || header.get(ALGORITHM) !== ED25519) {
    throw malformed("the protected header names another algorithm or an unknown field");
  }
  return { protectedBytes, header, payload, signature };
}

/** Over the received bytes: the Sig_structure of RFC 9052 section 4.4 is put around them as they came. */
async function verifySign1({ protectedBytes, payload, signature }, purpose, publicKey) {
  const context = utf8.encode("Signature1");
  const parts = [protectedBytes, utf8.encode(purpose), payload].map(byteString);
  const message = joined([0x84, 0x60 | context.length], context, ...parts);
  await verifySignature(publicKey, message, signature);
}

function byteString(bytes) {
  const { length } = bytes; // below 2^16, because all of it came out of one bundle
  const head = length < 24 ? [0x40 | length] : length < 256 ? [0x58, length] : [0x59, length >> 8, length & 255];
  return joined(head, bytes);
}

/** What follows the format version in a signed payload of `count` items. */
function versioned(payload, count) {
  const items = decode(payload);
  const version = Array.isArray(items) ? items[0] : undefined;
  if (!isInt(version)) throw malformed("a signed payload is an array that begins with its format version");
  if (version !== FORMAT_VERSION) {
    throw new EvidenceError("unknown-version", `format version ${version}, not ${FORMAT_VERSION}`);
  }
  if (items.length !== count) throw malformed(`a signed payload of ${items.length} items in place of ${count}`);
  return items.slice(1);
}

function checkHead(logId, size, root) {
  const isSize = isInt(size) && size > 0 && size < MAX_SIZE;
  if (!isBytes(logId) || logId.length !== LOG_ID_BYTES || !isSize || !isBytes(root) || root.length !== HASH_BYTES) {
    throw malformed("log_id, size or root is not of its kind");
  }
}
