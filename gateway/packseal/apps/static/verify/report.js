// What a verified record comes to, in plain words: what was checked, by whose word, when it was made, what it says, and
// what is not proven (docs/record.md sections 8, 9 and 13).

import { TYPE_NAMES } from "./entries.js";
import { hex } from "./evidence.js";
import { CLASSES } from "./policy.js";

const ORIGINS = { 1: "a board", 2: "a gateway that listened on CAN", 3: "a program that read a file" };
const CLOCKS = ["was never set", "was set once", "is kept by a time source"];
const NOT_PROVEN = [
  "that a sensor told the truth",
  "that the board was on the battery it is bound to",
  "what happened while the board had no power",
  "that the log does not go on behind what is shown here",
  "that no thief signed with the key before it was revoked",
];
const HIDDEN = "the other values of this record: they are hidden, and nothing is known of them";
const QUANTITIES = {
  1: "soh_capacity_cpct", 2: "resistance_uohm", 3: "energy_wh", 4: "power_80_w", 5: "power_20_w",
  6: "round_trip_efficiency_cpct", 7: "self_discharge_cpct_month", 8: "soce_cpct",
};
const METHODS = {
  1: "charge counted between two rested open-circuit anchors",
  2: "charge between rested voltages against an open-circuit curve that ages with the cell",
  3: "current steps",
  4: "capacity times the mean open-circuit voltage less what resistance takes",
  5: "energy out and in between two equal states of charge",
  6: "charge lost between two rests without current",
  7: "charge between voltages of a steady current against curves learnt from such cells",
};
const LACKING = {
  1: "a rest of the pack", 2: "a wider span of charge between rests", 3: "current steps",
  4: "an unbroken count of charge", 5: "inputs that agree with each other", 6: "a sensor", 7: "a setting",
  8: "a voltage curve of this chemistry", 9: "a full cycle back to the same state of charge",
};
const UNITS = [[86_400, "d"], [3_600, "h"], [60, "min"], [1, "s"]];

/** {headline, checked: [{what, by}], made, values: [[name, text]], notProven: [text]} of what verifyBundle found. */
export function reportOf(record) {
  return {
    headline: headlineOf(record),
    checked: checkedOf(record),
    made: madeOf(record),
    values: valuesOf(record),
    notProven: record.shown ? [...NOT_PROVEN, HIDDEN] : NOT_PROVEN,
  };
}

function headlineOf(record) {
  const name = `record ${record.seq} of ${record.size} of battery ${record.battery}`;
  return `${name} is what its key signed, class ${record.evidenceClass}, stored by ${timeOf(record.receivedUnixMs)}`;
}

/** In the order of section 8. */
function checkedOf(record) {
  const [key, service] = [`key ${short(record.publicKey)} of ${ORIGINS[record.origin]}`, serviceOf(record)];
  return [
    { what: `${subjectOf(record)}, at its place among the ${record.size} of log ${record.logId}`, by: key },
    ...(record.nonce === null ? [] : [answering(record, key)]),
    ...(record.openedBy === record.publicKey ? [] : [changed(record)]),
    { what: `all ${record.size} were stored by ${timeOf(record.receivedUnixMs)}`, by: service },
    { what: `its receipt is ${placeOf(record)}`, by: service },
    ...Object.entries(record.witnesses).map(witnessed),
    { what: `the log is of battery ${record.battery}, class ${classOf(record)}`, by: binderOf(record) },
    ...(record.notBeforeUnixMs === null ? [] : [timed(record)]),
    ...(record.attestation ? [attested(record.attestation)] : []),
  ];
}

const placeOf = ({ serviceIndex, logSize, logOrigin }) =>
  `entry ${serviceIndex} of ${logSize} in the public log ${logOrigin}`;

function subjectOf({ seq, shown }) {
  return shown ? `what is shown of record ${seq} is what was signed for` : `record ${seq} is unchanged`;
}

const answering = ({ nonce }, key) => ({
  what: `its checkpoint answers nonce ${nonce}, so it was signed after that nonce was made`,
  by: key,
});

const changed = ({ openedBy, publicKey }) => ({
  what: `key ${short(publicKey)} signs in its place; each of the two has signed the change`,
  by: `key ${short(openedBy)}, which opened the log`,
});

const witnessed = ([name, seconds]) => ({
  what: `that log was seen at ${timeOf(1000 * Number(seconds))} and continues all that was seen of it before`,
  by: `witness ${name}`,
});

const timed = (record) => ({
  what: `the receipt that the board had in hand before is of ${timeOf(record.notBeforeUnixMs)}`,
  by: serviceOf(record),
});

function attested({ by, arrivedUnixMs, clock, clockErrorMs, counts }) {
  const error = clockErrorMs === null ? "" : `, within ${clockErrorMs} ms`;
  const counted = Object.entries(counts).map(([name, count]) => `${count} ${name.replaceAll("_", " ")}`);
  const parts = [`it arrived at ${timeOf(arrivedUnixMs)}`, `the gateway's clock ${CLOCKS[clock]}${error}`, ...counted];
  return { what: parts.join(", "), by: `gateway ${short(by)}` };
}

const serviceOf = ({ service }) => `passport service ${short(service)}`;
const classOf = ({ evidenceClass }) => `${evidenceClass}, ${CLASSES[evidenceClass]}`;
const binderOf = ({ boundBy, boundByRole }) =>
  boundByRole ? `${boundByRole} ${short(boundBy)}` : "the policy that this check trusts";

/** The interval of section 9, with its width. */
function madeOf({ notBeforeUnixMs, notAfterUnixMs }) {
  const until = `made before ${timeOf(notAfterUnixMs)}`;
  if (notBeforeUnixMs === null) return `${until}; since when is not known`;
  const width = widthOf(Number(BigInt(notAfterUnixMs) - BigInt(notBeforeUnixMs)));
  return `made after ${timeOf(notBeforeUnixMs)} and before ${timeOf(notAfterUnixMs)}: within ${width}`;
}

/** In the two largest units, rounded up: 2 h 5 min. */
function widthOf(ms) {
  if (ms < 1000) return `${ms} ms`;
  const largest = UNITS.findIndex(([size]) => ms >= 1000 * size);
  const [step] = UNITS[largest + 1] ?? UNITS[largest];
  let left = Math.ceil(ms / 1000 / step) * step;
  const parts = [];
  for (const [size, unit] of UNITS) {
    if (left >= size) parts.push(`${Math.floor(left / size)} ${unit}`);
    left %= size;
  }
  return parts.join(" ");
}

export function timeOf(unixMs) {
  const time = new Date(Number(unixMs));
  return Number.isNaN(time.getTime()) ? `${unixMs} ms` : `${time.toISOString().slice(0, 19).replace("T", " ")} UTC`;
}

/** What the signed bytes say, beside what a page says of them. */
function valuesOf({ type, boot, uptimeMs, body, shown }) {
  const head = [["type", TYPE_NAMES[type] ?? String(type)], ["boot", String(boot)], ["uptime_ms", String(uptimeMs)]];
  return [...head, ...Object.entries(body ?? {}).map(named), ...(shown ? shownOf(shown) : [])];
}

function shownOf({ values, cells, atLeastCpct, atMostCpct }) {
  const bounds = [["at least", atLeastCpct], ["at most", atMostCpct]].filter(([, bound]) => bound !== null);
  return [
    ...Object.entries(values).map(named),
    ...[...cells].map(([block, cellMv]) => named([`cell_mv, block ${block}`, cellMv])),
    ...bounds.map(([words, bound]) => named([`soh_capacity_cpct, ${words}`, bound])),
  ];
}

/** What numbers of a statement stand for; one that is not known here stays a number. */
const MEANINGS = { quantity: QUANTITIES, method: METHODS, lacking: LACKING };

function named([name, value]) {
  const meanings = MEANINGS[name] ?? {};
  const words = [value].flat().map((one) => meanings[one]).filter(Boolean);
  return [name, words.length ? `${textOf(value)} (${words.join(", ")})` : textOf(value)];
}

function textOf(value) {
  if (value === null) return "not available";
  if (value instanceof Uint8Array) return hex(value);
  return Array.isArray(value) ? value.map((one) => (one === null ? "–" : textOf(one))).join(", ") : String(value);
}

const short = (digits) => `${digits.slice(0, 16)}…`;
