// What a form tells below itself: that a statement was taken, or why not and what to do about it.

import { t, worded } from "../words.js";
import { made } from "./rows.js";

export function say(place, className, ...content) {
  place.replaceChildren(made("p", { className }, ...content));
}

/** Why, what to do about it, and the service's own words. refusals: a <template> of every reason with its cure. */
export function sayRefused(place, { reason, detail }, refusals) {
  const known = refusals.content.querySelector(`[data-reason="${CSS.escape(reason)}"]`);
  const words = [worded(detail)];
  if (known) words.unshift(...known.cloneNode(true).childNodes, made("br", {}));
  say(place, "bad", "✘ ", t("Refused:"), " ", ...words);
}
