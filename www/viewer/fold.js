import { h } from "./dom.js";

/**
 * A button that shows and hides some of the page where there is little room; elsewhere all of it is seen, and the button is not.
 *
 * The style sheet hides what carries `data-folded` at phone width only.
 */
export class Fold {
  #contents;

  constructor(label, ...contents) {
    this.#contents = contents;
    this.button = h("button", { type: "button", class: "fold", onclick: () => this.set(!this.open) }, label);
    this.set(false);
  }

  get open() {
    return this.button.getAttribute("aria-expanded") === "true";
  }

  set(open) {
    this.button.setAttribute("aria-expanded", String(open));
    for (const element of this.#contents) element.toggleAttribute("data-folded", !open);
  }
}
