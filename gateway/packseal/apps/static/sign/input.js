// What a person typed into a form, as what a statement holds; InputError with the cure where it is none of that.

import { unhex, utf8 } from "../verify/evidence.js";
import { InputError } from "./problem.js";
import { MAX_TEXT_BYTES } from "./statement.js";

const PERCENT = /^([0-9]{1,3})(?:[.,]([0-9]{1,2}))?$/;
const RECORD = /^([0-9a-f]{32}):([0-9]{1,8})$/i;

/** Hundredths of a percent, without a float in between. */
export function percent(text) {
  const [whole, tens, hundredths = ""] = PERCENT.exec(text.trim()) ?? [];
  const cpct = whole === undefined ? NaN : 100 * Number(tens) + Number(hundredths.padEnd(2, "0"));
  if (!(cpct <= 20_000)) throw new InputError("expected percent with at most two decimals, 0 to 200");
  return cpct;
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
