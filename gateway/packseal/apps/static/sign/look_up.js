// What the service says of a passport that a new one comes from. InputError where it says nothing of use.

import { ED25519, ESP256, KEY_BYTES } from "../verify/cose.js";
import { hex, unhex } from "../verify/evidence.js";
import { InputError } from "./problem.js";

const TIMEOUT_MS = 10_000;
const ALGORITHMS = [ED25519, ESP256];

/** {head, operator: {publicKey, algorithm}} */
export async function lifeOf(passportId) {
  const { life } = await asked(passportId, "");
  return read(() => ({ head: unhex(life.head), operator: keyOf(life.operator.public_key) }));
}

/** [[log_id, size, root], ...] as they are stored; whether they are sealed, the service checks. */
export async function logsOf(passportId) {
  const { items } = await asked(passportId, "/logs");
  return read(() => items.map((log) => [unhex(log.log_id), log.size, unhex(log.root)]));
}

/** Of a public key in hexadecimal digits: its length tells what it is for. */
export function keyOf(text) {
  const publicKey = unhex(text);
  return { publicKey, algorithm: ALGORITHMS.find((one) => KEY_BYTES[one] === publicKey.length) };
}

async function asked(passportId, rest) {
  let answer;
  try {
    const signal = AbortSignal.timeout(TIMEOUT_MS);
    answer = await fetch(`/api/v1/passports/${hex(passportId)}${rest}`, { signal });
  } catch {
    throw new InputError("the service does not answer; try again");
  }
  if (answer.status === 404) throw new InputError(`passport ${hex(passportId)} is not kept here; look at its id again`);
  const said = answer.ok ? await answer.json().catch(() => null) : null;
  if (!said) throw new InputError(`the service answers ${answer.status}; try again`);
  return said;
}

function read(parts) {
  try {
    return parts();
  } catch (error) {
    if (error instanceof TypeError) throw new InputError("the service answers with something else; reload this page");
    throw error;
  }
}
