// Strict deterministic CBOR (docs/record.md section 1): the value of exactly these bytes, or EvidenceError "malformed".
//
// Integers become Number where that is exact and BigInt beyond 2^53 - 1, so each has one form in JavaScript as well.
// Byte strings become Uint8Array, text string, arrays Array, maps Map, null null, and tag 18 a Sign1. That is no Array,
// so that what is tagged never passes for what must not be. What is decoded is encoded to the same bytes.

import { isBytes, joined, malformed, textOf, unhex, utf8 } from "./evidence.js";

const MAX_DEPTH = 8;
const SIGN1_TAG = 18;
const NULL = 0xf6;

/** The array inside tag 18 (COSE_Sign1). */
export class Sign1 {
  constructor(items) {
    this.items = items;
  }
}

export function decode(bytes) {
  const reader = new Reader(bytes);
  const value = reader.item(1);
  if (reader.at < bytes.length) reader.refuse("bytes after the item");
  return value;
}

/** The one encoding of a value; the keys of a Map stand in their order already. Throws TypeError for what has none. */
export function encode(value) {
  if (value === null) return Uint8Array.of(NULL);
  if (isInt(value)) return value < 0 ? head(1, -1n - BigInt(value)) : head(0, value);
  if (isBytes(value)) return joined(head(2, value.length), value);
  if (typeof value === "string") return joined(head(3, utf8(value).length), utf8(value));
  if (Array.isArray(value)) return joined(head(4, value.length), ...value.map(encode));
  if (value instanceof Map) return joined(head(5, value.size), ...[...value].flat().map(encode));
  throw new TypeError("a value that is encoded nowhere");
}

/** Whether a value holds no tag: those stand around what is signed, never inside of a value. */
export function isPlain(value) {
  if (value instanceof Map) return [...value.values()].every(isPlain);
  return Array.isArray(value) ? value.every(isPlain) : !(value instanceof Sign1);
}

export const isInt = (value) => typeof value === "number" || typeof value === "bigint";

class Reader {
  constructor(bytes) {
    this.bytes = bytes;
    this.at = 0;
  }

  refuse(what) {
    throw malformed(`not deterministic CBOR at byte ${this.at}: ${what}`);
  }

  /** The next item; the whole content is level 1, and what a tag holds is one level below the tag. */
  item(level) {
    if (level > MAX_DEPTH) this.refuse(`nested deeper than ${MAX_DEPTH}`);
    if (this.bytes[this.at] === NULL) {
      this.at += 1;
      return null;
    }
    const [major, argument] = this.head();
    switch (major) {
      case 0: return exact(argument);
      case 1: return exact(-1n - argument);
      case 2: return this.slice(argument);
      case 3: return this.text(argument);
      case 4: return this.array(this.length(argument), level);
      case 5: return this.map(this.length(argument), level);
      case 6: return this.sign1(argument, level);
      default: return this.refuse("a float or a simple value that is not part of the format");
    }
  }

  /** Major type and argument, the argument in its shortest form. */
  head() {
    const [first] = this.take(1);
    const [major, code] = [first >> 5, first & 31];
    if (code < 24) return [major, BigInt(code)];
    if (code > 27) this.refuse("an indefinite length or a reserved head");
    const size = 1 << (code - 24);
    const argument = this.take(size).reduce((number, byte) => (number << 8n) | BigInt(byte), 0n);
    const least = size === 1 ? 24n : 1n << BigInt(4 * size);
    if (argument < least) this.refuse("a number that is not in its shortest form");
    return [major, argument];
  }

  take(count) {
    if (count > this.bytes.length - this.at) this.refuse("ends too early");
    this.at += count;
    return this.bytes.subarray(this.at - count, this.at);
  }

  /** A count of bytes or of items, each of which takes a byte at least: what the input cannot hold is refused here. */
  length(argument) {
    if (argument > BigInt(this.bytes.length - this.at)) this.refuse("ends too early");
    return Number(argument);
  }

  slice(argument) {
    return this.take(this.length(argument)).slice();
  }

  text(argument) {
    try {
      return textOf(this.take(this.length(argument)));
    } catch (error) {
      if (error instanceof TypeError) this.refuse("text that is not UTF-8");
      throw error;
    }
  }

  array(count, level) {
    const items = [];
    while (items.length < count) items.push(this.item(level + 1));
    return items;
  }

  map(count, level) {
    const items = new Map();
    let before = null;
    for (let index = 0; index < count; index++) {
      const start = this.at;
      const key = this.item(level + 1);
      if (!isInt(key)) this.refuse("a map key that is not an integer");
      const encoded = this.bytes.subarray(start, this.at);
      if (before && !comesBefore(before, encoded)) this.refuse("map keys twice or out of order");
      before = encoded;
      items.set(key, this.item(level + 1));
    }
    return items;
  }

  sign1(tag, level) {
    if (tag !== BigInt(SIGN1_TAG)) this.refuse("a tag that is not part of the format");
    const items = this.item(level + 1);
    if (!Array.isArray(items)) this.refuse("tag 18 without an array");
    return new Sign1(items);
  }
}

function head(major, argument) {
  if (argument < 24) return Uint8Array.of((major << 5) | Number(argument));
  const code = [0xff, 0xffff, 0xffffffff].findIndex((most) => argument <= most);
  const size = code < 0 ? 8 : 1 << code;
  const digits = BigInt(argument).toString(16).padStart(2 * size, "0");
  return joined([(major << 5) | (24 + (code < 0 ? 3 : code))], unhex(digits));
}

function exact(number) {
  const limit = BigInt(Number.MAX_SAFE_INTEGER);
  return -limit <= number && number <= limit ? Number(number) : number;
}

/** Bytewise lexicographic order (RFC 8949 section 4.2.1). No integer's shortest form is another one's beginning. */
function comesBefore(a, b) {
  const at = a.findIndex((byte, index) => byte !== b[index]);
  return at >= 0 && a[at] < b[at];
}
