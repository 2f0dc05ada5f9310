// Whom the verifier trusts, from a policy.json:
// {"logs": {log_id: {"battery", "evidence_class"}}, "services": [public key]}, ids and keys in hexadecimal digits.

export const CLASSES = {
  A: "key in a secure element",
  B: "key in the board's microcontroller",
  C: "observed on CAN by a gateway and signed there",
  D: "imported from a file; a replay, never live",
};

/** The policy that verifyBundle takes. Throws TypeError, saying what is wrong. */
export function readPolicy(json) {
  const { logs, services } = json ?? {};
  if (!Array.isArray(services) || !services.every((key) => isHex(key, 32))) {
    throw new TypeError('a policy has "services": a list of public keys, each of 64 hexadecimal digits');
  }
  if (!logs || typeof logs !== "object" || !Object.entries(logs).every(isLog)) {
    throw new TypeError('a policy has "logs": for each log_id (32 hexadecimal digits) "battery" and "evidence_class"');
  }
  const named = Object.entries(logs).map(([logId, log]) => {
    return [logId.toLowerCase(), { battery: log.battery, evidenceClass: log.evidence_class }];
  });
  return { logs: new Map(named), services };
}

const isHex = (text, size) => typeof text === "string" && text.length === 2 * size && /^[0-9a-f]+$/i.test(text);
const isLog = ([logId, log]) =>
  isHex(logId, 16) && typeof log?.battery === "string" && Object.hasOwn(CLASSES, log.evidence_class);
