// Blinded entries: made from an open entry and its seed, or partly shown by a disclosure (docs/record.md section 4).

import { encode, isInt, isPlain } from "./cbor.js";
import { readShown } from "./entries.js";
import { EvidenceError, areSame, isBytes, isDigest, joined, malformed, sha256 } from "./evidence.js";
import { HASHED_NAMES, SOH, WINDOW, isSigned } from "./fields.js";
import { leafHash, rootOf, rootOfSome } from "./merkle.js";

export const SALT_BYTES = 16;
const LEAVES = 16;
const MAX_BLOCKS = 1024;
const [CELLS, CELL_SALT] = [6, 16];
const CHAINS = [14, 15]; // soh_capacity_cpct is at least, is at most
const CHAIN_SEEDS = [17, 18];
const MAX_STEPS = 255;
const STEP_CPCT = 50;
const MORE = { [WINDOW]: [3], [SOH]: [4, 5] }; // keys of a disclosure: cells; bounds

const saltedLeaf = (salt, key, value) => leafHash(joined(salt, encode([key, value])));
const step = (link) => sha256(joined([2], link));

/** The bytes that were signed for, of an open WINDOW, SOH or ESTIMATE: the same up to the body, then the root. */
export async function blindedEntry(content, { type, fields, body }, seed) {
  const derive = await deriver(seed);
  const values = new Map(fields);
  if (fields.has(CELLS) && type === WINDOW) values.set(CELLS, await cellRoot(body.cell_mv, derive));
  if (type === SOH) {
    const ends = await chainEnds(BigInt(body.soh_capacity_cpct[0]), derive);
    CHAINS.forEach((key, index) => values.set(key, ends[index]));
  }
  const root = await rootOf(await saltedLeaves(LEAVES, (key) => [key], (key) => values.get(key) ?? null, derive));
  const head = content.subarray(0, content.length - encode(fields).length);
  return joined(head, encode(root));
}

const cellRoot = async (cells, derive) =>
  rootOf(await saltedLeaves(cells.length, cellSaltName, (block) => cells[block], derive));
const cellSaltName = (block) => [CELL_SALT, block >> 8, block & 255];

async function saltedLeaves(count, name, value, derive) {
  const leaf = async (_, key) => saltedLeaf((await derive(name(key))).slice(0, SALT_BYTES), key, value(key));
  return Promise.all(Array.from({ length: count }, leaf));
}

async function chainEnds(soh_capacity_cpct, derive) {
  const size = BigInt(STEP_CPCT);
  const [down, up] = [soh_capacity_cpct / size, (soh_capacity_cpct + size - 1n) / size];
  const counts = [atMost(down), MAX_STEPS - atMost(up)];
  return Promise.all(CHAIN_SEEDS.map(async (name, index) => stepped(await derive([name]), counts[index])));
}

const atMost = (number) => (number > MAX_STEPS ? MAX_STEPS : Number(number));

async function stepped(link, count) {
  let end = link;
  for (let done = 0; done < count; done++) end = await step(end);
  return end;
}

/** HMAC-SHA-256 under the record seed. */
async function deriver(seed) {
  const key = await crypto.subtle.importKey("raw", seed, { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
  return async (name) => new Uint8Array(await crypto.subtle.sign("HMAC", key, Uint8Array.from(name)));
}

/** {shown, hashes, cells, bounds} of a disclosure of an entry of this type. Throws EvidenceError "malformed". */
export function decodeDisclosure(map, type) {
  const allowed = [1, 2, ...(MORE[type] ?? [])];
  if (![...map.keys()].every((key) => allowed.includes(key))) throw malformed(`a disclosure of type ${type} with more`);
  const shown = decodeShown(map.get(1), LEAVES, isPlain);
  for (const one of shown) [one.name, one.read] = readShown(type, one.key, one.value);
  return {
    shown,
    hashes: decodeHashes(map.get(2)),
    cells: map.has(3) ? decodeCells(map.get(3)) : null,
    bounds: [4, 5].map((key) => (map.has(key) ? decodeBound(map.get(key)) : null)),
  };
}

function decodeShown(rows, count, isValue) {
  const isRow = (row) => Array.isArray(row) && row.length === 3 && isInt(row[0]) && isBytes(row[2]);
  if (!Array.isArray(rows) || !rows.every(isRow)) throw malformed("what is shown is [key, value, salt]");
  rows.forEach(([key, value, salt], index) => {
    const least = index ? rows[index - 1][0] + 1 : 0;
    if (key < least || key >= count) throw malformed(`shown leaf ${key} is out of order or beyond ${count - 1}`);
    if (salt.length !== SALT_BYTES || !isValue(value)) throw malformed(`shown leaf ${key} is not of its kind`);
  });
  return rows.map(([key, value, salt]) => ({ key, value, salt }));
}

function decodeHashes(hashes) {
  if (!Array.isArray(hashes) || !hashes.every(isDigest)) throw malformed("a disclosure's hashes are 32 bytes each");
  return hashes;
}

function decodeCells(cells) {
  const [blocks, rows, hashes, ...more] = Array.isArray(cells) ? cells : [];
  const isShaped = isInt(blocks) && blocks >= 1 && blocks <= MAX_BLOCKS && !more.length;
  if (!isShaped) throw malformed("shown cells are [blocks, [shown], [hash]]");
  const shown = decodeShown(rows, blocks, (value) => value === null || isSigned(value));
  return { blocks, shown, hashes: decodeHashes(hashes) };
}

function decodeBound(bound) {
  const isShaped = Array.isArray(bound) && bound.length === 2 && isInt(bound[0]) && isDigest(bound[1]);
  if (!isShaped) throw malformed("a bound is [steps, link]");
  return { steps: bound[0], link: bound[1] };
}

/** {values, cells, atLeastCpct, atMostCpct} of what a disclosure shows of the entry with this root.
 *
 * values: by name, null where the record says that it is not available. cells: Map from block to millivolt or null.
 * Throws EvidenceError "bad-disclosure", "bad-threshold".
 */
export async function verifyDisclosure({ shown, hashes, cells, bounds }, { type, root }) {
  await verifyShown(shown, hashes, LEAVES, root);
  const field = (key) => shown.find((one) => one.key === key)?.value;
  if (cells) await verifyShown(cells.shown, cells.hashes, cells.blocks, field(CELLS));
  for (const [index, bound] of bounds.entries()) {
    if (bound) await verifyBound(bound, field(CHAINS[index]));
  }
  const named = shown.filter(({ name }) => name && !HASHED_NAMES[type].includes(name));
  const [least, most] = bounds;
  return {
    values: Object.fromEntries(named.map(({ name, read }) => [name, read])),
    cells: new Map((cells?.shown ?? []).map(({ key, value }) => [key, value])),
    atLeastCpct: least && STEP_CPCT * least.steps,
    atMostCpct: most && STEP_CPCT * (MAX_STEPS - most.steps),
  };
}

async function verifyShown(shown, hashes, count, root) {
  const known = new Map();
  for (const { key, value, salt } of shown) known.set(key, await saltedLeaf(salt, key, value));
  const found = await rootOfSome(known, hashes, count);
  if (!isDigest(root) || !areSame(found, root)) {
    throw new EvidenceError("bad-disclosure", "what is shown is not what was signed for");
  }
}

async function verifyBound({ steps, link }, end) {
  const isInRange = steps >= 1 && steps <= MAX_STEPS;
  const isEnd = isInRange && isDigest(end) && areSame(await stepped(link, steps), end);
  if (!isEnd) throw new EvidenceError("bad-threshold", `${steps} steps from the link do not end where was signed for`);
}
