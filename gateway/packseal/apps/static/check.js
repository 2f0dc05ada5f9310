// Adds a button beside each record that checks its proof in the visitor's browser, and a check of files taken away.
//
// The page works without it. Nothing of what it finds is sent anywhere.

import { whyUnable } from "./verify/ed25519.js";
import { parsePolicy } from "./verify/policy.js";
import { reportOf } from "./verify/report.js";
import { EvidenceError, verifyBundle } from "./verify/verifier.js";
import { t, worded } from "./words.js";

const section = document.getElementById("check");
const fileFound = document.getElementById("check-found");
const TIMEOUT_MS = 10000;
const MAX_FILE_BYTES = 1 << 20;
const found = new Map(); // address of a record's proof: what its check found; page.js replaces the rows themselves
let ownPolicy = null;

async function fetched(address) {
  const answer = await fetch(address, { signal: AbortSignal.timeout(TIMEOUT_MS) });
  if (!answer.ok) throw new Error(`this service has no ${address.split("/").at(-1)} (${answer.status})`);
  return answer;
}

async function policy() {
  return ownPolicy ?? parsePolicy(new Uint8Array(await (await fetched(section.dataset.policy)).arrayBuffer()));
}

async function bytesOf(file) {
  if (file.size > MAX_FILE_BYTES) throw new Error(`${file.name} is no file of this kind: it is larger than a megabyte`);
  return new Uint8Array(await file.arrayBuffer());
}

/** {mark, words, report}: ✔ holds, ✘ does not, – could not be checked. */
async function checked(bytes, asked) {
  try {
    const record = await verifyBundle(await bytes(), await policy());
    if (asked && (record.logId !== asked.logId || String(record.seq) !== asked.seq)) {
      return { mark: "✘", words: `a good proof, but of record ${record.seq} of log ${record.logId.slice(0, 8)}` };
    }
    const report = reportOf(record);
    return { mark: "✔", words: report.headline, report };
  } catch (error) {
    if (error instanceof EvidenceError) return { mark: "✘", words: error.message };
    return { mark: "–", words: `not checked: ${error.message}` };
  }
}

function made(tag, className, ...content) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  element.append(...content);
  return element;
}

/** What was checked and by whose word, when the record was made, what it says, and what nothing here proves. */
function listed({ checked, made: when, values, notProven }) {
  const steps = checked.map(({ what, by }) => made("li", "", worded(what), " ", made("small", "", worded(`says ${by}`))));
  const terms = values.flatMap(([name, text]) => [made("dt", "", name), made("dd", "", t(text))]);
  const open = notProven.map((text) => made("li", "", worded(text)));
  return [
    made("ol", "note strong", ...steps),
    made("p", "note strong", worded(`The record was ${when}.`)),
    made("dl", "", ...terms),
    made("p", "note", t("Not proven:")),
    made("ul", "note unproven", ...open),
  ];
}

function view(result) {
  const className = { "✔": "found holds", "✘": "found fails" }[result.mark] ?? "found";
  const line = [...(result.file ? [`${result.file}: `] : []), `${result.mark} `, worded(result.words)];
  if (!result.report) return made("p", className, ...line);
  const details = made("details", className, made("summary", "", ...line), ...listed(result.report));
  details.open = Boolean(result.isOpen);
  details.addEventListener("toggle", () => { result.isOpen = details.open; });
  return details;
}

/** Puts button and result into each row that has none yet. */
function dress() {
  for (const link of document.querySelectorAll("#records .take a")) {
    const row = link.closest("tr");
    if (!row.querySelector(".press")) {
      const button = made("button", "press", t("check here"));
      button.type = "button";
      button.setAttribute("aria-label", t(`check record ${seqOf(link.href).seq} here`));
      button.addEventListener("click", () => check(link.href));
      link.after(button);
    }
    const result = found.get(link.href);
    row.querySelector(".press").disabled = result?.mark === "…";
    row.querySelector(".found")?.remove();
    if (result) row.querySelector(".says").append(view(result));
  }
}

function seqOf(address) {
  const [logId, name] = new URL(address).pathname.split("/").slice(-2);
  return { logId, seq: name.replace(".bundle", "") };
}

async function check(address) {
  found.set(address, { mark: "…", words: "checking" });
  dress();
  const bytes = async () => new Uint8Array(await (await fetched(address)).arrayBuffer());
  const result = await checked(bytes, seqOf(address));
  found.set(address, result);
  dress();
  section.querySelector(".unseen").textContent = `${result.mark} ${t(result.words)}`; // for who hears the page
}

async function checkFile({ target }) {
  const [file] = target.files;
  target.value = "";
  if (!file) return;
  const result = await checked(() => bytesOf(file));
  if (result.report) result.isOpen = true;
  fileFound.replaceChildren(view({ ...result, file: file.name }));
}

async function takePolicy({ target }) {
  const [file] = target.files;
  target.value = "";
  if (!file) return;
  try {
    ownPolicy = parsePolicy(await bytesOf(file));
    document.getElementById("check-trusts").textContent = t(`your file ${file.name}; the program still from this service`);
    found.clear();
    dress();
    fileFound.replaceChildren();
  } catch (error) {
    fileFound.replaceChildren(view({ mark: "–", words: `${file.name} is not taken: ${error.message}` }));
  }
}

async function begin() {
  const reason = await whyUnable();
  section.hidden = false;
  if (reason) {
    section.querySelector(".able").hidden = true;
    const unable = section.querySelector(".unable");
    unable.replaceChildren(worded(reason));
    unable.hidden = false;
    return;
  }
  document.getElementById("check-file").addEventListener("change", checkFile);
  document.getElementById("check-policy").addEventListener("change", takePolicy);
  new MutationObserver(dress).observe(document.getElementById("live"), { childList: true });
  dress();
}

begin();
