// Columns: many values of one quantity in a byte string (docs/record.md section 2, WINDOW).

import { malformed } from "./evidence.js";

const MAX_NUMBER_BYTES = 5;

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
      if (length === MAX_NUMBER_BYTES) throw malformed("a column holds a number that is too long");
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
