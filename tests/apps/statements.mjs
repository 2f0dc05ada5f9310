// Asks the page's signing program: a list of questions as JSON on standard input, the list of answers on standard
// output.
//
// An answer is {"good": bytes in hexadecimal}, or {"reason", "detail"} of what is refused, or {"error": name}.

import { readFileSync } from "node:fs";
import { webcrypto } from "node:crypto";

globalThis.crypto ??= webcrypto; // Node 18 has it, but not by this name

const [folder] = process.argv.slice(2);
const part = (name) => import(`${folder}/${name}.js`);
const { decode, encode } = await part("verify/cbor");
const { ED25519, decodeSign1 } = await part("verify/cose");
const { EvidenceError, hex, joined, unhex } = await part("verify/evidence");
const { ampereHours, battery, modules, passport, percent, records, unixMs } = await part("sign/input");
const { readKey, signerOf, whyUnableToSign } = await part("sign/key");
const { readConsent, signConsent, signStatement, verifyConsent } = await part("sign/signing");
const { readStated, statedOf } = await part("sign/stated");
const { CREATE, decodeStatement, encodeStatement } = await part("sign/statement");

const payloadOf = (content) => decodeSign1(unhex(content)).payload;

/** A JSON value as a value of an attribute: its objects are maps, in the order in which they stand. */
function valueOf(json) {
  if (Array.isArray(json)) return json.map(valueOf);
  if (typeof json !== "object" || json === null) return json;
  return new Map(Object.entries(json).map(([key, value]) => [key, valueOf(value)]));
}

const ASK = {
  payload: (content) => encodeStatement(decodeStatement(payloadOf(content))),
  again: (content) => joined([0xd2], encode(decode(unhex(content)).items)),
  signed: async (content, seed) => signStatement(payloadOf(content), await signerOf(unhex(seed))),
  publicKey: async (seed) => (await readKey(new Blob([unhex(seed)]))).publicKey,
  consent: async (passportId, head, to, seed) =>
    signConsent(unhex(passportId), unhex(head), unhex(to), await signerOf(unhex(seed))),
  handover: (content) => {
    const { consent, passportId, after, operator } = decodeStatement(payloadOf(content));
    return readConsent(consent, passportId, after).then(([, key]) => {
      if (hex(key) !== hex(operator[1])) throw new EvidenceError("bad-consent", "it is by another operator");
      return key;
    });
  },
  taken: async (content, passportId, head) => (await readConsent(unhex(content), unhex(passportId), unhex(head)))[1],
  stated: (json) => encode(statedOf(valueOf(json))),
  restated: (content) => encode(statedOf(readStated(decode(unhex(content)), 9))),
  made: (content, changed) => {
    const statement = decodeStatement(payloadOf(content));
    return encodeStatement({ ...statement, ...changed });
  },
  create: ({ passportId, key, originals, sealed, ...rest }) => encodeStatement({
    ...rest, kind: CREATE, salt: new Uint8Array(16), issuedUnixMs: 7,
    passportId: unhex(passportId), operator: [ED25519, unhex(key)],
    originals: originals.map((one) => one.map((part) => (part === null ? null : unhex(part)))),
    sealed: sealed.map(([logId, size, root]) => [unhex(logId), size, unhex(root)]),
  }),
  created: async (content, key, algorithm) => {
    const { passportId, originals: [[original, head, consent]] } = decodeStatement(payloadOf(content));
    await verifyConsent(consent, { publicKey: unhex(key), algorithm }, original, head, passportId);
    return consent;
  },
  ampereHours: (text) => encode(ampereHours(text) ?? null),
  battery: (text) => encode(battery(text)),
  modules: (text) => encode(modules(text)),
  passport: (text) => passport(text),
  percent: (text) => encode(percent(text)),
  records: (text) => encode(records(text)),
  day: (text) => encode(unixMs(text, 7)),
  unable: async () => encode(await whyUnableToSign()),
};

async function answer([kind, ...parts]) {
  try {
    return { good: hex(await ASK[kind](...parts)) };
  } catch (error) {
    if (error instanceof EvidenceError) return { reason: error.reason, detail: error.detail };
    return { error: error.constructor.name, detail: error.message };
  }
}

const answers = [];
for (const question of JSON.parse(readFileSync(0, "utf8"))) answers.push(await answer(question));
process.stdout.write(JSON.stringify(answers));
