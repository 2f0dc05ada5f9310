// Ed25519 by the one acceptance rule of docs/record.md section 5: libsodium's.
//
// WebCrypto leaves edge cases to each browser. So what libsodium refuses before it computes is refused here first, and
// WebCrypto only computes. What is left to it: that A is a point of the curve, and the equation without cofactor
// (RFC 8032 section 5.1.7, "W3C Web Cryptography Level 2" section on Ed25519).

import { EvidenceError, hex, unhex } from "./evidence.js";

const P = (1n << 255n) - 19n;
const L = (1n << 252n) + 27742317777372353535851937790883648493n;
const SIGN_BIT = 1n << 255n;

/** Throws EvidenceError "bad-signature" unless this key signed this message. */
export async function verifySignature(publicKey, message, signature) {
  const name = `key ${hex(publicKey.subarray(0, 8))}`;
  const fault = edgeFault(publicKey, signature);
  if (fault) throw new EvidenceError("bad-signature", `${name}: ${fault}`);
  const isSigned = await equationHolds(publicKey, message, signature);
  if (!isSigned) throw new EvidenceError("bad-signature", `not signed by ${name}`);
}

/** Why this browser cannot verify at all, in plain words; "" when it can. Asks it to verify a known signature. */
export async function whyUnable() {
  if (!globalThis.crypto?.subtle) return NOT_SECURE;
  try {
    if (await verifiesAlgorithm(...RFC_8032_TEST_1)) return "";
  } catch {
    // an old browser refuses the algorithm's name
  }
  return TOO_OLD;
}

/** What libsodium refuses before it computes; "" where it would compute. */
function edgeFault(publicKey, signature) {
  if (publicKey.length !== 32 || signature.length !== 64) return "a key has 32 bytes and a signature 64";
  if (littleEndian(signature.subarray(32)) >= L) return "S is not below the group order";
  for (const [point, bytes] of [["A", publicKey], ["R", signature.subarray(0, 32)]]) {
    const y = littleEndian(bytes) % SIGN_BIT; // without the sign of x
    if (y >= P) return `${point} is not canonical`;
    if (hasSmallOrder(y)) return `${point} has small order`;
  }
  return "";
}

/** Whether y belongs to a point whose order divides 8.
 *
 * Order 1 and 2: y = 1, -1. Order 4: y = 0. Order 8: the double has y = 0, so x^2 = -y^2, and with that the curve
 * -x^2 + y^2 = 1 + d x^2 y^2 becomes d y^4 + 2 y^2 - 1 = 0; d = -121665/121666 (RFC 8032 section 5.1).
 */
function hasSmallOrder(y) {
  const square = (y * y) % P;
  return (y * (square - 1n) * (121665n * square * square - 243332n * square + 121666n)) % P === 0n;
}

async function equationHolds(publicKey, message, signature) {
  try {
    return await verifiesAlgorithm(publicKey, message, signature);
  } catch (error) {
    if (await whyUnable()) throw error;
    return false; // a browser that refuses a key which is no point of the curve does so when it is imported
  }
}

async function verifiesAlgorithm(publicKey, message, signature) {
  const key = await crypto.subtle.importKey("raw", publicKey, { name: "Ed25519" }, false, ["verify"]);
  return crypto.subtle.verify({ name: "Ed25519" }, key, signature, message);
}

const littleEndian = (bytes) => bytes.reduceRight((number, byte) => (number << 8n) | BigInt(byte), 0n);

const NOT_SECURE = "This page did not come over https, and browsers check signatures only on pages that did.";
const TOO_OLD =
  "This browser is too old to check Ed25519 signatures: Chrome can from version 137, Firefox from 129, Safari from 17.";

// RFC 8032 section 7.1, TEST 1: public key, message, signature
const RFC_8032_TEST_1 = [
  unhex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"),
  new Uint8Array(),
  unhex(
    "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155" +
      "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
  ),
];
