import { h } from "../dom.js";
import { t } from "../language.js";
import { sentence } from "../words.js";
import { printReport } from "./report.js";
import { now, save } from "./save.js";
import { sessionFile } from "./session.js";

/**
 * What can be taken away of the page as a whole, and a session brought back. `snapshots()` are those of the panels that show a map,
 * `source()` the open image's file where it has one, `host()` where a page to print may be made, `session()` a promise of what
 * `sessionFile` takes; `onsession(file)` tells of one to open, and gives back what is to be said of it.
 */
export class Away {
  onsession = () => {};

  #said = h("p", { class: "note", role: "status", hidden: true });
  #withImages = h("input", { type: "checkbox" });

  constructor({ snapshots, source, host, session }) {
    const print = () => {
      const shown = snapshots();
      if (shown.length === 0) throw new Error(t`There is nothing to report yet: open an image first.`);
      return printReport(shown, source(), host());
    };
    const keep = async () => {
      const progress = (done, total) => this.#say(t`Reading image ${done + 1} of ${total}`);
      const file = await sessionFile(await session(), { withImages: this.#withImages.checked, progress });
      save(file, `pellucid session ${now()}.json`);
    };
    const picker = h("input", { type: "file", accept: ".json,application/json", hidden: true, class: "session-file" });
    picker.onchange = () => {
      const [file] = picker.files;
      picker.value = "";
      if (file) this.open(file);
    };
    this.element = h(
      "section",
      { class: "away", "aria-label": t`Report and session` },
      this.#act(t`Print a report`, print),
      this.#act(t`Save session`, keep),
      h("label", { class: "check" }, this.#withImages, t`with the images in it`),
      h("button", { type: "button", class: "quiet", onclick: () => picker.click() }, t`Open session`),
      picker,
      this.#said,
    );
  }

  /** Opens a session's file; what is to be said of it is said here. */
  open(file) {
    return this.#do(() => this.onsession(file));
  }

  /** A button, and what it does; what goes wrong is said beside it. */
  #act(label, work) {
    const button = h("button", { type: "button", class: "quiet" }, label);
    button.onclick = async () => {
      button.disabled = true;
      await this.#do(work);
      const lost = button.getRootNode().activeElement === null;
      button.disabled = false;
      if (lost) button.focus({ preventScroll: true });
    };
    return button;
  }

  async #do(work) {
    this.#say();
    try {
      this.#say(await work());
    } catch (error) {
      this.#say(sentence(error));
    }
  }

  #say(words) {
    this.#said.textContent = words ?? "";
    this.#said.hidden = !words;
  }
}
