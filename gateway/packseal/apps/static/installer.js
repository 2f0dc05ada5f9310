// Keeps the installer's page live: looks every two seconds, and replaces the sections that have changed.

const SECTIONS = ["problems", "packs", "outbox"];
const EVERY_MS = 2000;
const TIMEOUT_MS = 5000;
const offline = document.getElementById("offline");

async function look() {
  const answer = await fetch(location.href, { signal: AbortSignal.timeout(TIMEOUT_MS) });
  if (!answer.ok) throw new Error(answer.status);
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  for (const id of SECTIONS) {
    const [old, next] = [document.getElementById(id), fresh.getElementById(id)];
    if (next && old.innerHTML !== next.innerHTML) old.replaceWith(next);
  }
}

async function turn() {
  try {
    if (!document.hidden) await look();
    offline.hidden = true;
  } catch {
    offline.hidden = false;
  }
  setTimeout(turn, EVERY_MS);
}

setTimeout(turn, EVERY_MS);
