// Adds a button beside each record that checks its proof in the visitor's browser, and a check of files taken away.
//
// The page works without it. Nothing of what it finds is sent anywhere.

import { whyUnable } from "./verify/ed25519.js";
import { TYPE_NAMES } from "./verify/entries.js";
import { hex } from "./verify/evidence.js";
import { CLASSES, readPolicy } from "./verify/policy.js";
import { EvidenceError, verifyBundle } from "./verify/verifier.js";

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
  return ownPolicy ?? readPolicy(await (await fetched(section.dataset.policy)).json());
}

async function bytesOf(file) {
  if (file.size > MAX_FILE_BYTES) throw new Error(`${file.name} is no file of this kind: it is larger than a megabyte`);
  return new Uint8Array(await file.arrayBuffer());
}

/** {mark, words, read}: ✔ holds, ✘ does not, – could not be checked. */
async function checked(bytes, asked) {
  try {
    const record = await verifyBundle(await bytes(), await policy());
    if (asked && (record.logId !== asked.logId || String(record.seq) !== asked.seq)) {
      return { mark: "✘", words: `a good proof, but of record ${record.seq} of log ${record.logId.slice(0, 8)}` };
    }
    return { mark: "✔", words: wordsOf(record), read: record };
  } catch (error) {
    if (error instanceof EvidenceError) return { mark: "✘", words: error.message };
    return { mark: "–", words: `not checked: ${error.message}` };
  }
}

function wordsOf(record) {
  const name = `record ${record.seq} of ${record.size} of battery ${record.battery}`;
  return `${name} is what its key signed, class ${record.evidenceClass}, stored by ${timeOf(record.receivedUnixMs)}`;
}

function timeOf(unixMs) {
  const time = new Date(Number(unixMs));
  return Number.isNaN(time.getTime()) ? `${unixMs} ms` : `${time.toISOString().slice(0, 19).replace("T", " ")} UTC`;
}

function made(tag, className, ...content) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  element.append(...content);
  return element;
}

function shown(value) {
  if (value instanceof Uint8Array) return hex(value);
  return Array.isArray(value) ? value.map((one) => one ?? "–").join(", ") : String(value);
}

/** What the check read in the signed bytes, beside what the page says of them. */
function listed(record) {
  const list = made("dl");
  const type = TYPE_NAMES[record.type] ?? record.type;
  const head = { type, uptime_ms: record.uptimeMs, evidence: CLASSES[record.evidenceClass] };
  for (const [name, value] of Object.entries({ ...head, ...record.body })) {
    list.append(made("dt", "", name), made("dd", "", shown(value)));
  }
  return list;
}

function view(result) {
  const className = { "✔": "found holds", "✘": "found fails" }[result.mark] ?? "found";
  const line = `${result.mark} ${result.words}`;
  if (!result.read) return made("p", className, line);
  const details = made("details", className, made("summary", "", line), listed(result.read));
  details.open = Boolean(result.isOpen);
  details.addEventListener("toggle", () => { result.isOpen = details.open; });
  return details;
}

/** Puts button and result into each row that has none yet. */
function dress() {
  for (const link of document.querySelectorAll("#records .take a")) {
    const row = link.closest("tr");
    if (!row.querySelector(".press")) {
      const button = made("button", "press", "check here");
      button.type = "button";
      button.setAttribute("aria-label", `check record ${seqOf(link.href).seq} here`);
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
  section.querySelector(".unseen").textContent = `${result.mark} ${result.words}`; // for who hears the page
}

async function checkFile({ target }) {
  const [file] = target.files;
  target.value = "";
  if (!file) return;
  const result = await checked(() => bytesOf(file));
  if (result.read) result.isOpen = true;
  fileFound.replaceChildren(view({ ...result, words: `${file.name}: ${result.words}` }));
}

async function takePolicy({ target }) {
  const [file] = target.files;
  target.value = "";
  if (!file) return;
  try {
    ownPolicy = readPolicy(JSON.parse(new TextDecoder().decode(await bytesOf(file))));
    document.getElementById("check-trusts").textContent = `your file ${file.name}; the program still from this service`;
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
    unable.textContent = reason;
    unable.hidden = false;
    return;
  }
  document.getElementById("check-file").addEventListener("change", checkFile);
  document.getElementById("check-policy").addEventListener("change", takePolicy);
  new MutationObserver(dress).observe(document.getElementById("live"), { childList: true });
  dress();
}

begin();
