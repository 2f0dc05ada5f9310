// The signed note of the passport log (docs/record.md section 7): C2SP signed-note, tlog-checkpoint, tlog-cosignature.

import { verifySignature } from "./ed25519.js";
import { EvidenceError, areSame, hex, isDigest, joined, malformed, sha256, textOf, utf8 } from "./evidence.js";

const MAX_NOTE_BYTES = 4096;
const MAX_LINES = 16;
const MAX_LOG_SIZE = 2 ** 48; // exclusive
const [SIGNED, COSIGNED] = [0x01, 0x04]; // signature types
const KEY_ID_BYTES = 4;
const TIME_BYTES = 8;
const MAX_SECONDS = 2n ** 63n - 1n;
const DASH = "\u2014";
const LINE = new RegExp(`^${DASH} ([^ ]+) ([A-Za-z0-9+/=]+)$`, "u");
export const KEY_NAME = /^[^\0-\x1f\p{White_Space}\p{Surrogate}+]+$/u;

/** {origin, size, root, text, lines} of what nobody has verified yet. Throws EvidenceError "malformed". */
export function readNote(content) {
  if (content.length > MAX_NOTE_BYTES) throw malformed(`a note of ${content.length} bytes, over ${MAX_NOTE_BYTES}`);
  const whole = decodeText(content);
  const blank = whole.lastIndexOf("\n\n");
  const [text, tail] = [whole.slice(0, blank + 1), whole.slice(blank + 2)];
  const [origin, size, root, ...extensions] = text.slice(0, -1).split("\n");
  const isShaped = blank > 0 && tail.endsWith("\n") && root !== undefined;
  if (!isShaped || [origin, ...extensions].includes("")) throw malformed("a note is a text, a blank line, signatures");
  const lines = tail.slice(0, -1).split("\n").map(readLine);
  if (lines.length > MAX_LINES) throw malformed(`a note with ${lines.length} signatures, over ${MAX_LINES}`);
  return { origin, size: readSize(size), root: readRoot(root), text: utf8(text), lines };
}

function decodeText(content) {
  try {
    const text = textOf(content);
    if (/[\0-\x09\x0b-\x1f]/.test(text)) throw malformed("a note with a control character");
    return text;
  } catch (error) {
    if (error instanceof TypeError) throw malformed("a note that is not UTF-8");
    throw error;
  }
}

function readSize(digits) {
  const size = /^(0|[1-9][0-9]{0,14})$/.test(digits) ? Number(digits) : MAX_LOG_SIZE;
  if (size >= MAX_LOG_SIZE) throw malformed("the size of a note is a number below 2^48 without leading zeros");
  return size;
}

function readRoot(text) {
  const root = unbase64(text);
  if (!isDigest(root)) throw malformed("the root of a note is 32 bytes");
  return root;
}

function readLine(line) {
  const [, name, text] = LINE.exec(line) ?? [];
  if (!KEY_NAME.test(name ?? "")) throw malformed(`a signature line is "${DASH} name base64"`);
  const bytes = unbase64(text);
  if (bytes.length <= KEY_ID_BYTES) throw malformed("a signature line without a signature");
  return { name, keyId: bytes.subarray(0, KEY_ID_BYTES), signature: bytes.subarray(KEY_ID_BYTES) };
}

/** Canonical base64 of RFC 4648 section 4 alone: no two texts for the same bytes. */
function unbase64(text) {
  const isShaped = /^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(text);
  const binary = isShaped ? atob(text) : "";
  if (!isShaped || btoa(binary) !== text) throw malformed("a note with what is not canonical base64");
  return Uint8Array.from(binary, (char) => char.charCodeAt(0));
}

/** Throws EvidenceError "bad-signature" unless the service signed it, with every line that names its key. */
export async function verifyNote(note, publicKey) {
  const lines = await linesOf(note, note.origin, SIGNED, publicKey);
  if (!lines.length) throw new EvidenceError("bad-signature", `the note names no key ${hex(publicKey.subarray(0, 8))}`);
  for (const { signature } of lines) await verifySignature(publicKey, note.text, signature);
}

/** The witnesses that cosigned: {name: seconds}, the earliest time of each.
 *
 * witnesses: [{name, publicKey}]. Throws EvidenceError "bad-signature" for a line of one of them that it did not sign,
 * "too-few-witnesses".
 */
export async function verifyWitnesses(note, witnesses, needed) {
  const seen = new Map();
  const keys = new Set();
  for (const { name, publicKey } of witnesses) {
    for (const { signature } of await linesOf(note, name, COSIGNED, publicKey)) {
      const seconds = await verifyCosignature(note.text, publicKey, signature);
      seen.set(name, seconds < (seen.get(name) ?? seconds) ? seconds : (seen.get(name) ?? seconds));
      keys.add(hex(publicKey));
    }
  }
  if (keys.size < needed) {
    throw new EvidenceError("too-few-witnesses", `${keys.size} of the policy's witnesses cosigned, it wants ${needed}`);
  }
  return Object.fromEntries(seen);
}

async function verifyCosignature(text, publicKey, content) {
  const time = BigInt(`0x${hex(content.subarray(0, TIME_BYTES))}`);
  if (time > MAX_SECONDS) throw new EvidenceError("bad-signature", "a cosignature of a time beyond all times");
  const message = joined(utf8(`cosignature/v1\ntime ${time}\n`), text);
  await verifySignature(publicKey, message, content.subarray(TIME_BYTES));
  return time <= Number.MAX_SAFE_INTEGER ? Number(time) : time;
}

/** The lines of a key: those with its name and its id. All others are ignored. */
async function linesOf({ lines }, name, type, publicKey) {
  const keyId = (await sha256(joined(utf8(`${name}\n`), [type], publicKey))).subarray(0, KEY_ID_BYTES);
  return lines.filter((line) => line.name === name && areSame(line.keyId, keyId));
}
