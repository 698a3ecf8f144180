import { h } from "./dom.js";
import { keptBytes, wipe } from "./kept.js";
import { t } from "./language.js";
import { megabytes, sentence } from "./words.js";

/** Says what is kept in this browser, and takes it away. */
export class Keeping {
  #said = h("p", { class: "kept" });

  constructor() {
    const button = h("button", { type: "button", class: "quiet", onclick: () => this.wipe().catch((error) => (this.#said.textContent = sentence(error))) }, t`Delete what this browser keeps`);
    this.element = h("div", { class: "keeping" }, this.#said, button);
  }

  /** Says how much is kept now. */
  async show() {
    const bytes = await keptBytes().catch(() => 0);
    this.#said.textContent = bytes > 0 ? t`This browser keeps ${megabytes(bytes)} of models, and no image.` : t`This browser keeps no model and no image.`;
  }

  async wipe() {
    // What is there from the start is no news; this is.
    this.#said.setAttribute("aria-live", "polite");
    await wipe();
    this.#said.textContent = t`Deleted: models, files of this page and settings. Nothing is kept until the page is loaded anew.`;
  }
}
