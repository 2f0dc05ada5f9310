// Values of attributes as a statement holds them (docs/record.md section 5 item 12).

import { isInt } from "../verify/cbor.js";
import { isEncodable, malformed, utf8 } from "../verify/evidence.js";
import { isSigned } from "../verify/fields.js";

export const MAX_DEPTH = 4;
const [LIST, MAP, TRUTH] = [0, 1, 2];
const MAX_KEY_BYTES = 255;

/** value: text, integer, truth, array, or Map with keys of text, in any order. Throws TypeError for all else. */
export function statedOf(value) {
  if (typeof value === "string" || isInt(value)) return value;
  if (typeof value === "boolean") return [TRUTH, Number(value)];
  if (Array.isArray(value)) return [LIST, ...value.map(statedOf)];
  if (!(value instanceof Map)) throw new TypeError("no value of an attribute");
  const pairs = [...value].sort(([one], [other]) => order(utf8(one), utf8(other)));
  return [MAP, ...pairs.flatMap(([key, item]) => [key, statedOf(item)])];
}

/** The value again: a map as Map. Throws EvidenceError "malformed". */
export function readStated(content, depth = MAX_DEPTH) {
  if (!depth) throw malformed(`a value that is nested deeper than ${MAX_DEPTH}`);
  if (isText(content) || isExact(content)) return content;
  const [kind, ...parts] = Array.isArray(content) ? content : [];
  if (kind === LIST) return parts.map((item) => readStated(item, depth - 1));
  if (kind === MAP) return readMap(parts, depth);
  if (kind === TRUTH && parts.length === 1 && (parts[0] === 0 || parts[0] === 1)) return parts[0] === 1;
  throw malformed("a value is a text, a number of 64 bits, a list, a map or a truth");
}

function readMap(parts, depth) {
  const keys = parts.filter((_, place) => place % 2 === 0);
  const isAscending = keys.every((key, place) => {
    return isText(key, MAX_KEY_BYTES) && (!place || order(utf8(keys[place - 1]), utf8(key)) < 0);
  });
  if (parts.length % 2 || !isAscending) {
    throw malformed("a map without a value for each key, or with keys that are none, twice or out of order");
  }
  return new Map(keys.map((key, place) => [key, readStated(parts[2 * place + 1], depth - 1)]));
}

export const isText = (value, mostBytes = Infinity) =>
  typeof value === "string" && value !== "" && isEncodable(value) && utf8(value).length <= mostBytes;

/** Whether it is an integer that is what it seems: no fraction, nothing that a Number has rounded. */
export const isExact = (value) => (typeof value === "bigint" || Number.isSafeInteger(value)) && isSigned(value);

function order(one, other) {
  const at = one.findIndex((byte, place) => byte !== other[place]);
  return at < 0 ? one.length - other.length : one[at] - (other[at] ?? -1);
}
