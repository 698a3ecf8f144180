import { h } from "./dom.js";
import { t, written } from "./language.js";
import { said } from "./words.js";

/** The line that says what is going on, or what came of it, with the button that stops it. `slots()` are the models. */
export class Status {
  /** What is wrong with the viewer as a whole, if anything is. */
  trouble;
  /** Milliseconds that the answers took. */
  elapsed;

  #jobs;
  #slots;
  #line = h("p", { class: "status", part: "status", role: "status", "aria-live": "polite" });
  #cancel = h("button", { type: "button", class: "quiet cancel", hidden: true, onclick: () => this.#jobs.stop() }, t`Cancel`);
  element = h("div", { class: "progress" }, this.#line, this.#cancel);

  constructor({ jobs, slots }) {
    this.#jobs = jobs;
    this.#slots = slots;
  }

  /** Says what a job does; with none, that all is done. */
  show(job, quiet) {
    this.#cancel.hidden = !this.#jobs.stoppable;
    if (job) this.say(job.text, { quiet });
    else this.settle();
  }

  /** Says that all is done, and what came out. */
  settle() {
    if (this.trouble) return this.say(this.trouble);
    if (this.#jobs.stopped) return this.say(t`Cancelled.`);
    const answers = this.#slots().flatMap(({ panel }) => {
      if (!panel.prediction || panel.prediction.predicted === null) return [];
      const { predicted } = panel.prediction;
      return [`${panel.name}: ${panel.description.classes[predicted].title}, ${said(panel.prediction, predicted)}`];
    });
    if (answers.length === 0) {
      if (this.#slots().length === 0) return this.say(t`No models are installed beside this page: add your own.`);
      return this.say(this.#slots().some(({ ready }) => ready) ? t`Ready: give it an image.` : t`No model could be opened.`);
    }
    const time = this.elapsed === undefined ? "" : t` in ${written((this.elapsed / 1000).toFixed(1))} s`;
    this.say(t`Computed on this device${time}.`);
    // The panels show the answers; a screen reader is told them.
    this.#line.prepend(h("span", { class: "unseen" }, `${answers.join("; ")}. `));
  }

  /** The line under the controls. Byte counts are `quiet`: a screen reader should not read each of them. */
  say(text, { quiet = false } = {}) {
    this.#line.setAttribute("aria-live", quiet ? "off" : "polite");
    this.#line.textContent = text;
  }
}
