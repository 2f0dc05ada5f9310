// Entries: their shape, open or blinded, and what their bodies say (docs/record.md section 2).
//
// A decoded body has the names of record.md; a value that is not available is left out.

import { decode, isInt, isPlain } from "./cbor.js";
import { KEY_BYTES } from "./cose.js";
import { EvidenceError, isDigest, malformed } from "./evidence.js";
import { BODIES, CONFIG, ESTIMATE, KEY, KEY_BODIES, OPENS, SHOWN, isBoot, isNumber, isSeq } from "./fields.js";

const MAX_ENTRY_BYTES = 512;
const MAX_TYPE = 31;
const MAX_OPEN_KEY = 13; // section 4 item 2
const IMPORT = 3;

export const TYPE_NAMES = {
  1: "BOOT", 2: "WINDOW", 3: "SOH", 4: "EVENT", 5: "GAP", 6: "KEY", 7: "TIME", 8: "SEAL", 9: "CONFIG",
  10: "ESTIMATE",
};

export const isBlindable = (type) => type in SHOWN;

/** {type, seq, boot, uptimeMs, body, fields, root}.
 *
 * body: null for a type that version 1 does not know and for a blinded entry; fields: the Map that the body was read
 * from; root: that of the field tree in a blinded entry, otherwise null. Throws EvidenceError "malformed".
 */
export function decodeEntry(content) {
  const { length } = content;
  if (length > MAX_ENTRY_BYTES) throw malformed(`an entry of ${length} bytes; the limit is ${MAX_ENTRY_BYTES}`);
  const items = decode(content);
  if (!Array.isArray(items) || items.length !== 5 || !items.slice(0, 4).every(isInt)) {
    throw malformed("an entry is [type, seq, boot, uptime_ms, body]");
  }
  const [type, seq, boot, uptimeMs, rest] = items;
  const isInRange = type >= 1 && type <= MAX_TYPE && isSeq(seq) && isBoot(boot) && isNumber(uptimeMs);
  if (!isInRange) {
    throw malformed(`entry type ${type}, seq ${seq}, boot ${boot} or uptime ${uptimeMs} out of range`);
  }
  const head = { type, seq, boot, uptimeMs };
  if (isBlindable(type) && isDigest(rest)) return { ...head, body: null, fields: null, root: rest };
  if (!(rest instanceof Map)) throw malformed(`the body of an entry of type ${type} is not of its kind`);
  if (!isPlain(rest)) throw malformed("a tag inside of an entry");
  return { ...head, body: decodeBody(type, seq, rest), fields: rest, root: null };
}

/** The body of the entry that opens a log. Throws EvidenceError "malformed". */
export function decodeGenesis(content) {
  const { type, seq, body } = decodeEntry(content);
  if (type !== KEY || seq !== 0) throw malformed("a log opens with a KEY entry of seq 0");
  return body;
}

function decodeBody(type, seq, fields) {
  if (type === KEY) return decodeKey(seq, fields);
  if (isBlindable(type)) checkOpen(fields);
  if (!BODIES[type]) return null;
  const body = read(BODIES[type], fields);
  if (type === CONFIG && !Object.keys(body).length) throw malformed("a CONFIG entry without any of its keys");
  if (type === ESTIMATE) checkEstimate(fields);
  return body;
}

/** Section 2, KEY: act 1 stands at seq 0 and nowhere else. */
function decodeKey(seq, fields) {
  const act = fields.get(0);
  const shape = isInt(act) ? KEY_BODIES[act] : undefined;
  if (!shape || (act === OPENS) !== (seq === 0)) throw malformed(`a KEY entry of seq ${seq} with another act`);
  const body = read(shape, fields);
  const isKey = body.public_key.length === KEY_BYTES[body.algorithm];
  if (!isKey) throw malformed("a key of another length than its algorithm has");
  const labelBytes = body.origin === IMPORT ? 32 : 16;
  if (act === OPENS && body.label.length !== labelBytes) throw malformed(`a label that is not ${labelBytes} bytes`);
  return body;
}

/** Section 2, ESTIMATE: a value or what is lacking, and inputs with their age or neither. */
function checkEstimate(fields) {
  if (fields.has(4) === fields.has(5)) throw malformed("an ESTIMATE has a value, or says what is lacking: one of the two");
  if (fields.has(3) !== fields.has(8)) throw malformed("an ESTIMATE has its inputs and their age, or neither");
}

/** What is to be blinded has values under the keys of leaves that are hashed as they are. */
function checkOpen(fields) {
  for (const [key, value] of fields) {
    if (key < 0 || key > MAX_OPEN_KEY) throw malformed(`key ${key} in a body that is blinded; 0 to 13 are allowed`);
    if (value === null) throw malformed(`field ${key} is null`);
  }
}

function read(shape, fields) {
  const body = {};
  for (const [name, [key, kind]] of Object.entries(shape)) {
    if (kind.isOptional && !fields.has(key)) continue;
    body[name] = kind(fields.get(key));
    if (body[name] === undefined) throw malformed(`field ${key}, ${name}, is absent or not of its kind`);
  }
  return body;
}

/** [name, value] of a field of a blinded entry; the name is "" for a key that version 1 does not know.
 *
 * Throws EvidenceError "malformed" for a value that is not of its kind; null, not available, is of every kind.
 */
export function readShown(type, key, value) {
  if (!isPlain(value)) throw malformed(`shown field ${key} holds a tag`);
  const [name, [, kind]] = Object.entries(SHOWN[type]).find(([, [number]]) => number === key) ?? ["", [key, null]];
  const read = kind && value !== null ? kind(value) : value;
  if (read === undefined) throw malformed(`shown field ${key}, ${name}, is not of its kind`);
  return [name, read];
}

/** Throws EvidenceError "wrong-seq". */
export function checkBelow(seq, size) {
  if (seq >= size) throw new EvidenceError("wrong-seq", `record ${seq} is not below size ${size}`);
}

