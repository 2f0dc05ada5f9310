// What a person typed into a form, as what a statement holds; InputError with the cure where it is none of that.

import { unhex, utf8 } from "../verify/evidence.js";
import { InputError } from "./problem.js";
import { BATTERY, MAX_CONSENT_BYTES, MAX_NAME_BYTES, MAX_TEXT_BYTES, PASSPORT_ID_BYTES } from "./shapes.js";

const PERCENT = /^([0-9]{1,3})(?:[.,]([0-9]{1,2}))?$/;
const AMPERE_HOURS = /^([0-9]{1,7})(?:[.,]([0-9]{1,3}))?$/;
const MODULE = /^([^:]*[^:\s])\s*:\s*(.+)$/;
const RECORD = /^([0-9a-f]{32}):([0-9]{1,8})$/i;

/** Hundredths of a percent, without a float in between. */
export function percent(text) {
  const [whole, tens, hundredths = ""] = PERCENT.exec(text.trim()) ?? [];
  const cpct = whole === undefined ? NaN : 100 * Number(tens) + Number(hundredths.padEnd(2, "0"));
  if (!(cpct <= 20_000)) throw new InputError("expected percent with at most two decimals, 0 to 200");
  return cpct;
}

/** mAh, without a float in between; undefined where nothing was typed. */
export function ampereHours(text) {
  if (!text.trim()) return undefined;
  const [whole, hours, thousandths = ""] = AMPERE_HOURS.exec(text.trim()) ?? [];
  const mah = whole === undefined ? 0 : 1000 * Number(hours) + Number(thousandths.padEnd(3, "0"));
  if (!mah) throw new InputError("expected ampere hours above 0, with at most three decimals");
  return mah;
}

/** The 16 bytes of a passport's id. */
export function passport(text) {
  const id = text.trim();
  const isId = /^[0-9a-f]*$/i.test(id) && id.length === 2 * PASSPORT_ID_BYTES;
  if (!isId) throw new InputError("a passport's id has 32 digits and letters a to f");
  return unhex(id);
}

export function battery(text) {
  const id = text.trim();
  if (!BATTERY.test(id)) {
    throw new InputError("a battery's id has up to 63 letters and digits, or . _ ~ - behind the first");
  }
  return id;
}

/** What something is called. */
export function name(text) {
  const given = text.trim();
  if (!given) throw new InputError("a name is missing");
  if (utf8(given).length > MAX_NAME_BYTES) throw new InputError("the text is too long; make it shorter");
  return given;
}

/** [[module, place], ...] of lines "module: place". */
export function modules(text) {
  const found = lines(text).map((line) => {
    const [whole, module, place] = MODULE.exec(line) ?? [];
    if (!whole) throw new InputError("expected the module, a colon and its place, a line for each");
    return [name(module), name(place)];
  });
  if (new Set(found.map(([module]) => module)).size < found.length) {
    throw new InputError("the same module stands there twice; take one out");
  }
  return found;
}

/** The bytes of the file that was chosen; null where none was. */
export async function consentOf({ files: [file] }) {
  if (!file) return null;
  if (file.size > MAX_CONSENT_BYTES) throw new InputError("this is no consent: the file is too large");
  return new Uint8Array(await file.arrayBuffer());
}

/** [[log_id, seq], ...] of lines "log:number". */
export function records(text) {
  return lines(text).map((line) => {
    const [whole, logId, seq] = RECORD.exec(line) ?? [];
    if (!whole) throw new InputError("expected the log's id, a colon and the record's number, a line for each");
    return [unhex(logId), Number(seq)];
  });
}

/** The beginning of a day in UTC, or now where none is chosen. */
export function unixMs(day, nowUnixMs) {
  if (!day) return nowUnixMs;
  const at = new Date(`${day}T00:00:00Z`); // of the 30th of February some browsers make a day in March
  const isDay = at >= 0 && at.toISOString() === `${day}T00:00:00.000Z`;
  if (!isDay) throw new InputError("expected a day since 1970, such as 2027-03-31");
  return at.getTime();
}

/** undefined where nothing was typed. */
export function typed(text) {
  const given = text.trim();
  if (utf8(given).length > MAX_TEXT_BYTES) throw new InputError("the text is too long; make it shorter");
  return given || undefined;
}

export const lines = (text) => text.split("\n").map((line) => line.trim()).filter(Boolean);
