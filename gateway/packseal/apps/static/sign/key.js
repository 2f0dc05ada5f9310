// The key of who signs, from the file that `packseal key make` wrote: the 32 bytes of an Ed25519 seed (RFC 8032).
//
// The browser keeps the key where no program of the page can read it again, and the bytes of the file are wiped. Only
// signatures leave this module.

import { whyUnable } from "../verify/ed25519.js";
import { areSame, hex, joined, unhex } from "../verify/evidence.js";
import { InputError } from "./problem.js";

const SEED_BYTES = 32;
const PKCS8_HEAD = unhex("302e020100300506032b657004220420"); // RFC 8410 section 7: before the seed
const ED25519 = { name: "Ed25519" };

/** {publicKey, sign(message)}. file: as an input has it. Throws InputError for a file that is no key. */
export async function readKey(file) {
  if (file.size !== SEED_BYTES) {
    const found = `a key file has ${SEED_BYTES} bytes, and this one has ${file.size}`;
    throw new InputError(`${found}; choose the one that packseal key make wrote`);
  }
  const seed = new Uint8Array(await file.arrayBuffer());
  try {
    return await signerOf(seed);
  } finally {
    seed.fill(0);
  }
}

/** Of the 32 bytes of a seed. */
export async function signerOf(seed) {
  const content = joined(PKCS8_HEAD, seed);
  const readable = await crypto.subtle.importKey("pkcs8", content, ED25519, true, ["sign"]);
  const publicKey = fromBase64((await crypto.subtle.exportKey("jwk", readable)).x);
  const key = await crypto.subtle.importKey("pkcs8", content, ED25519, false, ["sign"]);
  content.fill(0);
  return { publicKey, sign: async (message) => new Uint8Array(await crypto.subtle.sign(ED25519, key, message)) };
}

/** Why this browser cannot sign, in plain words; "" when it can. Asks it for a signature that is known. */
export async function whyUnableToSign() {
  const reason = await whyUnable();
  if (reason) return reason;
  try {
    const { publicKey, sign } = await signerOf(unhex(SEED));
    const signature = await sign(new Uint8Array());
    if (areSame(publicKey, unhex(PUBLIC_KEY)) && hex(signature) === SIGNATURE) return "";
  } catch {
    // a browser that checks signatures and makes none
  }
  return "This browser cannot sign with Ed25519: Chrome can from version 137, Firefox from 129, Safari from 17.";
}

function fromBase64(text) {
  const binary = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(binary, (character) => character.charCodeAt(0));
}

// RFC 8032 section 7.1, TEST 1
const SEED = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60";
const PUBLIC_KEY = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
const SIGNATURE =
  "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155" +
  "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b";
