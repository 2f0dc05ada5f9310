// The rows of the form of values: an attribute, and a field as its kind needs it.

import { t } from "../words.js";
import { sha256, hex } from "../verify/evidence.js";
import { lines } from "./input.js";
import { InputError } from "./problem.js";

const MAX_FILE_BYTES = 256 << 20;
const DECIMAL = "-?(0|[1-9][0-9]{0,11})([.,][0-9]{1,6})?";
const DATE = "[12][0-9]{3}-(0[1-9]|1[0-2])(-(0[1-9]|[12][0-9]|3[01]))?";

/** By kind of attribute: what is expected, and what a browser can tell of it before anybody signs. */
const LINES = {
  text: {}, identifier: {}, choice: {},
  decimal: { hint: "a number such as 12.5", pattern: DECIMAL, inputMode: "decimal" },
  count: { hint: "a whole number", pattern: "[0-9]{1,10}", inputMode: "numeric" },
  date: { hint: "a date such as 2027-02 or 2027-02-18", pattern: DATE },
  time: { hint: "a time such as 2027-02-18T08:00:00Z" },
  link: { hint: "an https:// link", pattern: "https://[!-~]{1,500}", inputMode: "url" },
};
const PARTY = [["name", "Name"], ["address", "Address"], ["web", "Web address"]];

export class ValueRows {
  /** place: where the rows stand. options: a <template> of every attribute. group: the field that chooses who sees. */
  constructor(place, options, group) {
    Object.assign(this, { place, options, group, count: 0 });
  }

  add() {
    const number = (this.count += 1);
    const row = made("fieldset", {}, made("legend", { className: "unseen" }, t("a value")));
    const select = made("select", { id: `attribute-${number}`, required: true });
    select.append(this.options.content.cloneNode(true));
    for (const option of select.querySelectorAll("option[data-group]")) {
      if (option.dataset.group !== this.group.value) option.remove();
    }
    for (const group of select.querySelectorAll("optgroup:empty")) group.remove();
    const field = made("div", { className: "field" });
    select.addEventListener("change", () => show(field, select.selectedOptions[0].dataset.kind, number));
    const remove = made("button", { type: "button", className: "press" }, t("take it out"));
    remove.addEventListener("click", () => row.remove());
    row.append(labelled(select, t("Which value")), select, field, made("p", { className: "actions" }, remove));
    this.place.append(row);
    return select;
  }

  /** Empty, for another group or another statement. */
  clear() {
    this.place.replaceChildren();
    this.add();
  }

  nameOf(key) {
    return this.options.content.querySelector(`option[value="${CSS.escape(key)}"]`)?.textContent ?? key;
  }

  /** {values: Map, attachments}. Throws InputError. */
  async read() {
    const values = new Map();
    const attachments = new Map();
    for (const row of this.place.children) {
      const select = row.querySelector("select");
      if (values.has(select.value)) throw new InputError("the same value stands there twice; take one out");
      const field = row.querySelector(".field");
      values.set(select.value, await READ[readerOf(select.selectedOptions[0].dataset.kind)](field, attachments));
    }
    if (!values.size) throw new InputError("nothing is stated; add a value");
    return { values, attachments: [...attachments.values()] };
  }
}

const readerOf = (kind) => (kind in LINES ? (["decimal", "count"].includes(kind) ? kind : "text") : kind);

const READ = {
  text: (field) => field.querySelector("input").value.trim(),
  decimal: (field) => field.querySelector("input").value.trim().replace(",", "."),
  count: (field) => Number(field.querySelector("input").value),
  list: (field) => lines(field.querySelector("textarea").value),
  party: (field) => {
    const inputs = [...field.querySelectorAll("input")].filter((input) => input.value.trim());
    return new Map(inputs.map((input) => [input.name, input.value.trim()]));
  },
  async file(field, attachments) {
    const [link, file] = field.querySelectorAll("input");
    if (!file.files.length) {
      if (!link.value.trim()) throw new InputError("name a link, or choose a file");
      return link.value.trim();
    }
    const [chosen] = file.files;
    if (chosen.size > MAX_FILE_BYTES) throw new InputError("a file of more than 256 MiB; name a link to it");
    const digest = await sha256(await chosen.arrayBuffer());
    const mediaType = chosen.type.split(";")[0].trim().toLowerCase() || "application/octet-stream";
    attachments.set(hex(digest), [chosen.name, mediaType, chosen.size, digest]);
    return hex(digest);
  },
};

function show(field, kind, number) {
  const id = `value-${number}`;
  if (kind === "party") {
    field.replaceChildren(...PARTY.flatMap(([name, label]) => {
      const input = made("input", { id: `${id}-${name}`, name, required: name === "name", maxLength: 2000 });
      return [labelled(input, t(label)), input];
    }));
  } else if (kind === "list") {
    const area = made("textarea", { id, rows: 3, required: true });
    field.replaceChildren(labelled(area, t("Its value"), t("a line for each")), area);
  } else if (kind === "file") {
    const link = made("input", { id, pattern: "https://[!-~]{1,500}|[0-9a-f]{64}", inputMode: "url" });
    const file = made("input", { id: `${id}-file`, type: "file" });
    field.replaceChildren(
      labelled(link, t("Its value"), t("an https:// link")), link,
      labelled(file, t("or a file, of which only the digest is stated; publish the file yourself")), file,
    );
  } else {
    const { hint, ...rest } = LINES[kind] ?? {};
    const input = made("input", { id, required: Boolean(kind), maxLength: 2000, autocomplete: "off", ...rest });
    if (kind) field.replaceChildren(labelled(input, t("Its value"), hint ? t(hint) : ""), input);
    else field.replaceChildren();
  }
}

export const labelled = (input, text, hint = "") =>
  made("label", { htmlFor: input.id }, text, ...(hint ? [" ", made("small", {}, hint)] : []));

export function made(tag, properties, ...content) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...content);
  return element;
}
