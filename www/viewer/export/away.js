import { h } from "../dom.js";
import { sentence } from "../words.js";
import { printReport } from "./report.js";

/**
 * What can be taken away of the page as a whole. `snapshots()` are those of the panels that show a map, `source()` the open image's file
 * where it has one, `host()` where a page to print may be made.
 */
export class Away {
  #said = h("p", { class: "note", role: "status", hidden: true });

  constructor({ snapshots, source, host }) {
    const print = () => {
      const shown = snapshots();
      if (shown.length === 0) throw new Error("There is nothing to report yet: open an image first.");
      return printReport(shown, source(), host());
    };
    this.element = h("div", { class: "away" }, this.act("Print a report", print), this.#said);
  }

  /** A button, and what it does; what goes wrong is said beside it. */
  act(label, work) {
    const button = h("button", { type: "button", class: "quiet" }, label);
    button.onclick = async () => {
      this.say();
      try {
        this.say(await work());
      } catch (error) {
        this.say(sentence(error));
      }
    };
    return button;
  }

  say(words) {
    this.#said.textContent = words ?? "";
    this.#said.hidden = !words;
  }
}
