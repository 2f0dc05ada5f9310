// The rows of the form of a second life: more passports that the new one comes from, each with consent and modules.

import { t } from "../words.js";
import { labelled, made } from "./rows.js";

export class OriginalRows {
  constructor(place) {
    Object.assign(this, { place, count: 0 });
  }

  /** The field of the new row that is filled in first. */
  add() {
    const id = `original-${(this.count += 1)}`;
    const passport = made("input", { id, name: "original", required: true, autocomplete: "off", spellcheck: false });
    const consent = made("input", { id: `${id}-consent`, name: "original-consent", type: "file" });
    const modules = made("textarea", { id: `${id}-modules`, name: "original-modules", rows: 2, spellcheck: false });
    const remove = made("button", { type: "button", className: "press" }, t("take it out"));
    const row = made(
      "fieldset", {}, made("legend", {}, t("another original")),
      labelled(passport, t("Its passport's id")), passport,
      labelled(consent, t("The consent of its operator"), t("where that is another than you")), consent,
      labelled(modules, t("Its modules in the new battery"), t("MODULE: PLACE, a line for each")), modules,
      made("p", { className: "actions" }, remove),
    );
    remove.addEventListener("click", () => row.remove());
    this.place.append(row);
    return passport;
  }

  clear() {
    this.place.replaceChildren();
  }

  /** [{passport, consent, modules}, ...] as fields of the form. */
  fields() {
    return [...this.place.children].map((row) => {
      const [passport, consent, modules] = row.querySelectorAll("input, textarea");
      return { passport, consent, modules };
    });
  }
}
