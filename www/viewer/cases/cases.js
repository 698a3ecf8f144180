import { h } from "../dom.js";
import { now, save } from "../export/save.js";
import { sentence } from "../words.js";
import { Case } from "./case.js";
import { Round } from "./round.js";
import { sheet } from "./sheet.js";
import { Strip } from "./strip.js";
import { Table } from "./table.js";

/**
 * The images at hand: which there are, which one is open, and what the models say of each.
 *
 * `strip` and `element` (the table, with what is done with all of them) are seen once there are two. `onopen(case)` tells which one the
 * person wants to see, `onwork(working)` whether images are being classified.
 */
export class Cases {
  strip = new Strip();
  onopen = () => {};
  onwork = () => {};

  #all = [];
  #current;
  #slots;
  #round;
  #table = new Table();
  #title = h("h3");
  #status = h("p", { class: "status", role: "status" });
  #bar = h("progress", { "aria-label": "Images classified", hidden: true });
  #stop = h("button", { type: "button", class: "quiet", hidden: true, onclick: () => this.stop() }, "Stop");
  #resume = h("button", { type: "button", class: "quiet", hidden: true, onclick: () => this.resume() }, "Go on");
  #save = h("button", { type: "button", class: "quiet", onclick: () => this.#saveSheet() }, "Save table (CSV)");
  #clear = h("button", { type: "button", class: "quiet", onclick: () => this.clear() }, "Clear list");

  /** `slots()` are the models that are ready; `program()` and `idle()` as for `Round`. */
  constructor({ slots, program, idle }) {
    this.#slots = slots;
    this.#round = new Round({ program, idle, slots, cases: () => (this.#all.length > 1 ? this.#all : []) });
    this.#round.onchange = (one) => (one ? this.#update(one) : this.#showRound());
    this.#round.onthumbnail = (one, pixels) => this.strip.thumbnail(one, pixels);
    this.strip.onopen = this.#table.onopen = (one) => this.onopen(one);
    const work = h("div", { class: "work" }, this.#status, this.#bar, this.#stop, this.#resume);
    this.element = h("section", { class: "cases", "aria-label": "All images", hidden: true }, h("header", {}, this.#title, work, h("div", { class: "acts" }, this.#save, this.#clear)), this.#table.element);
    this.#table.models = [];
  }

  get all() {
    return this.#all;
  }

  get current() {
    return this.#current;
  }

  get working() {
    return this.#round.working;
  }

  /** Puts images at hand, `{ path, read() }` or `{ path, refused }`. The cases that they are. */
  add(images) {
    const added = images.map((image) => new Case(image));
    for (const one of added) {
      this.#all.push(one);
      this.strip.add(one);
      this.#table.add(one, this.#all.length);
      this.#update(one);
    }
    this.strip.element.hidden = this.element.hidden = this.#all.length < 2;
    this.#title.textContent = `${this.#all.length} images`;
    this.#round.resume();
    this.#showRound();
    return added;
  }

  /** Forgets all images; what the page shows of one stays. */
  clear() {
    this.#round.clear();
    this.#all = [];
    this.#current = undefined;
    this.strip.clear();
    this.#table.clear();
    this.strip.element.hidden = this.element.hidden = true;
  }

  stop() {
    const focused = this.#stop.getRootNode().activeElement === this.#stop;
    this.#round.stop();
    this.#showRound();
    if (focused) this.#resume.focus();
  }

  resume() {
    const focused = this.#resume.getRootNode().activeElement === this.#resume;
    this.#round.resume();
    this.#showRound();
    if (focused) this.#stop.focus();
  }

  /** The page shows this image, or none of them. */
  show(one, pixels) {
    this.#current = this.#all.includes(one) ? one : undefined;
    this.strip.mark(this.#current);
    this.#table.mark(this.#current);
    if (this.#current && pixels) this.strip.thumbnail(one, pixels);
  }

  /** What the page itself found out about an image. */
  tell(one, opened, answer) {
    one.take(opened, answer);
    if (this.#all.includes(one)) this.#update(one);
  }

  refuse(one, text) {
    one.refused = text;
    if (this.#all.includes(one)) this.#update(one);
  }

  /** A model is ready, or there no more. */
  models() {
    const slots = this.#slots();
    this.#table.models = slots;
    for (const one of this.#all) this.strip.update(one, slots);
    if (slots.length > 0) this.#round.warm().catch(() => {});
    this.#round.wake();
    this.#showRound();
  }

  /** Ends its worker. */
  close() {
    this.clear();
    this.#round.close();
  }

  #update(one) {
    if (!this.#all.includes(one)) return;
    this.strip.update(one, this.#slots());
    this.#table.update(one);
    this.#showRound();
  }

  #showRound() {
    const slots = this.#slots();
    const done = this.#all.filter((one) => !one.lacks(slots)).length;
    const { working, stopped } = this.#round;
    const all = done === this.#all.length;
    this.#bar.hidden = this.#stop.hidden = !working || stopped;
    this.#bar.max = Math.max(this.#all.length, 1);
    this.#bar.value = done;
    this.#resume.hidden = !stopped || all;
    // Every number read aloud would be noise; the beginning and the end are news.
    this.#status.setAttribute("aria-live", working && done > 0 ? "off" : "polite");
    const words = slots.length === 0 ? "No model is ready" : `${done} of ${this.#all.length} classified`;
    this.#status.textContent = stopped && !all ? `Stopped: ${words}` : words;
    this.onwork(working);
  }

  async #saveSheet() {
    this.#save.disabled = true;
    try {
      save(await sheet(this.#table.sorted, this.#slots()), `pellucid ${now()}.csv`);
    } catch (error) {
      this.#status.textContent = sentence(error);
    } finally {
      this.#save.disabled = false;
    }
  }
}
