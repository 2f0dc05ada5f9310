// Signs statements and consents as COSE_Sign1 (docs/record.md section 5 items 1 and 13).
//
// What was signed is checked by the verifier before anybody gets it.

import { encode } from "../verify/cbor.js";
import { ED25519, ESP256, KEY_BYTES, decodeSign1, kidOf, verifySign1, versioned } from "../verify/cose.js";
import { EvidenceError, areSame, isBytes, isDigest, joined, malformed, utf8 } from "../verify/evidence.js";
import { isPassportId } from "./shapes.js";
import { MAX_STATEMENT_BYTES, STATEMENT_PURPOSE, decodeStatement } from "./statement.js";

const CONSENT_PURPOSE = "packseal/consent/1";
const FORMAT_VERSION = 1;
const SIGN1_HEAD = 0xd2; // tag 18
const [ALGORITHM, KID] = [1, 4];
const ALGORITHMS = [ED25519, ESP256];

/** payload: of encodeStatement. Throws EvidenceError "malformed" for what is none. */
export async function signStatement(payload, signer) {
  decodeStatement(payload);
  const content = await sign1(payload, STATEMENT_PURPOSE, signer);
  if (content.length > MAX_STATEMENT_BYTES) {
    throw malformed(`a statement of ${content.length} bytes; the limit is ${MAX_STATEMENT_BYTES}`);
  }
  return content;
}

/** About the passport that has this head. To a hand-over: by who takes it over, `to` the own public key. To a new
 * passport that comes from it: by who is responsible, `to` the new one's id.
 */
export async function signConsent(passportId, head, to, signer) {
  const isTo = isPassportId(to) || areSame(to, signer.publicKey);
  if (!isPassportId(passportId) || !isDigest(head) || !isTo) {
    throw malformed("a consent names a passport, its head, and to whom or what it is");
  }
  return sign1(encode([FORMAT_VERSION, passportId, head, to]), CONSENT_PURPOSE, signer);
}

/** [algorithm, public key] of who consents to take over: the consent names it, and is signed by it.
 *
 * Throws EvidenceError "bad-consent".
 */
export async function readConsent(content, passportId, head) {
  const to = await namedIn(content);
  const algorithm = ALGORITHMS.find((one) => KEY_BYTES[one] === to?.length);
  if (!algorithm) throw new EvidenceError("bad-consent", "this is no consent to a hand-over");
  await verifyConsent(content, { publicKey: to, algorithm }, passportId, head, to);
  return [algorithm, to];
}

/** Throws EvidenceError "bad-consent". */
export async function verifyConsent(content, key, passportId, head, to) {
  try {
    const signed = decodeSign1(content);
    await verifySign1(signed, CONSENT_PURPOSE, key);
    const isNamed = signed.kid && areSame(signed.kid, await kidOf(key.publicKey));
    const parts = versioned(signed.payload, 4);
    const isThis = [passportId, head, to].every((part, place) => isBytes(parts[place]) && areSame(part, parts[place]));
    if (isNamed && isThis) return;
  } catch (error) {
    if (!(error instanceof EvidenceError)) throw error;
    throw new EvidenceError("bad-consent", `the consent does not hold: ${error.detail}`);
  }
  const words = "the consent is to something else; ask for one to this statement, made after the passport's newest";
  throw new EvidenceError("bad-consent", words);
}

/** What an unverified consent says that it is to; null where it says nothing. */
async function namedIn(content) {
  try {
    const [, , to] = versioned(decodeSign1(content).payload, 4);
    return isBytes(to) ? to : null;
  } catch (error) {
    if (error instanceof EvidenceError) return null;
    throw error;
  }
}

async function sign1(payload, purpose, { publicKey, sign }) {
  const header = new Map([[ALGORITHM, ED25519], [KID, await kidOf(publicKey)]]);
  const protectedBytes = encode(header);
  const signature = await sign(encode(["Signature1", protectedBytes, utf8(purpose), payload]));
  const content = joined([SIGN1_HEAD], encode([protectedBytes, new Map(), payload, signature]));
  await verifySign1(decodeSign1(content), purpose, { publicKey, algorithm: ED25519 });
  return content;
}
