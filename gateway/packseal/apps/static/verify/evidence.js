// Evidence that does not hold, and the few things that every part does with bytes.

/** `reason` is one of the stable words of docs/record.md, `detail` one line for a person. */
export class EvidenceError extends Error {
  constructor(reason, detail) {
    super(`${reason}: ${detail}`);
    this.name = "EvidenceError";
    this.reason = reason;
    this.detail = detail;
  }
}

export const malformed = (detail) => new EvidenceError("malformed", detail);

export const isBytes = (value) => value instanceof Uint8Array;

export const isDigest = (value) => isBytes(value) && value.length === 32;

export const areSame = (a, b) => a.length === b.length && a.every((byte, index) => byte === b[index]);

export const hex = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");

/** Throws TypeError for text that is not pairs of hexadecimal digits. */
export function unhex(text) {
  const isHex = typeof text === "string" && /^([0-9a-f]{2})*$/i.test(text);
  if (!isHex) throw new TypeError("not pairs of hexadecimal digits");
  return Uint8Array.from(text.match(/../g) ?? [], (pair) => parseInt(pair, 16));
}

export function joined(...parts) {
  const out = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

/** Whether a text has no half of a surrogate pair, which JSON can write and UTF-8 cannot. */
export const isEncodable = (text) => !/\p{Surrogate}/u.test(text);

const encoder = new TextEncoder();

export const utf8 = (text) => encoder.encode(text);

/** The text of these bytes, a byte order mark included. Throws TypeError where they are not UTF-8. */
export const textOf = (bytes) => new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);

export const sha256 = async (bytes) => new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
