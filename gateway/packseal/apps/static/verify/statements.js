// What keys of a log, services and gateways sign about a log (docs/record.md section 5).
//
// The signature always comes first: what nobody signed for is not read.

import { isPlain } from "./cbor.js";
import { decodeSign1, decodeUnnamed, verifySign1, versioned } from "./cose.js";
import { EvidenceError, areSame, hex, isBytes, isDigest, malformed } from "./evidence.js";
import { LOG_ID_BYTES, isBoot, isNumber, isSize } from "./fields.js";

const CHECKPOINT = "packseal/checkpoint/1";
const RECEIPT = "packseal/receipt/1";
const ATTESTATION = "packseal/attestation/1";
const MAX_NONCE_BYTES = 32;
const SALT_BYTES = 16;
const MAX_CLOCK = 2;
const COUNTS = {
  1: "frames_received", 2: "frames_lost", 3: "error_frames", 4: "link_frames_refused", 5: "reopened",
  6: "requests_asked", 7: "requests_answered", 8: "requests_unanswered", 9: "requests_refused",
  10: "windows_emptied",
};

/** {size, root, nonce} of a checkpoint of this log; nonce is null where nobody asked for one.
 *
 * Throws EvidenceError "malformed", "bad-signature", "unknown-version", "wrong-log".
 */
export async function verifyCheckpoint(content, logId, key) {
  const signed = decodeUnnamed(content);
  await verifySign1(signed, CHECKPOINT, key);
  const [named, size, root, boot, uptimeMs, nonce, hwcounter] = versioned(signed.payload, 8);
  checkHead(named, size, root);
  const isNonce = nonce === null || (isBytes(nonce) && nonce.length <= MAX_NONCE_BYTES);
  const isCounter = hwcounter === null || isNumber(hwcounter);
  if (!isBoot(boot) || !isNumber(uptimeMs) || !isNonce || !isCounter) {
    throw malformed("boot, uptime, nonce or counter of a checkpoint is not of its kind");
  }
  if (!areSame(named, logId)) {
    throw new EvidenceError("wrong-log", `a checkpoint of log ${hex(named)}, not of ${hex(logId)}`);
  }
  return { size, root, nonce };
}

/** A receipt by one of these services, with `service`, the one that signed it, and its `payload`.
 *
 * Throws EvidenceError "unknown-service", "bad-signature", "malformed", "unknown-version".
 */
export async function verifyReceipt(content, services) {
  const signed = decodeSign1(content);
  const service = keyNamed(signed.kid, services);
  if (!service) {
    const named = signed.kid ? `key ${hex(signed.kid)}, which is not trusted here` : "no key";
    throw new EvidenceError("unknown-service", `the receipt names ${named}`);
  }
  await verifySign1(signed, RECEIPT, service);
  const [logId, size, root, serviceIndex, receivedUnixMs, salt, attestation] = versioned(signed.payload, 8);
  checkHead(logId, size, root);
  const isNumbered = isNumber(serviceIndex) && isNumber(receivedUnixMs);
  const isDigested = attestation === null || isDigest(attestation);
  if (!isNumbered || !isSalt(salt) || !isDigested) {
    throw malformed("index, time, salt or attestation of a receipt is not of its kind");
  }
  return { logId, size, root, serviceIndex, receivedUnixMs, attestation, service, payload: signed.payload };
}

/** {by, arrivedUnixMs, clock, clockErrorMs, counts, ...}, or null where none of these gateways is named.
 *
 * Throws EvidenceError "bad-signature", "malformed", "unknown-version".
 */
export async function verifyAttestation(content, gateways) {
  const signed = signedOrNull(content);
  const gateway = keyNamed(signed?.kid, gateways);
  if (!gateway) return null;
  await verifySign1(signed, ATTESTATION, gateway);
  const payload = versioned(signed.payload, 9);
  const [logId, size, root, arrivedUnixMs, clock, clockErrorMs, settings, counts] = payload;
  checkHead(logId, size, root);
  const isClock = isNumber(clock) && clock <= MAX_CLOCK && (clockErrorMs === null || isNumber(clockErrorMs));
  if (!isNumber(arrivedUnixMs) || !isClock || !isDigest(settings) || !(counts instanceof Map) || !isPlain(counts)) {
    throw malformed("time, clock, settings or counts of an attestation is not of its kind");
  }
  const said = { by: hex(gateway.publicKey), arrivedUnixMs, clock, clockErrorMs, counts: readCounts(counts) };
  return { logId, size, root, said };
}

/** Section 8 step 12: what is no message names no gateway, and nothing that it says counts. */
function signedOrNull(content) {
  try {
    return decodeSign1(content);
  } catch (error) {
    if (error instanceof EvidenceError) return null;
    throw error;
  }
}

function readCounts(counts) {
  const known = Object.entries(COUNTS).filter(([key]) => counts.has(Number(key)));
  const read = known.map(([key, name]) => [name, counts.get(Number(key))]);
  if (!read.every(([, count]) => isNumber(count))) throw malformed("a count of an attestation is not a number from 0");
  return Object.fromEntries(read);
}

export const isSalt = (value) => isBytes(value) && value.length === SALT_BYTES;

export const isLogId = (value) => isBytes(value) && value.length === LOG_ID_BYTES;

/** The key with this kid, or undefined. */
export const keyNamed = (kid, keys) => (kid ? keys.find((key) => areSame(kid, key.kid)) : undefined);

/** Whether a statement is about this log, size and root. */
export const isAbout = (statement, { logId, size, root }) =>
  areSame(statement.logId, logId) && statement.size === size && areSame(statement.root, root);

function checkHead(logId, size, root) {
  if (!isLogId(logId) || !isSize(size) || !isDigest(root)) throw malformed("log_id, size or root is not of its kind");
}
