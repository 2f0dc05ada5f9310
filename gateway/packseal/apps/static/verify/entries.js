// Entries and their bodies (docs/record.md section 2): one table says what each body must hold.
//
// A decoded body has the names of record.md; a value that is not available is left out.

import { decode, isInt } from "./cbor.js";
import { isBytes, malformed } from "./evidence.js";
import { MAX_SIZE } from "./merkle.js";

const MAX_ENTRY_BYTES = 512;
const MAX_TYPE = 31;
const MAX_BOOT = 2 ** 32 - 1;
const MAX_NUMBER = 2n ** 63n - 1n; // section 2 item 5
const MAX_COLUMN_NUMBER_BYTES = 5;
const KEY = 6;
const ED25519 = -19;

export const TYPE_NAMES = {
  1: "BOOT", 2: "WINDOW", 3: "SOH", 4: "EVENT", 5: "GAP", 6: "KEY", 7: "TIME", 8: "SEAL", 9: "CONFIG",
};

// What a field may be: each takes the value and gives what it says, or undefined where it is not of that kind.
const int = (value) => (isInt(value) && value >= -MAX_NUMBER - 1n && value <= MAX_NUMBER ? value : undefined);
const uint = (low = 0, high = MAX_NUMBER) => (value) =>
  isInt(value) && value >= low && value <= high ? value : undefined;
const bytes = (low, high = low) => (value) =>
  isBytes(value) && value.length >= low && value.length <= high ? value : undefined;
const digest = bytes(32);
const list = (count, kind) => (value) =>
  Array.isArray(value) && value.length === count && value.every((item) => kind(item) !== undefined) ? value : undefined;
const optional = (kind) => Object.assign((value) => kind(value), { isOptional: true });
const meanMinMax = list(3, int);
const estimate = list(2, uint());
const column = (value) => (isBytes(value) ? decodeColumn(value) : undefined);

const BODIES = {
  1: {
    firmware_hash: [1, digest], reset_cause: [2, uint()], source: [3, uint()], clock_rate: [4, uint(1, 10_000)],
    cell_blocks: [5, uint(1, 1024)], strings: [6, uint(1, 1024)], rated_capacity_mah: [7, uint()],
  },
  2: {
    duration_ms: [1, uint()], samples: [2, uint()], slots_missed: [3, optional(uint())],
    pack_current_ma: [4, optional(meanMinMax)], pack_voltage_mv: [5, optional(meanMinMax)],
    cell_mv: [6, optional(column)], temperature_ddegc: [7, optional(column)], soc_cpct: [8, optional(uint())],
    counters: [9, optional(list(4, uint()))], soc_reported_cpct: [10, optional(uint())],
    soh_reported_cpct: [11, optional(uint())], values_unavailable: [12, optional(uint())],
  },
  3: {
    method: [1, uint()], inputs: [2, list(2, uint(0, MAX_SIZE - 1))], rated_capacity_mah: [3, uint()],
    remaining_capacity_mah: [4, estimate], soh_capacity_cpct: [5, estimate], resistance_uohm: [6, optional(estimate)],
    temperature_ddegc: [7, optional(int)], soc_span_cpct: [8, optional(list(2, uint()))], age_ms: [9, uint()],
  },
  5: { cause: [1, uint()], windows: [2, uint()], span_ms: [3, list(2, uint())] },
  [KEY]: {
    act: [0, uint(1, 1)], algorithm: [1, (value) => (value === ED25519 ? value : undefined)], public_key: [2, digest],
    origin: [3, uint(1, 3)], label: [4, bytes(16, 32)],
  },
  9: { source_digest: [1, digest], dbc_digest: [2, digest], binding_digest: [3, digest], losses: [4, list(6, uint())] },
};

/** Whether a value is an integer from 0 that a reader with integers of 64 bits and a sign can hold. */
export const isNumber = (value) => isInt(value) && value >= 0 && value <= MAX_NUMBER;

export const isBoot = (value) => isInt(value) && value >= 1 && value <= MAX_BOOT;

/** {type, seq, boot, uptimeMs, body}; body is null for a type that version 1 gives none.
 *
 * Throws EvidenceError "malformed".
 */
export function decodeEntry(content) {
  const { length } = content;
  if (length > MAX_ENTRY_BYTES) throw malformed(`an entry of ${length} bytes; the limit is ${MAX_ENTRY_BYTES}`);
  const items = decode(content);
  if (!Array.isArray(items) || items.length !== 5 || !items.slice(0, 4).every(isInt) || !(items[4] instanceof Map)) {
    throw malformed("an entry is [type, seq, boot, uptime_ms, body]");
  }
  const [type, seq, boot, uptimeMs, fields] = items;
  const isInRange = type >= 1 && type <= MAX_TYPE && seq >= 0 && seq < MAX_SIZE && isBoot(boot) && isNumber(uptimeMs);
  if (!isInRange) {
    throw malformed(`entry type ${type}, seq ${seq}, boot ${boot} or uptime ${uptimeMs} out of range`);
  }
  return { type, seq, boot, uptimeMs, body: BODIES[type] ? decodeBody(BODIES[type], fields) : null };
}

/** The body of the entry that opens a log. Throws EvidenceError "malformed". */
export function decodeGenesis(content) {
  const entry = decodeEntry(content);
  if (entry.type !== KEY || entry.seq !== 0) throw malformed("a log opens with a KEY entry of seq 0");
  return entry.body;
}

function decodeBody(shape, fields) {
  const body = {};
  for (const [name, [key, kind]] of Object.entries(shape)) {
    if (kind.isOptional && !fields.has(key)) continue;
    body[name] = kind(fields.get(key));
    if (body[name] === undefined) throw malformed(`field ${key}, ${name}, is absent or not of its kind`);
  }
  return body;
}

/** The values of a column, null where not available. Throws EvidenceError "malformed". */
export function decodeColumn(content) {
  const values = [];
  let previous = 0;
  let number = 0;
  let length = 0;
  for (const byte of content) {
    number += (byte & 127) * 128 ** length; // at most 35 bits: not for the operators of 32
    length += 1;
    if (byte > 127) {
      if (length === MAX_COLUMN_NUMBER_BYTES) throw malformed("a column holds a number that is too long");
      continue;
    }
    if (byte === 0 && length > 1) throw malformed("a column number that is not in its shortest form");
    if (number > 0) previous += unzigzag(number - 1);
    values.push(number > 0 ? previous : null);
    [number, length] = [0, 0];
  }
  if (length > 0) throw malformed("a column ends inside a number");
  return values;
}

const unzigzag = (number) => (number % 2 ? -(number + 1) / 2 : number / 2);
