// Keeps the page live: new values each second, whole sections when records came, ages that go on when nothing comes.
"use strict";

const live = document.getElementById("live");
const offline = document.getElementById("offline");
const SECTIONS = ["banner", "verdict", "health", "side", "alarms", "now", "able", "cells", "life", "claims", "complete", "records", "refusals", "sources"];
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
  for (const element of live.querySelectorAll("[data-value]")) write(element, data.values[element.dataset.value].text);
  for (const element of live.querySelectorAll("[data-age]")) {
    write(element, words((data.values[element.dataset.age].age_ms ?? 0) + sinceMs));
  }
  for (const element of live.querySelectorAll("[data-silence]")) {
    write(element, words((data.logs[element.dataset.silence]?.silent_ms ?? 0) + sinceMs));
  }
}

async function replaceSections() {
  const answer = await fetch(location.pathname, { signal: AbortSignal.timeout(5000) });
  if (!answer.ok) throw new Error(answer.status);
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  for (const id of SECTIONS) {
    const [old, fresh] = [document.getElementById(id), page.getElementById(id)];
    if (!fresh || old.innerHTML === fresh.innerHTML && old.className === fresh.className) continue;
    const open = old.querySelector("details")?.open;
    old.replaceWith(fresh);
    if (open) fresh.querySelector("details")?.setAttribute("open", "");
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
    write(offline.querySelector("span"), words(Date.now() - heardMs));
  }
  if (data) show();
  setTimeout(tick, 1000);
}

tick();
