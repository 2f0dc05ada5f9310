// Which key signs: the file that a visitor chooses, whose it is, and that it is forgotten when he says so.

import { t, worded } from "../words.js";
import { hex } from "../verify/evidence.js";
import { readKey } from "./key.js";
import { made } from "./rows.js";
import { say } from "./telling.js";

export class KeyChoice {
  /** operator: gives the public key of who is responsible, in hexadecimal digits; "" where nobody is yet. */
  constructor({ input, found, forget }, operator) {
    Object.assign(this, { input, found, forget, operator, signer: null });
    input.addEventListener("change", () => this.take());
    forget.addEventListener("click", () => this.drop());
  }

  async take() {
    const [file] = this.input.files;
    if (!file) return;
    this.signer = null;
    try {
      this.signer = await readKey(file);
    } catch (error) {
      say(this.found, "bad", worded(error.message));
    }
    this.input.value = "";
    this.forget.hidden = !this.signer;
    this.sayWhose();
  }

  sayWhose() {
    if (!this.signer) return;
    const key = hex(this.signer.publicKey);
    const [className, words] = whose(key, this.operator());
    say(this.found, className, made("code", {}, key), " ", words);
  }

  drop() {
    this.signer = null;
    this.forget.hidden = true;
    this.found.replaceChildren();
    this.input.focus();
  }
}

function whose(key, operator) {
  if (!operator) return ["", t("the key that will be responsible for this passport")];
  if (key === operator) return ["good", t("the key of who is responsible for this passport")];
  return ["", t("not the key of who is responsible: it can take over, and an assessor's can state tests and values")];
}
