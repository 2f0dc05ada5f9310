// Asks the browser's verification of P-256: questions as JSON on standard input, answers on standard output.
//
// A question is [public key, message, signature] in hexadecimal. An answer is {}, or {"reason", "detail"}, or
// {"error"}, the name of what is no EvidenceError. With a second argument WebCrypto refuses the keys that end in it, so
// that with "" it is as one that lacks the algorithm.

import { readFileSync } from "node:fs";
import { webcrypto } from "node:crypto";

globalThis.crypto ??= webcrypto; // Node 18 has it, but not by this name

const [folder, refusedKey] = process.argv.slice(2);
const { EvidenceError, hex, unhex } = await import(`${folder}/evidence.js`);
const { verifyP256 } = await import(`${folder}/p256.js`);

async function importKey(format, content, ...rest) {
  if (hex(content).endsWith(refusedKey)) throw new DOMException("refused", "DataError");
  return webcrypto.subtle.importKey(format, content, ...rest);
}

if (refusedKey !== undefined) {
  const subtle = { importKey, verify: (...parts) => webcrypto.subtle.verify(...parts) };
  Object.defineProperty(globalThis, "crypto", { value: { subtle } });
}

async function answer(parts) {
  try {
    await verifyP256(...parts.map(unhex));
    return {};
  } catch (error) {
    return error instanceof EvidenceError ? { reason: error.reason, detail: error.detail } : { error: error.name };
  }
}

const answers = [];
for (const question of JSON.parse(readFileSync(0, "utf8"))) answers.push(await answer(question));
process.stdout.write(JSON.stringify(answers));
