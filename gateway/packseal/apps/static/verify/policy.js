// Whom the verifier trusts: read from a policy.json, and made ready for the verifier.
//
// Ids and keys are hexadecimal digits in both, in lower case. Names of a policy.json: services, logs, keys, witnesses,
// witnesses_needed, revoked; all but services are optional.

import { isBattery } from "./acts.js";
import { ED25519, ESP256, KEY_BYTES, kidOf } from "./cose.js";
import { areSame, textOf, unhex } from "./evidence.js";
import { parseOnce } from "./json.js";
import { KEY_NAME } from "./note.js";

export const CLASSES = {
  A: "key in a secure element",
  B: "key in the board's microcontroller",
  C: "observed on CAN by a gateway and signed there",
  D: "imported from a file; a replay, never live",
};
export const POLICY_ROLES = ["gateway", "integrator", "operator", "assessor", "recycler"];
const LOG_ID_BYTES = 16;

/** The policy in the bytes of a policy.json. Throws TypeError or SyntaxError, saying what is wrong. */
export const parsePolicy = (bytes) => readPolicy(parseOnce(textOf(bytes)));

/** The policy that verifyBundle takes. Throws TypeError, saying what is wrong. */
export function readPolicy(json) {
  const names = ["services", "logs", "keys", "witnesses", "witnesses_needed", "revoked"];
  if (!isObject(json)) throw new TypeError("a policy has names and values: a JSON object");
  const unknown = Object.keys(json).find((name) => !names.includes(name));
  if (unknown !== undefined) throw new TypeError(`a policy has no "${unknown}"; it has ${names.join(", ")}`);
  const { services, logs = {}, keys = [], witnesses = [], witnesses_needed: needed = 0, revoked = [] } = json;
  check(isList(services, isService), '"services": a list, each with the "origin" of its log and its "public_key"');
  check(isObject(logs) && Object.entries(logs).every(isLog), LOGS);
  check(isList(keys, isKey), `"keys": a list, each with "public_key", "algorithm" (-19 or -9) and "role" (${ROLES})`);
  check(isList(witnesses, isWitness), '"witnesses": a list, each with "name" and "public_key"');
  check(isCount(needed) && needed <= witnesses.length, '"witnesses_needed": a number, at most that of its witnesses');
  check(isList(revoked, isRevocation), '"revoked": a list, each with "public_key", "index" and "service"');
  const known = services.map((one) => one.public_key);
  const isOfKnown = ({ service }) => (service === undefined ? known.length === 1 : known.includes(service));
  check(revoked.every(isOfKnown), 'in "revoked" which "service" an index is of, unless it has but one');
  check(isSet(known.concat(keys.map((key) => key.public_key))), "each key once, among services and keys together");
  check(isSet(revoked.map((one) => one.public_key)), "each key once among those revoked");
  check(isSet(witnesses.map((one) => one.public_key)), "each witness's key once");
  check(isSet(witnesses.map((one) => one.name)), "each witness's name once");
  return {
    services: services.map(named),
    logs: new Map(Object.entries(logs).map(([logId, log]) => [logId, named(log)])),
    keys: keys.map(named),
    witnesses: witnesses.map(named),
    witnessesNeeded: needed,
    revoked: revoked.map((one) => ({ service: known[0], ...named(one) })),
  };
}

/** The same with keys as bytes, and with the kid and the algorithm of each: what the steps of verifier.js ask.
 *
 * Throws TypeError for what is no policy.
 */
export async function trusted({ services, logs, keys = [], witnesses = [], witnessesNeeded = 0, revoked = [] }) {
  const lists = [services, keys, witnesses, revoked];
  if (!lists.every(Array.isArray)) throw new TypeError("a policy has lists of services, keys, witnesses and revoked");
  const all = await Promise.all(keys.map((key) => ready(key.publicKey, key.algorithm ?? ED25519, key.role)));
  return {
    services: await Promise.all(services.map(readyService)),
    logs: new Map(logs instanceof Map ? logs : Object.entries(logs ?? {})),
    keys: all,
    witnesses: witnesses.map(({ name, publicKey }) => ({ name, publicKey: unhex(publicKey) })),
    witnessesNeeded,
    revoked: revoked.map(({ publicKey, index, service }) => {
      return { publicKey: unhex(publicKey), index, service: unhex(service) };
    }),
  };
}

/** The same as it stands in the log of a service: a key that was revoked in another log counts nowhere in this one,
 * since nobody can say what came before what.
 */
export function inLogOf(service, trust) {
  const isHere = (one) => areSame(one.service, service.publicKey);
  return { ...trust, revoked: trust.revoked.map((one) => ({ ...one, index: isHere(one) ? one.index : 0 })) };
}

async function readyService({ publicKey, origin }) {
  if (typeof origin !== "string") throw new TypeError(`service ${publicKey} of a policy has no origin`);
  return { ...(await ready(publicKey, ED25519, "service")), origin };
}

async function ready(digits, algorithm, role) {
  const publicKey = unhex(digits);
  const isWhole = publicKey.length === KEY_BYTES[algorithm] && ["service", ...POLICY_ROLES].includes(role);
  if (!isWhole) throw new TypeError(`key ${digits} of a policy is not of its algorithm, or has no role`);
  return { publicKey, algorithm, role, kid: await kidOf(publicKey) };
}

const ROLES = POLICY_ROLES.join(", ");
const LOGS = '"logs": for each log_id (32 hexadecimal digits) "battery" and "evidence_class"';
const JS_NAMES = { public_key: "publicKey", evidence_class: "evidenceClass" };

/** An object of policy.json with the names that this program uses. */
const named = (object) =>
  Object.fromEntries(Object.entries(object).map(([name, value]) => [JS_NAMES[name] ?? name, value]));

function check(holds, what) {
  if (!holds) throw new TypeError(`a policy has ${what}`);
}

const isObject = (value) => typeof value === "object" && value !== null && !Array.isArray(value);
const isList = (value, isOf) => Array.isArray(value) && value.every(isOf);
const isSet = (texts) => new Set(texts).size === texts.length;
const isHex = (text, size) => typeof text === "string" && text.length === 2 * size && /^[0-9a-f]+$/.test(text);
const isCount = (value) => Number.isSafeInteger(value) && value >= 0;
const isEd25519 = (value) => isHex(value, KEY_BYTES[ED25519]);
const isAnyKey = (value) => isEd25519(value) || isHex(value, KEY_BYTES[ESP256]);
const isKeyName = (value) => typeof value === "string" && KEY_NAME.test(value);
const hasOnly = (object, ...names) => isObject(object) && Object.keys(object).every((name) => names.includes(name));

const isLog = ([logId, log]) =>
  isHex(logId, LOG_ID_BYTES) && hasOnly(log, "battery", "evidence_class") && isBattery(log.battery) &&
  typeof log.evidence_class === "string" && Object.hasOwn(CLASSES, log.evidence_class);
const isKey = (key) =>
  hasOnly(key, "public_key", "algorithm", "role") && POLICY_ROLES.includes(key.role) &&
  [ED25519, ESP256].includes(key.algorithm) && isHex(key.public_key, KEY_BYTES[key.algorithm]);
const isService = (one) => hasOnly(one, "origin", "public_key") && isKeyName(one.origin) && isEd25519(one.public_key);
const isWitness = (one) => hasOnly(one, "name", "public_key") && isKeyName(one.name) && isEd25519(one.public_key);
const isRevocation = (one) =>
  hasOnly(one, "public_key", "index", "service") && isAnyKey(one.public_key) && isCount(one.index) &&
  (!("service" in one) || isEd25519(one.service));
