// Forms of statements about a passport: each is built here, shown in words, signed with the visitor's key when he says
// so, and handed in. The key never leaves this program, and without a confirmation nothing is signed.

import { newPassportId, readFirst, readSecond } from "./sign/creating.js";
import { handIn } from "./sign/hand_in.js";
import { consentOf, passport, percent, records, typed, unixMs } from "./sign/input.js";
import { whyUnableToSign } from "./sign/key.js";
import { KeyChoice } from "./sign/key_choice.js";
import { keyOf } from "./sign/look_up.js";
import { OriginalRows } from "./sign/originals.js";
import { InputError } from "./sign/problem.js";
import { ValueRows, made } from "./sign/rows.js";
import { rowsOfConsent, rowsOfStatement } from "./sign/said.js";
import { readConsent, signConsent, signStatement } from "./sign/signing.js";
import { CREATE, HANDOVER, NOTE, STATUS, TEST, VALUES, encodeStatement } from "./sign/statement.js";
import { say, sayRefused } from "./sign/telling.js";
import { EvidenceError, hex, unhex } from "./verify/evidence.js";
import { t, worded } from "./words.js";

const STAGES = ["", "original", "repaired", "reused", "repurposed", "remanufactured", "waste", "recycled"];
const SALT_BYTES = 16;
const RENEW_TIMEOUT_MS = 10_000;
const byId = (id) => document.getElementById(id);
const now = () => byId("now").dataset;
const passportId = () => unhex(now().passport);
const head = () => unhex(now().head);
const life = () => ({ passportId: passportId(), head: head(), operator: keyOf(now().operator) });
const refuse = (place, error) => sayRefused(place, error, byId("refusals"));
const key = new KeyChoice(
  { input: byId("key"), found: byId("key-found"), forget: byId("forget") }, () => byId("now")?.dataset.operator ?? "",
);
const rows = new ValueRows(byId("rows"), byId("attributes"), byId("group"));
const originals = new OriginalRows(byId("originals"));
const names = {
  groupWords: (group) => byId("group").querySelector(`option[value="${group}"]`).textContent,
  nameOf: (attribute) => rows.nameOf(attribute),
};

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
    const content = await consentOf(consent);
    const operator = await readConsent(content, passportId(), head());
    return { kind: HANDOVER, after: head(), operator, consent: content };
  },
  "values-form": async ({ group }) => ({ kind: VALUES, group: Number(group.value), ...(await rows.read()) }),
  "create-form": (fields, own) => readFirst(fields, own),
  "second-form": (fields, own) => readSecond(fields, own, life(), originals.fields()),
};

// ---- one act: built, confirmed, signed, handed in

async function act(form) {
  const result = form.querySelector(".result");
  result.replaceChildren();
  const own = key.signer;
  if (!own) return say(result, "bad", t("Choose your key file first."));
  try {
    await (form.id === "consent-form" ? consent(form, own, result) : state(form, own, result));
  } catch (error) {
    if (error instanceof EvidenceError) return refuse(result, error);
    if (error instanceof InputError) return say(result, "bad", worded(error.message));
    say(result, "bad", t("Nothing was signed, for a fault of this page:"), " ", worded(error.message));
    throw error;
  }
}

async function state(form, own, result) {
  const salt = crypto.getRandomValues(new Uint8Array(SALT_BYTES));
  const body = await BODIES[form.id](form.elements, own);
  const about = body.passportId ?? passportId();
  const payload = encodeStatement({ salt, issuedUnixMs: Date.now(), ...body, passportId: about });
  if (!(await confirmed(rowsOfStatement(payload, own.publicKey, names), true))) {
    return say(result, "", t("Nothing was signed."));
  }
  const created = body.kind === CREATE ? hex(about) : "";
  await deliver(await signStatement(payload, own), form, result, created);
}

/** created: the id of the new passport, in hexadecimal digits; "" where the statement is about one that is here. */
async function deliver(content, form, result, created) {
  say(result, "", t("handing in"));
  const { index, reason, detail, unsure } = await handIn(content);
  if (index !== undefined) {
    say(result, "good", "✔ ", t(`Stated: it is entry ${index} of the service's log.`));
    if (created) result.append(linkTo(created));
    form.reset();
    if (form.id === "values-form") rows.clear();
    if (form.id === "second-form") originals.clear();
    if (byId("now")) await renew(result);
  } else if (unsure) {
    const again = made("button", { type: "button", className: "press" }, t("hand it in again"));
    again.addEventListener("click", () => deliver(content, form, result, created));
    const words =
      t("It is signed, and nobody knows whether it was taken. It can be handed in again: it is taken once.");
    say(result, "bad", words, " ", worded(unsure), made("br", {}), again);
  } else refuse(result, { reason, detail });
}

const linkTo = (created) =>
  made("p", {}, made("a", { href: `/battery/${created}${location.search}` }, t("Look at the new passport")));

async function consent(form, own, result) {
  const isTaking = !form.elements.successor.value.trim();
  const to = isTaking ? own.publicKey : passport(form.elements.successor.value);
  if (!isTaking && hex(own.publicKey) !== now().operator) {
    throw new InputError("to a new passport, who is responsible for this one consents; choose that key file");
  }
  const [about, newest] = [passportId(), head()];
  if (!(await confirmed(rowsOfConsent(about, newest, to, own.publicKey), false))) {
    return say(result, "", t("Nothing was signed."));
  }
  const content = await signConsent(about, newest, to, own);
  const file = isTaking ? `take-over-${now().passport.slice(0, 8)}` : `second-life-${hex(to).slice(0, 8)}`;
  const link = made("a", { download: `${file}.cose` }, t("save the consent"));
  link.href = URL.createObjectURL(new Blob([content], { type: "application/cose" }));
  const words = isTaking
    ? t("Signed. Save the file, give it to who is responsible now, and tell them your public key:")
    : t("Signed. Save the file, and give it to who makes the new passport. Your public key:");
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

// ---- the page

/** What the page shows of the passport, as it is now; what somebody is typing stays. */
async function renew(result) {
  try {
    const signal = AbortSignal.timeout(RENEW_TIMEOUT_MS);
    const answer = await fetch(location.pathname + location.search, { signal });
    if (!answer.ok) throw new Error(String(answer.status));
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const id of ["now", "stages"]) byId(id).replaceWith(page.getElementById(id));
    byId("second-life").hidden = page.getElementById("second-life").hidden;
    key.sayWhose();
  } catch {
    result.append(made("p", { className: "bad" }, t("Reload this page before you state more.")));
  }
}

async function begin() {
  const reason = await whyUnableToSign();
  if (reason) {
    byId("unable").replaceChildren(worded(reason), " ", t("The same is done on your own machine by:"));
    return;
  }
  byId("commands").hidden = true;
  byId("forms").hidden = false;
  byId("confirm-sign").addEventListener("click", () => byId("confirm").close("sign"));
  byId("confirm-cancel").addEventListener("click", () => byId("confirm").close(""));
  if (byId("now")) beginLife();
  for (const form of document.querySelectorAll("#forms form")) {
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      if (form.dataset.busy) return; // a button that is disabled would lose the focus of who uses a keyboard
      form.dataset.busy = "yes";
      await act(form).finally(() => { delete form.dataset.busy; });
    });
  }
}

/** What only the page of a passport has. */
function beginLife() {
  byId("more").addEventListener("click", () => rows.add().focus());
  byId("group").addEventListener("change", () => rows.clear());
  rows.clear();
  byId("more-originals").addEventListener("click", () => originals.add().focus());
  const newId = byId("second-passport");
  const drawn = () => { newId.defaultValue = hex(newPassportId()); };
  byId("second-form").addEventListener("reset", drawn);
  drawn();
}

begin();
