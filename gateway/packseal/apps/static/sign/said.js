// What a statement says, in rows of words: read from the bytes that are signed, so that nothing else is.

import { t } from "../words.js";
import { hex } from "../verify/evidence.js";
import { HANDOVER, NOTE, STATUS, TEST, VALUES, decodeStatement } from "./statement.js";

const STAGES = ["prepared", "original", "repaired", "reused", "repurposed", "remanufactured", "waste", "recycled"];
const NOTES = ["", "a repair", "an accident or other damage", "something else"];

const BODIES = {
  [STATUS]: ({ stage, text, evidence }) => [
    [t("Statement"), t("a change of the stage")], [t("It becomes"), t(STAGES[stage])],
    ...given(t("In words"), text), ...recordRows(evidence),
  ],
  [NOTE]: ({ noteKind, atUnixMs, text, evidence }) => [
    [t("Statement"), t("a note")], [t("Of what"), t(NOTES[noteKind])], [t("When"), time(atUnixMs)],
    [t("In words"), text], ...recordRows(evidence),
  ],
  [HANDOVER]: ({ operator }) => [
    [t("Statement"), t("a hand-over: you are no longer responsible afterwards")],
    [t("To the operator with this key"), hex(operator[1])],
  ],
  [TEST]: ({ capacityCpct, spreadCpct, method, atUnixMs }) => [
    [t("Statement"), t("a test")], [t("Capacity"), t(`${fixed(capacityCpct)} %`)],
    [t("Between strongest and weakest"), t(`${fixed(spreadCpct)} %`)],
    [t("Which test, by whom"), method], [t("When"), time(atUnixMs)],
  ],
  [VALUES]: ({ group, values, attachments }, { groupWords, nameOf }) => [
    [t("Statement"), t("values")], [t("Values that are shown to"), groupWords(group)],
    ...[...values].map(([key, value]) => [nameOf(key), valueText(value)]),
    ...attachments.map(([name, mediaType, size, digest]) => [
      t("A file, by its digest"), `${name}, ${mediaType}, ${size} B, SHA-256 ${hex(digest)}`,
    ]),
  ],
};

/** [[label, text], ...]. names: what the page calls groups and attributes. Throws EvidenceError "malformed". */
export function rowsOfStatement(payload, publicKey, names) {
  const statement = decodeStatement(payload);
  const { kind, passportId, after, issuedUnixMs } = statement;
  const rows = [...BODIES[kind](statement, names), [t("Passport"), hex(passportId)]];
  if (after) rows.push([t("After the statement"), hex(after)]);
  return [...rows, [t("Signed by"), hex(publicKey)], [t("Signed on"), time(issuedUnixMs)]];
}

export const rowsOfConsent = (passportId, head, publicKey) => [
  [t("Statement"), t("a consent: you take over the passport, once its operator hands it over")],
  [t("Passport"), hex(passportId)], [t("After the statement"), hex(head)], [t("Signed by"), hex(publicKey)],
];

const given = (label, text) => (text === undefined ? [] : [[label, text]]);

const recordRows = (evidence) =>
  given(t("Records that show it"), evidence.map(([logId, seq]) => `${hex(logId)}:${seq}`).join("\n") || undefined);

const fixed = (cpct) => `${Math.floor(cpct / 100)}.${String(cpct % 100).padStart(2, "0")}`;

/** As the service writes times; a year that no calendar has is written as its number. */
function time(unixMs) {
  const at = new Date(Number(unixMs));
  return Number.isNaN(at.getTime()) ? String(unixMs) : t(`${at.toISOString().slice(0, 19).replace("T", " ")} UTC`);
}

function valueText(value) {
  if (Array.isArray(value)) return value.map(valueText).join("\n");
  if (value instanceof Map) return [...value].map(([key, item]) => `${key}: ${valueText(item)}`).join("\n");
  return String(value);
}
