// Keeps the page live: new values each second, whole sections when records came, ages that go on when nothing comes.

import { t } from "./words.js";

const live = document.getElementById("live");
const offline = document.getElementById("offline");
const SECTIONS = [
  "banner", "verdict", "status", "health", "side", "alarms", "now", "able", "cells", "histograms", "life", "events",
  "claims", "complete", "records", "refusals", "sources",
];
const PLOT_EVERY_MS = 10000;
let data = null;
let heardMs = Date.now();
let plottedMs = Date.now();

function words(ageMs) {
  const seconds = Math.floor(ageMs / 1000);
  for (const [size, unit] of [[86400, "d"], [3600, "h"], [60, "min"]]) {
    if (seconds >= 2 * size) return `${Math.floor(seconds / size)} ${unit}`;
  }
  return `${seconds} s`;
}

function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function show() {
  const sinceMs = Date.now() - heardMs;
  for (const element of live.querySelectorAll("[data-age]")) {
    write(element, t(`${words((data.values[element.dataset.age].age_ms ?? 0) + sinceMs)} ago`));
  }
  for (const element of live.querySelectorAll("[data-silence]")) {
    const silence = words((data.logs[element.dataset.silence]?.silent_ms ?? 0) + sinceMs);
    write(element, t(`last heard of ${silence} ago`));
  }
}

/** What a reader has opened stays open. */
function keepOpen(old, fresh) {
  for (const details of old.querySelectorAll("details[open][data-key]")) {
    fresh.querySelector(`details[data-key="${details.dataset.key}"]`)?.setAttribute("open", "");
  }
}

/** Who goes through the page by keyboard stays where they are. */
function pathTo(section, element) {
  const path = [];
  for (let one = element; one !== section; one = one.parentElement) {
    path.unshift([...one.parentElement.children].indexOf(one));
  }
  return path;
}

const at = (section, path) => path.reduce((element, place) => element?.children[place], section);

async function replaceSections() {
  const answer = await fetch(location.pathname + location.search, { signal: AbortSignal.timeout(5000) });
  if (!answer.ok) throw new Error(answer.status);
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  for (const id of SECTIONS) {
    const [old, fresh] = [document.getElementById(id), page.getElementById(id)];
    if (!fresh || old.innerHTML === fresh.innerHTML && old.className === fresh.className) continue;
    keepOpen(old, fresh);
    const focused = old.contains(document.activeElement) ? pathTo(old, document.activeElement) : null;
    old.replaceWith(fresh);
    if (focused) at(fresh, focused)?.focus({ preventScroll: true });
  }
  if (Date.now() - plottedMs < PLOT_EVERY_MS) return;
  plottedMs = Date.now();
  for (const image of document.querySelectorAll("#plots img")) {
    const source = new URL(image.src);
    source.searchParams.set("at", plottedMs);
    image.src = source;
  }
}

async function tick() {
  try {
    const answer = await fetch(live.dataset.source, { signal: AbortSignal.timeout(5000) });
    if (!answer.ok) throw new Error(answer.status);
    const before = JSON.stringify(data?.stamp);
    data = await answer.json();
    heardMs = Date.now();
    if (JSON.stringify(data.stamp) !== before) await replaceSections();
    offline.hidden = true;
  } catch {
    offline.hidden = false;
    write(offline.querySelector("span"), t(words(Date.now() - heardMs)));
  }
  if (data) show();
  setTimeout(tick, 1000);
}

tick();
