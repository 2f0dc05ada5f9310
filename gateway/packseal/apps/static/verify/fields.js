// What each body must hold, in tables (docs/record.md section 2), with the names of that document.
//
// A kind takes a value and gives what it says, or undefined where the value is not of that kind.

import { isInt } from "./cbor.js";
import { decodeColumn } from "./columns.js";
import { ED25519, ESP256, SIGNATURE_BYTES } from "./cose.js";
import { isBytes } from "./evidence.js";
import { MAX_SIZE } from "./merkle.js";

export const [BOOT, WINDOW, SOH, EVENT, GAP, KEY, TIME, SEAL, CONFIG, ESTIMATE] = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10];
export const [OPENS, CHANGES] = [1, 2]; // acts of a KEY entry
export const LOG_ID_BYTES = 16;

const MAX_BOOT = 2 ** 32 - 1;
const MAX_BLOCKS = 1024;
const MAX_CODE = 255;
const MAX_NUMBER = 2n ** 63n - 1n; // section 2 item 5

export const isNumber = (value) => isInt(value) && value >= 0 && value <= MAX_NUMBER;
export const isBoot = (value) => isInt(value) && value >= 1 && value <= MAX_BOOT;
export const isSeq = (value) => isInt(value) && value >= 0 && value < MAX_SIZE;
export const isSize = (value) => isSeq(value) && value > 0;
export const isSigned = (value) => isInt(value) && value >= -MAX_NUMBER - 1n && value <= MAX_NUMBER;

const kind = (isOfKind) => (value) => (isOfKind(value) ? value : undefined);
const int = kind(isSigned);
const uint = kind(isNumber);
const seq = kind(isSeq);
const range = (low, high) => kind((value) => isInt(value) && value >= low && value <= high);
const bytes = (...lengths) => kind((value) => isBytes(value) && lengths.includes(value.length));
const list = (...kinds) => {
  const isOf = (value, index) => kinds[index]?.(value) !== undefined;
  return kind((value) => Array.isArray(value) && value.length === kinds.length && value.every(isOf));
};
const digest = bytes(32);
const estimate = list(uint, uint);
const block = range(0, MAX_BLOCKS - 1);
const code = range(1, MAX_CODE);
const ascendingCodes = kind((value) => {
  const isAscending = (one, index) => code(one) !== undefined && (!index || one > value[index - 1]);
  return Array.isArray(value) && value.length > 0 && value.every(isAscending);
});
const column = (value) => (isBytes(value) ? decodeColumn(value) : undefined);

/** Mean, least and greatest: three values, none of them missing. */
function meanLeastGreatest(value) {
  const values = column(value);
  return values?.length === 3 && !values.includes(null) ? values : undefined;
}

const COUNTS_GIVEN = [4, 5, 14]; // those left out stand as they were last given
const counters = kind((value) => {
  const isLong = Array.isArray(value) && COUNTS_GIVEN.includes(value.length);
  return isLong && value.every(isNumber);
});

const optional = (one) => Object.assign((value) => one(value), { isOptional: true });
const previous = list(bytes(LOG_ID_BYTES), kind(isSize), digest);

export const BODIES = {
  [BOOT]: {
    firmware_hash: [1, digest], reset_cause: [2, uint], source: [3, uint], clock_rate: [4, range(1, 10_000)],
    cell_blocks: [5, range(1, MAX_BLOCKS)], strings: [6, range(1, 1024)], rated_capacity_mah: [7, uint],
  },
  [WINDOW]: {
    duration_ms: [1, uint], samples: [2, uint], slots_missed: [3, optional(uint)],
    pack_current_ma: [4, optional(meanLeastGreatest)], pack_voltage_mv: [5, optional(meanLeastGreatest)],
    cell_mv: [6, optional(column)], temperature_ddegc: [7, optional(column)], soc_cpct: [8, optional(uint)],
    counters: [9, optional(counters)], soc_reported_cpct: [10, optional(uint)],
    soh_reported_cpct: [11, optional(uint)], values_unavailable: [12, optional(uint)],
    values_missing: [13, optional(uint)],
  },
  [SOH]: {
    method: [1, uint], inputs: [2, list(seq, seq)], rated_capacity_mah: [3, uint],
    remaining_capacity_mah: [4, estimate], soh_capacity_cpct: [5, estimate], resistance_uohm: [6, optional(estimate)],
    temperature_ddegc: [7, optional(int)], soc_span_cpct: [8, optional(list(uint, uint))], age_ms: [9, uint],
    weakest: [10, optional(list(block, uint, uint))], strongest: [11, optional(list(block, uint, uint))],
  },
  [EVENT]: { event: [1, uint], phase: [2, uint], value: [3, optional(int)], place: [4, optional(uint)] },
  [GAP]: { cause: [1, uint], windows: [2, uint], span_ms: [3, list(uint, uint)], bare: [4, optional(list(uint, uint, uint))] },
  [TIME]: { receipt_digest: [1, digest], received_unix_ms: [2, uint] },
  [SEAL]: { cause: [1, uint], order_digest: [2, optional(digest)] },
  [CONFIG]: {
    source_digest: [1, optional(digest)], dbc_digest: [2, optional(digest)], binding_digest: [3, optional(digest)],
    losses: [4, optional(list(uint, uint, uint, uint, uint, uint))], settings_digest: [5, optional(digest)],
  },
  [ESTIMATE]: {
    quantity: [1, code], method: [2, uint], inputs: [3, optional(list(seq, seq))],
    value: [4, optional(list(int, uint))], lacking: [5, optional(ascendingCodes)],
    temperature_ddegc: [6, optional(int)], soc_span_cpct: [7, optional(list(uint, uint))], age_ms: [8, optional(uint)],
    least: [9, optional(list(block, int, uint))], most: [10, optional(list(block, int, uint))],
  },
};

const key = {
  act: [0, range(1, 2)],
  algorithm: [1, kind((value) => value === ED25519 || value === ESP256)],
  public_key: [2, bytes(32, 64)],
};

/** The bodies of a KEY entry, by its act. */
export const KEY_BODIES = {
  [OPENS]: {
    ...key, origin: [3, range(1, 3)], label: [4, bytes(16, 32)], seed_digest: [5, digest],
    previous: [6, optional(previous)],
  },
  [CHANGES]: { ...key, possession: [7, bytes(SIGNATURE_BYTES)] },
};

/** What a disclosure may show of a blinded entry, where it is not as in the body (section 4 items 3 and 4). */
const HASHED = {
  [WINDOW]: { cell_mv: [6, digest] },
  [SOH]: { at_least: [14, digest], at_most: [15, digest] },
  [ESTIMATE]: {},
};
const ofEach = (make) => Object.fromEntries(Object.keys(HASHED).map((type) => [type, make(type)]));
export const SHOWN = ofEach((type) => ({ ...BODIES[type], ...HASHED[type] }));

/** Names of what is a hash when it is shown, and says nothing by itself. */
export const HASHED_NAMES = ofEach((type) => Object.keys(HASHED[type]));
