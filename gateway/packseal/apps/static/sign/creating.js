// What the forms of a new passport say: of a battery alone, or of one that is made of others (docs/record.md section 5
// item 14 (2)). A consent that is not to this passport is told here, before anybody signs.

import { ED25519 } from "../verify/cose.js";
import { areSame } from "../verify/evidence.js";
import { ampereHours, battery, consentOf, modules, name, passport, typed } from "./input.js";
import { lifeOf, logsOf } from "./look_up.js";
import { InputError } from "./problem.js";
import { PASSPORT_ID_BYTES } from "./shapes.js";
import { verifyConsent } from "./signing.js";
import { CREATE } from "./statement.js";

export const newPassportId = () => crypto.getRandomValues(new Uint8Array(PASSPORT_ID_BYTES));

/** Of the form of a battery that comes from no other. signer: who is responsible from here on. */
export const readFirst = (fields, signer) =>
  ({ ...readBattery(fields, signer), passportId: newPassportId(), originals: [], modules: [], sealed: [] });

/** Of the form of a second life. own: {passportId, head, operator} of the page's passport. more: as fields() of
 * originals.js gives them.
 *
 * Throws InputError, EvidenceError "bad-consent".
 */
export async function readSecond(fields, signer, own, more) {
  const created = { ...readBattery(fields, signer), passportId: passport(fields.passport.value) };
  const named = [own, ...more.map((one) => ({ passportId: passport(one.passport.value) }))];
  checkOnce([created, ...named].map((one) => one.passportId));
  const found = { originals: [], modules: [], sealed: [] };
  for (const [place, { consent, modules: text }] of [fields, ...more].entries()) {
    const life = place ? { ...named[place], ...(await lifeOf(named[place].passportId)) } : own;
    found.originals.push([life.passportId, life.head, await consented(consent, life, created.passportId)]);
    found.modules.push(...modules(text.value).map(([module, where]) => [module, place, where]));
    found.sealed.push(...(await logsOf(life.passportId)));
  }
  return { ...created, ...found };
}

function readBattery(fields, { publicKey }) {
  return {
    kind: CREATE, battery: battery(fields.battery.value), category: Number(fields.category.value),
    name: name(fields.name.value), operator: [ED25519, publicKey],
    ratedCapacityMah: ampereHours(fields.rated.value), chemistry: typed(fields.chemistry.value),
  };
}

/** The bytes of the consent to this new passport; null where no file was chosen. */
async function consented(field, { passportId, head, operator }, newId) {
  const content = await consentOf(field);
  if (content) await verifyConsent(content, operator, passportId, head, newId);
  return content;
}

function checkOnce([created, ...originals]) {
  if (originals.some((one) => areSame(one, created))) throw new InputError("the new passport needs an id of its own");
  const isTwice = originals.some((one, place) => originals.slice(0, place).some((other) => areSame(one, other)));
  if (isTwice) throw new InputError("the same original stands there twice; take one out");
}
