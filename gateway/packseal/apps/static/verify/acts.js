// Acts of authorities: who signed what about which key or battery (docs/record.md section 5 item 9, section 7 item 2).

import { encode, isInt } from "./cbor.js";
import { ED25519, ESP256, KEY_BYTES, decodeSign1, decodeUnnamed, verifySign1, versioned } from "./cose.js";
import { EvidenceError, areSame, hex, isBytes, isDigest, isEncodable, joined, malformed } from "./evidence.js";
import { sha256, utf8 } from "./evidence.js";
import { isNumber, isSeq } from "./fields.js";
import { leafHash, verifyInclusion } from "./merkle.js";
import { isLogId, isSalt, keyNamed } from "./statements.js";

const ACT = "packseal/act/1";
const POSSESSION = "packseal/possession/1";
export const ROTATION = "packseal/rotation/1"; // the bare signature of a new key in a log
const SUBJECT = "packseal/subject/1";
const [RECEIPT_KIND, ACT_KIND] = [1, 2];
const TAG_BYTES = 16;
const MAX_BATTERY_BYTES = 63;
const MAX_ACT_BYTES = 512;
export const [ENROL, BIND, ROTATE, REVOKE, NOTED] = [1, 2, 3, 4, 5];
const ROLES = {
  1: "board", 2: "gateway", 3: "service", 4: "integrator", 5: "operator", 6: "assessor", 7: "recycler",
};
const CLASSES = { 1: "A", 2: "B", 3: "C", 4: "D" };

const isIn = (table) => (value) => isInt(value) && Object.hasOwn(table, value);
const isAlgorithm = (value) => value === ED25519 || value === ESP256;
const isKey = (value) => isBytes(value) && Object.values(KEY_BYTES).includes(value.length);
const isReason = (value) => isInt(value) && value >= 0 && value <= 2;

/** Whether a value can be the name of a battery. */
export const isBattery = (value) =>
  typeof value === "string" && value !== "" && isEncodable(value) && utf8(value).length <= MAX_BATTERY_BYTES;

// Each field of section 5 item 9: its name here, and what it may be.
const FIELDS = {
  1: ["role", isIn(ROLES)], 2: ["algorithm", isAlgorithm], 3: ["publicKey", isKey], 4: ["possession", isBytes],
  5: ["battery", isBattery], 6: ["evidenceClass", isIn(CLASSES)], 7: ["reason", isReason],
  8: ["logId", isLogId], 9: ["seq", isSeq], 10: ["leaf", isDigest],
};
const FIELDS_OF = {
  [ENROL]: [1, 2, 3, 4], [BIND]: [3, 5, 6], [ROTATE]: [2, 3, 4], [REVOKE]: [3, 7], [NOTED]: [5, 8, 9, 10],
};

const HOUSE = ["service", "integrator", "operator"];

/** Whether a signer may sign this act: the table of section 5 item 9. */
const MAY_SIGN = {
  [ENROL]: ({ role }, fields) => (ENROLLED_BY[ROLES[fields.role]] ?? []).includes(role),
  [BIND]: ({ role }) => HOUSE.includes(role),
  [ROTATE]: () => true, // of the signer's own key
  [REVOKE]: (signer, fields) => HOUSE.includes(signer.role) || areSame(signer.publicKey, fields.publicKey),
  [NOTED]: ({ role }) => role === "service",
};
const ENROLLED_BY = {
  board: HOUSE, gateway: HOUSE, integrator: ["service"], operator: ["service"], assessor: ["service"],
  recycler: ["service"],
};

/** {act, index, signer, ...fields} of each act of a bundle; the evidence class is a letter.
 *
 * parts: [{content, index, proof}]; trusted: as `inLogOf` in policy.js gives it; note: {size, root}.
 * Throws EvidenceError with the reasons of section 8 step 8.
 */
export async function verifyActs(parts, trusted, note) {
  const acts = [];
  for (const part of parts) acts.push(await verifyAct(part, trusted, note));
  return acts;
}

async function verifyAct({ content, index, proof }, trusted, note) {
  if (content.length > MAX_ACT_BYTES) throw malformed(`an act of ${content.length} bytes, over ${MAX_ACT_BYTES}`);
  const signed = decodeSign1(content);
  const signer = keyNamed(signed.kid, [...trusted.keys, ...trusted.services]);
  if (!signer) {
    const named = signed.kid ? `key ${hex(signed.kid)}, which is no authority here` : "no key";
    throw new EvidenceError("unknown-authority", `an act names ${named}`);
  }
  await verifySign1(signed, ACT, signer);
  const { act, salt, fields } = readAct(signed.payload);
  if (!MAY_SIGN[act](signer, fields)) throw new EvidenceError("wrong-role", `act ${act} signed by a ${signer.role}`);
  if (fields.possession) await verifyPossession(fields, salt);
  if (isRevoked(trusted.revoked, signer.publicKey, index)) {
    throw new EvidenceError("key-revoked", `the ${signer.role}'s key was revoked before it signed act ${index}`);
  }
  const leaf = await leafHash(await actEntry(content, fields.battery));
  await verifyInclusion(leaf, index, note.size, proof, note.root, `act ${index}`);
  return { act, index, signer, ...fields, evidenceClass: CLASSES[fields.evidenceClass] };
}

function readAct(payload) {
  const [act, salt, issuedUnixMs, map] = versioned(payload, 5);
  const isShaped = isIn(FIELDS_OF)(act) && isSalt(salt) && isNumber(issuedUnixMs) && map instanceof Map;
  if (!isShaped) throw malformed("an act is [version, act, salt, issued_unix_ms, fields]");
  const keys = FIELDS_OF[act];
  const isWhole = map.size === keys.length && keys.every((key) => FIELDS[key][1](map.get(key)));
  if (!isWhole) throw malformed(`a field of act ${act} is absent, unknown or not of its kind`);
  const fields = Object.fromEntries(keys.map((key) => [FIELDS[key][0], map.get(key)]));
  const isKeyOf = !fields.algorithm || fields.publicKey.length === KEY_BYTES[fields.algorithm];
  if (!isKeyOf) throw malformed("a key of another length than its algorithm has");
  return { act, salt, fields };
}

/** By the key that is enrolled or changed to, over the act's salt. Throws EvidenceError "bad-possession". */
async function verifyPossession({ algorithm, publicKey, possession }, salt) {
  try {
    const signed = decodeUnnamed(possession);
    await verifySign1(signed, POSSESSION, { algorithm, publicKey });
    if (areSame(signed.payload, possessionPayload({ algorithm, publicKey }, salt))) return;
  } catch (error) {
    if (!(error instanceof EvidenceError)) throw error;
    throw new EvidenceError("bad-possession", error.message);
  }
  throw new EvidenceError("bad-possession", "the possession is of another key or for another number");
}

export const possessionPayload = ({ algorithm, publicKey }, nonce) => encode([1, algorithm, publicKey, nonce]);

/** Whether one of these revocations, {publicKey, index}, stands at or before the index. */
export const isRevoked = (revocations, publicKey, index) =>
  revocations.some((revoked) => revoked.index <= index && areSame(revoked.publicKey, publicKey));

/** The 49 bytes of the passport log that stand for an act. */
async function actEntry(content, battery) {
  const subject = battery && (await sha256(joined(utf8(SUBJECT), [0], utf8(battery))));
  const tag = subject ? subject.subarray(0, TAG_BYTES) : new Uint8Array(TAG_BYTES);
  return joined([ACT_KIND], tag, await sha256(content));
}

/** The 49 bytes of the passport log that stand for a receipt. */
export const receiptEntry = async (payload) =>
  joined([RECEIPT_KIND], new Uint8Array(TAG_BYTES), await sha256(payload));
