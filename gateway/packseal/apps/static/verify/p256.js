// ECDSA over P-256 with SHA-256 (COSE's ESP256, RFC 9864) by the one acceptance rule of records/p256.py.
//
// What the rule refuses before it computes is refused here first, with the same numbers, and WebCrypto only computes
// ("W3C Web Cryptography Level 2", section on ECDSA): 4 and 5. It would take a high s.

import { EvidenceError, hex, joined, unhex } from "./evidence.js";

// The curve y^2 = x^3 - 3 x + B modulo P and the order of its base point (SP 800-186 section 3.2.1.3)
const P = (1n << 256n) - (1n << 224n) + (1n << 192n) + (1n << 96n) - 1n;
const B = 0x5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604bn;
const N = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;

const CURVE = { name: "ECDSA", namedCurve: "P-256" };
const ALGORITHM = { name: "ECDSA", hash: "SHA-256" };

/** Throws EvidenceError "bad-signature" unless this key, x and y, signed this message; the signature is r and s. */
export async function verifyP256(publicKey, message, signature) {
  const name = `key ${hex(publicKey.subarray(0, 8))}`;
  const fault = edgeFault(publicKey, signature);
  if (fault) throw new EvidenceError("bad-signature", `${name}: ${fault}`);
  const isSigned = await equationHolds(publicKey, message, signature);
  if (!isSigned) throw new EvidenceError("bad-signature", `${name}: did not sign this`);
}

/** Why the numbers 1 to 3 of the rule refuse; "" where they do not. */
function edgeFault(publicKey, signature) {
  if (publicKey.length !== 64 || !isOnCurve(...pair(publicKey))) return "is not a point of P-256";
  if (signature.length !== 64) return `the signature has ${signature.length} bytes, expected 64`;
  const [r, s] = pair(signature);
  if (r < 1n || r >= N) return "r is not 1 to n - 1";
  return s < 1n || s > N / 2n ? "s is not 1 to n // 2" : "";
}

const isOnCurve = (x, y) => x < P && y < P && (y * y - (x * x - 3n) * x - B) % P === 0n;

async function equationHolds(publicKey, message, signature) {
  try {
    return await verifiesAlgorithm(publicKey, message, signature);
  } catch (error) {
    if (await isUnable()) throw error;
    return false; // it refused this key, and only this one
  }
}

async function verifiesAlgorithm(publicKey, message, signature) {
  const uncompressed = joined(Uint8Array.of(4), publicKey); // SEC 1 section 2.3.3
  const key = await crypto.subtle.importKey("raw", uncompressed, CURVE, false, ["verify"]);
  return crypto.subtle.verify(ALGORITHM, key, signature, message);
}

/** Whether this browser lacks the algorithm, or the page the right to use it: then nothing is said of a signature. */
async function isUnable() {
  try {
    return !(await verifiesAlgorithm(...RFC_6979_SAMPLE));
  } catch {
    return true;
  }
}

const pair = (bytes) => [bytes.subarray(0, 32), bytes.subarray(32)].map((half) => BigInt(`0x${hex(half)}`));

// RFC 6979 appendix A.2.5, SHA-256, "sample": public key, message, signature with n - s for s
const RFC_6979_SAMPLE = [
  unhex(
    "60fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6" +
      "7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299",
  ),
  new TextEncoder().encode("sample"),
  unhex(
    "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716" +
      "0834e36ad29a83bf2bc9385e491d6099c8fdf9d1ed67aa7ea5f51f93782857a9",
  ),
];
