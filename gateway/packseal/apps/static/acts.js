// Forms of statements about a passport: each is built here, shown in words, signed with the visitor's key when he says
// so, and handed in. The key never leaves this program, and without a confirmation nothing is signed.

import { handIn } from "./sign/hand_in.js";
import { percent, records, typed, unixMs } from "./sign/input.js";
import { readKey, whyUnableToSign } from "./sign/key.js";
import { InputError } from "./sign/problem.js";
import { ValueRows, made } from "./sign/rows.js";
import { rowsOfConsent, rowsOfStatement } from "./sign/said.js";
import { readConsent, signConsent, signStatement } from "./sign/signing.js";
import { HANDOVER, NOTE, STATUS, TEST, VALUES, encodeStatement } from "./sign/statement.js";
import { EvidenceError, hex, unhex } from "./verify/evidence.js";
import { t, worded } from "./words.js";

const STAGES = ["", "original", "repaired", "reused", "repurposed", "remanufactured", "waste", "recycled"];
const SALT_BYTES = 16;
const MAX_CONSENT_BYTES = 512;
const RENEW_TIMEOUT_MS = 10_000;
const byId = (id) => document.getElementById(id);
const now = () => byId("now").dataset;
const passportId = () => unhex(now().passport);
const head = () => unhex(now().head);
const rows = new ValueRows(byId("rows"), byId("attributes"), byId("group"));
const names = {
  groupWords: (group) => byId("group").querySelector(`option[value="${group}"]`).textContent,
  nameOf: (key) => rows.nameOf(key),
};
let signer = null;

// ---- what each form says

const BODIES = {
  "stage-form": ({ stage, text, evidence }) => {
    const said = { after: head(), stage: STAGES.indexOf(stage.value), text: typed(text.value) };
    return { kind: STATUS, ...said, evidence: records(evidence.value) };
  },
  "note-form": ({ kind, day, text, evidence }) => {
    if (!typed(text.value)) throw new InputError("a note has words");
    const said = { noteKind: Number(kind.value), atUnixMs: unixMs(day.value, Date.now()), text: typed(text.value) };
    return { kind: NOTE, ...said, evidence: records(evidence.value) };
  },
  "test-form": ({ capacity, spread, day, method }) => {
    if (!typed(method.value)) throw new InputError("a test says which it is");
    const found = { capacityCpct: percent(capacity.value), spreadCpct: percent(spread.value) };
    return { kind: TEST, ...found, method: typed(method.value), atUnixMs: unixMs(day.value, Date.now()) };
  },
  "handover-form": async ({ consent }) => {
    const [file] = consent.files;
    if (file.size > MAX_CONSENT_BYTES) throw new InputError("this is no consent: the file is too large");
    const content = new Uint8Array(await file.arrayBuffer());
    const operator = await readConsent(content, passportId(), head());
    return { kind: HANDOVER, after: head(), operator, consent: content };
  },
  "values-form": async ({ group }) => ({ kind: VALUES, group: Number(group.value), ...(await rows.read()) }),
};

// ---- one act: built, confirmed, signed, handed in

async function act(form) {
  const result = form.querySelector(".result");
  result.replaceChildren();
  const own = signer;
  if (!own) return say(result, "bad", t("Choose your key file first."));
  try {
    await (form.id === "consent-form" ? consent(own, result) : state(form, own, result));
  } catch (error) {
    if (error instanceof EvidenceError) return sayRefused(result, error);
    if (error instanceof InputError) return say(result, "bad", worded(error.message));
    say(result, "bad", t("Nothing was signed, for a fault of this page:"), " ", worded(error.message));
    throw error;
  }
}

async function state(form, own, result) {
  const salt = crypto.getRandomValues(new Uint8Array(SALT_BYTES));
  const body = await BODIES[form.id](form.elements);
  const payload = encodeStatement({ salt, issuedUnixMs: Date.now(), passportId: passportId(), ...body });
  if (!(await confirmed(rowsOfStatement(payload, own.publicKey, names), true))) {
    return say(result, "", t("Nothing was signed."));
  }
  await deliver(await signStatement(payload, own), form, result);
}

async function deliver(content, form, result) {
  say(result, "", t("handing in"));
  const { index, reason, detail, unsure } = await handIn(content);
  if (index !== undefined) {
    say(result, "good", "✔ ", t(`Stated: it is entry ${index} of the service's log.`));
    form.reset();
    if (form.id === "values-form") rows.clear();
    await renew(result);
  } else if (unsure) {
    const again = made("button", { type: "button", className: "press" }, t("hand it in again"));
    again.addEventListener("click", () => deliver(content, form, result));
    const words =
      t("It is signed, and nobody knows whether it was taken. It can be handed in again: it is taken once.");
    say(result, "bad", words, " ", worded(unsure), made("br", {}), again);
  } else sayRefused(result, { reason, detail });
}

async function consent(own, result) {
  const [passport, newest] = [passportId(), head()];
  if (!(await confirmed(rowsOfConsent(passport, newest, own.publicKey), false))) {
    return say(result, "", t("Nothing was signed."));
  }
  const content = await signConsent(passport, newest, own);
  const link = made("a", { download: `take-over-${now().passport.slice(0, 8)}.cose` }, t("save the consent"));
  link.href = URL.createObjectURL(new Blob([content], { type: "application/cose" }));
  const words = t("Signed. Save the file, give it to who is responsible now, and tell them your public key:");
  say(result, "good", "✔ ", words, " ", made("code", {}, hex(own.publicKey)), made("br", {}), link);
  link.focus();
}

/** Shows what will be signed, and waits for the visitor's word. */
function confirmed(shown, isForEver) {
  const dialog = byId("confirm");
  const terms = shown.flatMap(([label, text]) => [made("dt", {}, label), made("dd", {}, text)]);
  byId("confirm-rows").replaceChildren(...terms);
  byId("confirm-note").hidden = !isForEver;
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "sign"), { once: true });
  });
}

// ---- what is told

function say(place, className, ...content) {
  place.replaceChildren(made("p", { className }, ...content));
}

/** Why, what to do about it, and the service's own words. */
function sayRefused(place, { reason, detail }) {
  const known = byId("refusals").content.querySelector(`[data-reason="${CSS.escape(reason)}"]`);
  const words = [worded(detail)];
  if (known) words.unshift(...known.cloneNode(true).childNodes, made("br", {}));
  say(place, "bad", "✘ ", t("Refused:"), " ", ...words);
}

/** What the page shows of the passport, as it is now; what somebody is typing stays. */
async function renew(result) {
  try {
    const signal = AbortSignal.timeout(RENEW_TIMEOUT_MS);
    const answer = await fetch(location.pathname + location.search, { signal });
    if (!answer.ok) throw new Error(String(answer.status));
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const id of ["now", "stages"]) byId(id).replaceWith(page.getElementById(id));
    sayWhose();
  } catch {
    result.append(made("p", { className: "bad" }, t("Reload this page before you state more.")));
  }
}

// ---- the key

async function takeKey({ target }) {
  const [file] = target.files;
  if (!file) return;
  signer = null;
  try {
    signer = await readKey(file);
  } catch (error) {
    say(byId("key-found"), "bad", worded(error.message));
  }
  target.value = "";
  byId("forget").hidden = !signer;
  if (signer) sayWhose();
}

function sayWhose() {
  if (!signer) return;
  const isOperator = hex(signer.publicKey) === now().operator;
  const words = isOperator
    ? t("the key of who is responsible for this passport")
    : t("not the key of who is responsible: it can take over, and an assessor's can state tests and values");
  say(byId("key-found"), isOperator ? "good" : "", made("code", {}, hex(signer.publicKey)), " ", words);
}

function forget() {
  signer = null;
  byId("forget").hidden = true;
  byId("key-found").replaceChildren();
  byId("key").focus();
}

async function begin() {
  const reason = await whyUnableToSign();
  if (reason) {
    byId("unable").replaceChildren(worded(reason), " ", t("The same is done on your own machine by:"));
    return;
  }
  byId("commands").hidden = true;
  byId("forms").hidden = false;
  byId("key").addEventListener("change", takeKey);
  byId("forget").addEventListener("click", forget);
  byId("confirm-sign").addEventListener("click", () => byId("confirm").close("sign"));
  byId("confirm-cancel").addEventListener("click", () => byId("confirm").close(""));
  byId("more").addEventListener("click", () => rows.add().focus());
  byId("group").addEventListener("change", () => rows.clear());
  rows.clear();
  for (const form of document.querySelectorAll("#forms form")) {
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      if (form.dataset.busy) return; // a button that is disabled would lose the focus of who uses a keyboard
      form.dataset.busy = "yes";
      await act(form).finally(() => { delete form.dataset.busy; });
    });
  }
}

begin();
