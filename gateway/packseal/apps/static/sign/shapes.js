// What each field of a statement may hold (docs/record.md section 5 items 11 and 12), with its name in these programs.

import { ED25519, ESP256, KEY_BYTES } from "../verify/cose.js";
import { hex, isBytes, isDigest } from "../verify/evidence.js";
import { isNumber, isSeq, isSize } from "../verify/fields.js";
import { isLogId } from "../verify/statements.js";
import { MAX_DEPTH, isExact, isText, readStated } from "./stated.js";

export const PASSPORT_ID_BYTES = 16;
export const MAX_TEXT_BYTES = 4096;
export const MAX_NAME_BYTES = 255; // of a name, a module, a place
export const MAX_CONSENT_BYTES = 512;
const MAX_CHEMISTRY_BYTES = 63;
const MAX_CPCT = 20_000;
export const BATTERY = /^[A-Za-z0-9][A-Za-z0-9._~-]{0,62}$/; // one level of a topic and of a URL
const MEDIA_TYPE = /^[a-z0-9][a-z0-9!#$&^_.+-]{0,126}\/[a-z0-9][a-z0-9!#$&^_.+-]{0,126}$/; // RFC 6838 section 4.2
const FILE_NAME = /^(?!\.\.?$)[^\x00-\x1f\x7f-\x9f/\\]+$/; // eslint-disable-line no-control-regex

const range = (low, high) => (value) => isExact(value) && value >= low && value <= high;
export const isCount = (value) => isExact(value) && isNumber(value);
const isAmount = (value) => isCount(value) && value > 0;
const isOnce = (names) => new Set(names).size === names.length;

/** Of arrays that all have as many parts as isItem takes, each named once. */
const isList = (value, isItem, nameOf) =>
  Array.isArray(value) && value.every((item) => isArrayOf(item, isItem.length) && isItem(...item)) &&
  isOnce(value.map(nameOf));
const isArrayOf = (value, length) => Array.isArray(value) && value.length === length;

export const isPassportId = (value) => isBytes(value) && value.length === PASSPORT_ID_BYTES;
const isBattery = (value) => typeof value === "string" && BATTERY.test(value);
const isName = (value) => isText(value, MAX_NAME_BYTES);
const isChemistry = (value) => isText(value, MAX_CHEMISTRY_BYTES);
const isWords = (value) => isText(value, MAX_TEXT_BYTES);
const isConsent = (value) => isBytes(value) && value.length <= MAX_CONSENT_BYTES;
const isKey = (value) => {
  const [algorithm, key, ...more] = Array.isArray(value) ? value : [];
  return [ED25519, ESP256].includes(algorithm) && isBytes(key) && key.length === KEY_BYTES[algorithm] && !more.length;
};

const isOriginal = (passportId, head, consent) =>
  isPassportId(passportId) && isDigest(head) && (consent === null || isConsent(consent));
const isModule = (module, original, place) => isName(module) && isCount(original) && isName(place);
const isSealed = (logId, size, root) => isLogId(logId) && isExact(size) && isSize(size) && isDigest(root);
const isRecord = (logId, seq) => isLogId(logId) && isExact(seq) && isSeq(seq);
const isAttachment = (name, mediaType, sizeBytes, digest) =>
  isName(name) && FILE_NAME.test(name) && typeof mediaType === "string" && MEDIA_TYPE.test(mediaType) &&
  isCount(sizeBytes) && isDigest(digest);

const isOriginals = (value) => isList(value, isOriginal, ([passportId]) => hex(passportId));
const isModules = (value) => isList(value, isModule, ([module, original]) => `${original}:${module}`);
const isLogs = (value) => isList(value, isSealed, ([logId]) => hex(logId));
const isEvidence = (value) => isList(value, isRecord, ([logId, seq]) => `${hex(logId)}:${seq}`);
const isAttachments = (value) => isList(value, isAttachment, ([, , , digest]) => hex(digest));

/** A map at the top of its own: it is one deeper than what it holds. Throws EvidenceError for what is none. */
const isValues = (value) => readStated(value, MAX_DEPTH + 1) instanceof Map;

/** By key: its name here, and whether a value can stand there. */
export const FIELDS = {
  1: ["passportId", isPassportId], 2: ["battery", isBattery], 3: ["category", range(1, 4)], 4: ["name", isName],
  5: ["operator", isKey], 6: ["originals", isOriginals], 7: ["modules", isModules], 8: ["sealed", isLogs],
  9: ["ratedCapacityMah", isAmount], 10: ["chemistry", isChemistry], 11: ["after", isDigest],
  12: ["stage", range(1, 7)], 13: ["text", isWords], 14: ["evidence", isEvidence], 15: ["consent", isConsent],
  16: ["group", range(1, 4)], 17: ["values", isValues], 18: ["attachments", isAttachments],
  19: ["noteKind", range(1, 3)], 20: ["atUnixMs", isCount], 21: ["capacityCpct", range(0, MAX_CPCT)],
  22: ["spreadCpct", range(0, MAX_CPCT)], 23: ["method", isWords],
};
