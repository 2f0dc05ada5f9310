// JSON that every reader reads alike: what JSON.parse takes, but no name twice in one object, of which readers take the
// first or the last, and no number with a point or an exponent, which some read as an integer and some do not.

const STRING = /"[^"\\]*(?:\\.[^"\\]*)*"/;
const TOKEN = new RegExp(`(${STRING.source})(\\s*:)?|[{}[\\]]|-?[0-9][^\\s,\\]}]*`, "g");

/** Throws SyntaxError. */
export function parseOnce(text) {
  const value = JSON.parse(text);
  const open = []; // the names so far of each object or array that the token stands in
  for (const [token, string, colon] of text.matchAll(TOKEN)) {
    if (token === "{" || token === "[") open.push(new Set());
    else if (token === "}" || token === "]") open.pop();
    else if (colon) addOnce(open.at(-1), JSON.parse(string));
    else if (!string && /[.eE]/.test(token)) throw new SyntaxError(`${token} is no integer without point or exponent`);
  }
  return value;
}

function addOnce(names, name) {
  if (names.has(name)) throw new SyntaxError(`"${name}" stands twice in one object`);
  names.add(name);
}
