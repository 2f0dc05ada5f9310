// Statements about a passport, as bytes and back (docs/record.md section 5 items 11 and 12): the kinds that forms make.
//
// Strict in both directions: what is encoded is read again by the same rules as what came from somebody else, so that
// nothing is signed that a service would refuse for its shape. Who may say what, and when, the service decides.

import { encode } from "../verify/cbor.js";
import { ED25519, ESP256, KEY_BYTES, versioned } from "../verify/cose.js";
import { hex, isBytes, isDigest, malformed } from "../verify/evidence.js";
import { isNumber, isSeq } from "../verify/fields.js";
import { isLogId, isSalt } from "../verify/statements.js";
import { MAX_DEPTH, isExact, isText, readStated, statedOf } from "./stated.js";

export const [STATUS, HANDOVER, VALUES, NOTE, TEST] = [2, 3, 4, 5, 6];
export const STATEMENT_PURPOSE = "packseal/statement/1";
export const MAX_STATEMENT_BYTES = 1 << 16;
const FORMAT_VERSION = 1;
const PASSPORT_ID_BYTES = 16;
export const MAX_TEXT_BYTES = 4096;
const MAX_NAME_BYTES = 255;
const MAX_CONSENT_BYTES = 512;
const MAX_CPCT = 20_000;
const MEDIA_TYPE = /^[a-z0-9][a-z0-9!#$&^_.+-]{0,126}\/[a-z0-9][a-z0-9!#$&^_.+-]{0,126}$/; // RFC 6838 section 4.2
const FILE_NAME = /^(?!\.\.?$)[^\x00-\x1f\x7f-\x9f/\\]+$/; // eslint-disable-line no-control-regex

const range = (low, high) => (value) => isExact(value) && value >= low && value <= high;
const isCount = (value) => isExact(value) && isNumber(value);
const isOnce = (names) => new Set(names).size === names.length;
const isList = (value, isItem, nameOf) =>
  Array.isArray(value) && value.every((item) => Array.isArray(item) && isItem(...item)) && isOnce(value.map(nameOf));

export const isPassportId = (value) => isBytes(value) && value.length === PASSPORT_ID_BYTES;
const isWords = (value) => isText(value, MAX_TEXT_BYTES);
const isConsent = (value) => isBytes(value) && value.length <= MAX_CONSENT_BYTES;
const isKey = (value) => {
  const [algorithm, key, ...more] = Array.isArray(value) ? value : [];
  return [ED25519, ESP256].includes(algorithm) && isBytes(key) && key.length === KEY_BYTES[algorithm] && !more.length;
};
const isEvidence = (value) =>
  isList(value, (logId, seq, ...more) => isLogId(logId) && isExact(seq) && isSeq(seq) && !more.length,
    ([logId, seq]) => `${hex(logId)}:${seq}`);
const isAttachments = (value) => isList(value, isAttachment, ([, , , digest]) => hex(digest));
const isAttachment = (name, mediaType, sizeBytes, digest, ...more) =>
  isText(name, MAX_NAME_BYTES) && FILE_NAME.test(name) && typeof mediaType === "string" && MEDIA_TYPE.test(mediaType) &&
  isCount(sizeBytes) && isDigest(digest) && !more.length;

/** A map at the top of its own: it is one deeper than what it holds. Throws EvidenceError for what is none. */
const isValues = (value) => readStated(value, MAX_DEPTH + 1) instanceof Map;

// Each field: its name here, and what it may be.
const FIELDS = {
  1: ["passportId", isPassportId], 5: ["operator", isKey], 11: ["after", isDigest], 12: ["stage", range(1, 7)],
  13: ["text", isWords], 14: ["evidence", isEvidence], 15: ["consent", isConsent], 16: ["group", range(1, 4)],
  17: ["values", isValues], 18: ["attachments", isAttachments], 19: ["noteKind", range(1, 3)],
  20: ["atUnixMs", isCount], 21: ["capacityCpct", range(0, MAX_CPCT)], 22: ["spreadCpct", range(0, MAX_CPCT)],
  23: ["method", isWords],
};
const OPTIONAL = 13; // of a STATUS
const FIELDS_OF = {
  [STATUS]: [1, 11, 12, OPTIONAL, 14], [HANDOVER]: [1, 5, 11, 15], [VALUES]: [1, 16, 17, 18],
  [NOTE]: [1, 13, 14, 19, 20], [TEST]: [1, 20, 21, 22, 23],
};

/** The bytes that are signed. statement: {kind, salt, issuedUnixMs, ...} with the fields of its kind by their names;
 * `values` as a Map; a field that is undefined is left out.
 *
 * Throws EvidenceError "malformed", TypeError.
 */
export function encodeStatement(statement) {
  const { kind, salt, issuedUnixMs, ...named } = statement;
  if (!isKind(kind)) throw notWhole(kind);
  const keys = FIELDS_OF[kind].filter((key) => named[FIELDS[key][0]] !== undefined);
  if (keys.length !== Object.values(named).filter((value) => value !== undefined).length) throw notWhole(kind);
  const fields = new Map(keys.map((key) => [key, wire(key, named[FIELDS[key][0]])]));
  check(kind, salt, issuedUnixMs, fields);
  const payload = encode([FORMAT_VERSION, kind, salt, issuedUnixMs, fields]);
  decodeStatement(payload);
  return payload;
}

/** The statement that these bytes are. Throws EvidenceError "malformed", "unknown-version". */
export function decodeStatement(payload) {
  const [kind, salt, issuedUnixMs, fields] = versioned(payload, 5);
  check(kind, salt, issuedUnixMs, fields);
  const named = [...fields].map(([key, value]) => [FIELDS[key][0], read(key, value)]);
  return { kind, salt, issuedUnixMs, ...Object.fromEntries(named) };
}

function check(kind, salt, issuedUnixMs, fields) {
  const isShaped = isKind(kind) && isSalt(salt) && isCount(issuedUnixMs);
  if (!isShaped || !(fields instanceof Map)) {
    throw malformed("a statement is [1, statement, salt, issued_unix_ms, fields] of a kind that is stated here");
  }
  const known = FIELDS_OF[kind];
  const missing = known.filter((key) => !fields.has(key) && !(kind === STATUS && key === OPTIONAL));
  if (missing.length || ![...fields.keys()].every((key) => known.includes(key))) throw notWhole(kind);
  const wrong = [...fields].find(([key, value]) => !FIELDS[key][1](value));
  if (wrong) throw malformed(`field ${wrong[0]} of statement ${kind} is not of its kind`);
  if (kind === VALUES && fields.get(17).length === 1 && !fields.get(18).length) throw malformed("values of nothing");
}

const isKind = (value) => Object.hasOwn(FIELDS_OF, value) && isExact(value);
const notWhole = (kind) => malformed(`a field of statement ${kind} is absent or unknown`);
const wire = (key, value) => (key === 17 ? statedOf(value) : value);
const read = (key, value) => (key === 17 ? readStated(value, MAX_DEPTH + 1) : value);
