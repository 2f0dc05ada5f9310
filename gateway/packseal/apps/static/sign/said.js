// What a statement says, in rows of words: read from the bytes that are signed, so that nothing else is.

import { t } from "../words.js";
import { hex } from "../verify/evidence.js";
import { CREATE, HANDOVER, NOTE, STATUS, TEST, VALUES, decodeStatement } from "./statement.js";

const STAGES = ["prepared", "original", "repaired", "reused", "repurposed", "remanufactured", "waste", "recycled"];
const CATEGORIES = ["", "electric vehicle", "light means of transport", "stationary storage", "industrial"];
const NOTES = ["", "a repair", "an accident or other damage", "something else"];

const BODIES = {
  [CREATE]: ({ battery, category, name, operator, originals, modules, sealed, ratedCapacityMah, chemistry }) => [
    [t("Statement"), originals.length ? t("a new passport, of a battery that comes from others") : t("a new passport")],
    [t("Battery id"), battery], [t("What people call it"), name], [t("Category"), t(CATEGORIES[category])],
    [t("Rated capacity"), ratedCapacityMah === undefined ? t("not stated") : t(ampereHours(ratedCapacityMah))],
    [t("Chemistry"), chemistry === undefined ? t("not stated") : chemistry],
    [t("Responsible from here on"), hex(operator[1])],
    ...originals.flatMap((one, place) => originalRows(one, modules.filter(([, of]) => of === place))),
    ...given(t("Sealed logs of its first life"), sealed.map(logText).join("\n") || undefined),
  ],
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
  const rows = [...BODIES[kind](statement, names), [passportLabel(kind), hex(passportId)]];
  if (after) rows.push([t("After the statement"), hex(after)]);
  return [...rows, [t("Signed by"), hex(publicKey)], [t("Signed on"), time(issuedUnixMs)]];
}

const passportLabel = (kind) => (kind === CREATE ? t("The new passport") : t("Passport"));

/** to: the id of a new passport; the own key for a hand-over. */
export function rowsOfConsent(passportId, head, to, publicKey) {
  const isTaking = hex(to) === hex(publicKey);
  const kind = isTaking
    ? t("a consent: you take over the passport, once its operator hands it over")
    : t("a consent: a new passport may come from this one");
  return [
    [t("Statement"), kind], ...(isTaking ? [] : [[t("The new passport"), hex(to)]]),
    [t("Passport"), hex(passportId)], [t("After the statement"), hex(head)], [t("Signed by"), hex(publicKey)],
  ];
}

const originalRows = ([passportId, head, consent], modules) => [
  [t("Comes from passport"), hex(passportId)], [t("as it is after the statement"), hex(head)],
  [
    t("with the consent of its operator"),
    consent ? t("from the file that you chose") : t("none: you are its operator"),
  ],
  ...given(t("Its modules"), modules.map(([module, , place]) => `${module}: ${place}`).join("\n") || undefined),
];

const logText = ([logId, size, root]) =>
  `${hex(logId)}: ${t(size === 1 ? "1 record" : `${size} records`)}, ${hex(root)}`;

const given = (label, text) => (text === undefined ? [] : [[label, text]]);

const recordRows = (evidence) =>
  given(t("Records that show it"), evidence.map(([logId, seq]) => `${hex(logId)}:${seq}`).join("\n") || undefined);

/** As many decimals as it needs. */
function ampereHours(mah) {
  const thousandths = String(Number(mah) % 1000).padStart(3, "0").replace(/0+$/, "");
  return `${Math.floor(Number(mah) / 1000)}${thousandths && "."}${thousandths} Ah`;
}

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
