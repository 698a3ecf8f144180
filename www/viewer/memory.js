import { h } from "./dom.js";
import { t } from "./language.js";
import { pool } from "./pool.js";
import { megabytes } from "./words.js";

/** Milliseconds between two showings: it changes with every answer. */
const SHOWN = 500;

/** Says how many workers run for this page, and how much memory they hold; there are none where it is empty. */
export class Memory {
  element = h("p", { class: "memory" });
  #later;
  #listener = () => (this.#later ??= setTimeout(() => this.#show(), SHOWN));

  /** Says it as long as the viewer is in the page. */
  listen(signal) {
    pool.listeners.add(this.#listener);
    signal.addEventListener("abort", () => pool.listeners.delete(this.#listener), { once: true });
    this.#listener();
  }

  #show() {
    this.#later = undefined;
    const { workers, bytes } = pool.state;
    this.element.textContent = workers > 0 ? t`Workers: ${workers}, memory in use: ${megabytes(bytes)}` : "";
  }
}
