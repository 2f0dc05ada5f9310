// English texts, as the page's programs make them, in the language of the page: phrases.py says how, and this does the
// same. Where the page is English, or a text has no translation, it stays as it is.

const TIMEOUT_MS = 10000;
const NUMBER = "[±+\\-\\u2212]{0,2} ?\\d[\\d ]*(?:\\.\\d+)?(?:e[+\\-]?\\d+)?";
const UNITS = ["%", "Ah", "kWh", "Wh", "kW", "mΩ", "°C", "V", "A", "mV", "mA", "ms"];
const SEPARATORS = [["; ", 24], [", ", 24], [" and ", 8], [": ", 4], [" ", 6]];
const KINDS = { number: `(${NUMBER})`, digits: "([\\d:.]+)", id: "(\\S+?)", name: "([^]+)" };
const PHRASE = "([^]+?)";
const PLACEHOLDER = /\{([a-z]+)(\d*)\}/g;

const escaped = (text) => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
const AMOUNT = new RegExp(`^(${NUMBER})(?: (${UNITS.map(escaped).join("|")}))?$`);

class Phrases {
  constructor({ messages, reasons, decimal, group }) {
    Object.assign(this, { messages: new Map(Object.entries(messages)), reasons, decimal, group, found: new Map() });
    this.patterns = [...this.messages].filter(([message]) => message.match(PLACEHOLDER)).map(pattern);
    this.patterns.sort((one, other) => other.fixed - one.fixed);
  }

  /** null for what has no translation. */
  translated(english) {
    if (!this.found.has(english)) this.found.set(english, this.made(english));
    return this.found.get(english);
  }

  made(english) {
    if (this.messages.has(english)) return this.messages.get(english);
    const amount = AMOUNT.exec(english);
    if (amount) return this.written(amount[1]) + (amount[2] ? ` ${amount[2]}` : "");
    return this.matched(english) ?? this.listed(english);
  }

  matched(english) {
    for (const { expression, names, needle, text } of this.patterns) {
      const groups = english.includes(needle) ? expression.exec(english) : null;
      if (!groups) continue;
      const parts = Object.fromEntries(names.map((name, place) => [name, this.part(name, groups[place + 1])]));
      if (Object.values(parts).every((part) => part !== null)) return filled(text, parts);
    }
    return null;
  }

  part(name, text) {
    const kind = name.replace(/\d+$/, "");
    if (kind === "number") return this.written(text);
    return kind in KINDS ? text : this.translated(text);
  }

  listed(english) {
    for (const [separator, most] of SEPARATORS) {
      if (english.split(separator).length > most + 1) continue;
      for (let at = english.indexOf(separator); at >= 0; at = english.indexOf(separator, at + 1)) {
        const [first, rest] = [english.slice(0, at), english.slice(at + separator.length)];
        const before = first && rest ? this.translated(first) : null;
        const behind = before ? this.translated(rest) : null;
        if (behind) return before + (this.messages.get(separator) ?? separator) + behind;
      }
    }
    return null;
  }

  written(number) {
    return number.replace(/(?<=\d)[ .]/g, (mark) => (mark === "." ? this.decimal : this.group));
  }
}

function pattern([message, text]) {
  const pieces = message.split(/\{[a-z]+\d*\}/);
  const places = [...message.matchAll(PLACEHOLDER)];
  const kinds = [...places.map((place) => KINDS[place[1]] ?? PHRASE), ""];
  return {
    expression: new RegExp(`^${pieces.map((piece, number) => escaped(piece) + kinds[number]).join("")}$`),
    names: places.map((place) => place[1] + place[2]),
    needle: pieces.reduce((longest, piece) => (piece.length > longest.length ? piece : longest)),
    fixed: pieces.join("").length,
    text,
  };
}

const filled = (text, parts) => text.replace(PLACEHOLDER, (_, kind, number) => parts[kind + number] ?? "");

async function loaded() {
  const address = document.documentElement.dataset.words;
  if (!address) return null;
  try {
    return new Phrases(await (await fetch(address, { signal: AbortSignal.timeout(TIMEOUT_MS) })).json());
  } catch {
    return null;
  }
}

const phrases = await loaded();

/** The text in the page's language. */
export const t = (english) => phrases?.translated(english) ?? english;

/** The same as a node: English that stays is marked as that. Of a refusal, the reason is put into words. */
export function worded(english) {
  const text = phrases ? phrases.translated(english) : english;
  if (text !== null) return document.createTextNode(text);
  const [, reason, detail] = /^([a-z-]+): ([^]*)$/.exec(english) ?? [];
  if (!(reason in phrases.reasons)) return inEnglish(english);
  const both = document.createElement("span");
  both.append(`${phrases.reasons[reason]} (${reason}) `, inEnglish(detail));
  return both;
}

function inEnglish(text) {
  const marked = document.createElement("span");
  marked.lang = "en";
  marked.textContent = text;
  return marked;
}
