// COSE_Sign1 in the one shape that the format has (docs/record.md section 5 items 1 to 3).
//
// What is signed is verified over the bytes that came, and its payload is read only after that.

import { Sign1, decode, encode, isInt } from "./cbor.js";
import { verifySignature } from "./ed25519.js";
import { EvidenceError, hex, isBytes, malformed, sha256, utf8 } from "./evidence.js";
import { verifyP256 } from "./p256.js";

export const [ED25519, ESP256] = [-19, -9]; // RFC 9864
export const KEY_BYTES = { [ED25519]: 32, [ESP256]: 64 };
export const SIGNATURE_BYTES = 64;

const FORMAT_VERSION = 1;
const [ALGORITHM, KID] = [1, 4]; // header labels (RFC 9052 section 3.1)
const KID_BYTES = 8;
const VERIFY = { [ED25519]: verifySignature, [ESP256]: verifyP256 };

export const kidOf = async (publicKey) => (await sha256(publicKey)).slice(0, KID_BYTES);

/** {protectedBytes, algorithm, kid, payload, signature} of what nobody has verified yet; kid is null where it has none.
 *
 * Throws EvidenceError "malformed".
 */
export function decodeSign1(content) {
  const value = decode(content);
  const [protectedBytes, unprotected, payload, signature, ...more] = value instanceof Sign1 ? value.items : [];
  const isShaped = isBytes(protectedBytes) && unprotected instanceof Map && isBytes(payload) && isBytes(signature);
  if (!isShaped || unprotected.size || signature.length !== SIGNATURE_BYTES || more.length) {
    throw malformed("not a COSE_Sign1 with an empty unprotected header and a signature of 64 bytes");
  }
  return { protectedBytes, ...decodeHeader(protectedBytes), payload, signature };
}

function decodeHeader(protectedBytes) {
  const header = decode(protectedBytes);
  const isKnown = header instanceof Map && [...header.keys()].every((label) => label === ALGORITHM || label === KID);
  if (!isKnown || !isInt(header.get(ALGORITHM))) throw malformed("a protected header holds algorithm and kid alone");
  const kid = header.get(KID) ?? null;
  const isKid = header.has(KID) ? isBytes(kid) && kid.length === KID_BYTES : true;
  if (!isKid) throw malformed(`a kid is ${KID_BYTES} bytes`);
  return { algorithm: header.get(ALGORITHM), kid };
}

/** A COSE_Sign1 that names no key, because the reader knows whose it must be. Throws EvidenceError "malformed". */
export function decodeUnnamed(content) {
  const signed = decodeSign1(content);
  if (signed.kid) throw malformed("the protected header names nothing but its algorithm here");
  return signed;
}

/** key: {publicKey, algorithm}, the algorithm never taken from the message. Throws EvidenceError "bad-signature". */
export async function verifySign1(signed, purpose, key) {
  if (signed.algorithm !== key.algorithm) {
    const name = hex(key.publicKey.subarray(0, 8));
    throw new EvidenceError("bad-signature", `algorithm ${signed.algorithm}; key ${name} has ${key.algorithm}`);
  }
  await verifyOver(signed.protectedBytes, signed.payload, signed.signature, purpose, key);
}

/** A signature without its message: over the protected header {1: algorithm}. Throws EvidenceError "bad-signature". */
export async function verifyBare(signature, payload, purpose, key) {
  await verifyOver(encode(new Map([[ALGORITHM, key.algorithm]])), payload, signature, purpose, key);
}

/** The Sig_structure of RFC 9052 section 4.4. */
async function verifyOver(protectedBytes, payload, signature, purpose, { publicKey, algorithm }) {
  const message = encode(["Signature1", protectedBytes, utf8(purpose), payload]);
  await VERIFY[algorithm](publicKey, message, signature);
}

/** What follows the format version in a signed payload of `count` items.
 *
 * Throws EvidenceError "malformed", "unknown-version".
 */
export function versioned(payload, count) {
  const items = decode(payload);
  const version = Array.isArray(items) ? items[0] : undefined;
  if (!isInt(version)) throw malformed("a signed payload is an array that begins with its format version");
  if (version !== FORMAT_VERSION) {
    throw new EvidenceError("unknown-version", `format version ${version}, not ${FORMAT_VERSION}`);
  }
  if (items.length !== count) throw malformed(`a signed payload of ${items.length} items in place of ${count}`);
  return items.slice(1);
}
