// Statements about a passport, as bytes and back (docs/record.md section 5 items 11 and 12).
//
// Strict in both directions: what is encoded is read again by the same rules as what came from somebody else, so that
// nothing is signed that a service would refuse for its shape. Who may say what, and when, the service decides.

import { encode } from "../verify/cbor.js";
import { versioned } from "../verify/cose.js";
import { areSame, malformed } from "../verify/evidence.js";
import { isSalt } from "../verify/statements.js";
import { FIELDS, isCount } from "./shapes.js";
import { MAX_DEPTH, isExact, readStated, statedOf } from "./stated.js";

export const [CREATE, STATUS, HANDOVER, VALUES, NOTE, TEST] = [1, 2, 3, 4, 5, 6];
export const STATEMENT_PURPOSE = "packseal/statement/1";
export const MAX_STATEMENT_BYTES = 1 << 16;
const FORMAT_VERSION = 1;

const FIELDS_OF = {
  [CREATE]: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10], [STATUS]: [1, 11, 12, 13, 14], [HANDOVER]: [1, 5, 11, 15],
  [VALUES]: [1, 16, 17, 18], [NOTE]: [1, 13, 14, 19, 20], [TEST]: [1, 20, 21, 22, 23],
};
const OPTIONAL_OF = { [CREATE]: [9, 10], [STATUS]: [13] };

/** The bytes that are signed. statement: {kind, salt, issuedUnixMs, ...} with the fields of its kind by their names;
 * `values` as a Map; a field that is undefined is left out.
 *
 * Throws EvidenceError "malformed", TypeError.
 */
export function encodeStatement(statement) {
  const { kind, salt, issuedUnixMs, ...named } = statement;
  if (!isKind(kind)) throw notWhole(kind);
  const keys = FIELDS_OF[kind].filter((key) => named[FIELDS[key][0]] !== undefined);
  if (keys.length !== Object.values(named).filter((value) => value !== undefined).length) throw notWhole(kind);
  const fields = new Map(keys.map((key) => [key, wire(key, named[FIELDS[key][0]])]));
  check(kind, salt, issuedUnixMs, fields);
  const payload = encode([FORMAT_VERSION, kind, salt, issuedUnixMs, fields]);
  decodeStatement(payload);
  return payload;
}

/** The statement that these bytes are. Throws EvidenceError "malformed", "unknown-version". */
export function decodeStatement(payload) {
  const [kind, salt, issuedUnixMs, fields] = versioned(payload, 5);
  check(kind, salt, issuedUnixMs, fields);
  const named = [...fields].map(([key, value]) => [FIELDS[key][0], read(key, value)]);
  return { kind, salt, issuedUnixMs, ...Object.fromEntries(named) };
}

function check(kind, salt, issuedUnixMs, fields) {
  const isShaped = isKind(kind) && isSalt(salt) && isCount(issuedUnixMs);
  if (!isShaped || !(fields instanceof Map)) {
    throw malformed("a statement is [1, statement, salt, issued_unix_ms, fields] of a kind that is stated here");
  }
  const known = FIELDS_OF[kind];
  const missing = known.filter((key) => !fields.has(key) && !OPTIONAL_OF[kind]?.includes(key));
  if (missing.length || ![...fields.keys()].every((key) => known.includes(key))) throw notWhole(kind);
  const wrong = [...fields].find(([key, value]) => !FIELDS[key][1](value));
  if (wrong) throw malformed(`field ${wrong[0]} of statement ${kind} is not of its kind`);
  if (kind === CREATE) checkLinks(fields);
  if (kind === VALUES && fields.get(17).length === 1 && !fields.get(18).length) throw malformed("values of nothing");
}

/** What a new passport says of its originals names those, and never itself. */
function checkLinks(fields) {
  const [own, originals, modules, sealed] = [1, 6, 7, 8].map((key) => fields.get(key));
  if (originals.some(([passportId]) => areSame(passportId, own))) throw malformed("a passport that comes from itself");
  if (modules.some(([, original]) => original >= originals.length) || (sealed.length && !originals.length)) {
    throw malformed("a module or a sealed log of an original that is not listed");
  }
}

const isKind = (value) => Object.hasOwn(FIELDS_OF, value) && isExact(value);
const notWhole = (kind) => malformed(`a field of statement ${kind} is absent or unknown`);
const wire = (key, value) => (key === 17 ? statedOf(value) : value);
const read = (key, value) => (key === 17 ? readStated(value, MAX_DEPTH + 1) : value);
