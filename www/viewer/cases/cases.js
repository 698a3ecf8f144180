import { h } from "../dom.js";
import { now, save } from "../export/save.js";
import { hashOf } from "../hashes.js";
import { t } from "../language.js";
import { sentence } from "../words.js";
import { Case } from "./case.js";
import { other } from "./recorded.js";
import { Round } from "./round.js";
import { sheet } from "./sheet.js";
import { Strip } from "./strip.js";
import { Table } from "./table.js";

/** Milliseconds between two showings of a round's answers. */
const SHOWN = 150;

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
  #known = new Set();
  #changed = new Set();
  #later;
  #current;
  #slots;
  #round;
  #table = new Table();
  /** The SHA-256 of opened models' files, where somebody asked. */
  #hashes = new WeakMap();
  #title = h("h3");
  #status = h("p", { class: "status", role: "status" });
  #bar = h("progress", { "aria-label": t`Images classified`, hidden: true });
  #stop = h("button", { type: "button", class: "quiet", hidden: true, onclick: () => this.stop() }, t`Stop`);
  #resume = h("button", { type: "button", class: "quiet", hidden: true, onclick: () => this.resume() }, t`Go on`);
  #save = h("button", { type: "button", class: "quiet", onclick: () => this.#saveSheet() }, t`Save table (CSV)`);
  #clear = h("button", { type: "button", class: "quiet", onclick: () => this.clear() }, t`Clear list`);

  /** `slots()` are the models that are ready; `program()` and `idle()` as for `Round`. */
  constructor({ slots, program, idle }) {
    this.#slots = slots;
    this.#round = new Round({ program, idle, slots, cases: () => (this.#all.length > 1 ? this.#all : []) });
    this.#round.onchange = (one) => (one ? this.#updateSoon(one) : this.#settle());
    this.#round.onthumbnail = (one, pixels) => this.strip.thumbnail(one, pixels);
    this.strip.onopen = this.#table.onopen = (one) => this.onopen(one);
    const work = h("div", { class: "work" }, this.#status, this.#bar, this.#stop, this.#resume);
    this.element = h("section", { class: "cases", part: "cases", "aria-label": t`All images`, hidden: true }, h("header", {}, this.#title, work, h("div", { class: "acts" }, this.#save, this.#clear)), this.#table.element);
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

  /**
   * Puts images at hand, `{ path, read() }` or `{ path, refused }`, and gives the cases that they are: those that a session asks for
   * where it names their SHA-256, new ones otherwise.
   */
  async add(images) {
    const wanted = this.#all.filter((one) => one.wanted);
    const given = wanted.length > 0 ? await this.#give(images, wanted) : [];
    const added = this.#put(images.filter((image) => !given.some(([own]) => own === image)).map((image) => new Case(image)));
    return [...given.map(([, one]) => one), ...added];
  }

  /** Puts a session's images at hand, in place of all others. */
  restore(images) {
    this.clear();
    return this.#put(
      images.map(({ path, sha256, answers, blob }) => {
        const read = blob && (async () => blob);
        return new Case({ path, hash: sha256, recorded: answers, read, refused: read ? undefined : t`Give this image again: the session holds its SHA-256 only.` });
      }),
    );
  }

  /** Finds the images that a session asks for among those that are given. */
  async #give(images, wanted) {
    const found = [];
    for (const image of images.filter(({ read }) => read)) {
      const blob = await image.read().catch(() => undefined);
      const hash = blob && (await hashOf(blob));
      for (const one of wanted.filter((one) => one.wanted && one.hash === hash)) {
        one.give(image.read);
        found.push([image, one]);
        this.#update(one);
      }
    }
    this.#round.resume();
    return found;
  }

  #put(added) {
    for (const one of added) {
      this.#all.push(one);
      this.#known.add(one);
      this.strip.add(one);
      this.#table.add(one, this.#all.length);
      this.#draw(one);
    }
    this.strip.element.hidden = this.element.hidden = this.#all.length < 2 && !this.#all.some((one) => one.wanted);
    this.#title.textContent = this.#all.length === 1 ? t`1 image` : t`${this.#all.length} images`;
    this.#hash(this.#slots());
    this.#round.resume();
    this.#showRound();
    return added;
  }

  /** Forgets all images; what the page shows of one stays. */
  clear() {
    this.#round.clear();
    this.#all = [];
    this.#known.clear();
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
    this.#current = this.#known.has(one) ? one : undefined;
    this.strip.mark(this.#current);
    this.#table.mark(this.#current);
    if (this.#current && pixels) this.strip.thumbnail(one, pixels);
  }

  /** What the page itself found out about an image. */
  tell(one, opened, answer) {
    one.take(opened, answer);
    if (this.#known.has(one)) this.#update(one);
  }

  refuse(one, text) {
    one.refused = text;
    if (this.#known.has(one)) this.#update(one);
  }

  /** A model is ready, or there no more. */
  models() {
    const slots = this.#slots();
    this.#hash(slots);
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
    this.#draw(one);
    this.#showRound();
  }

  #draw(one) {
    if (!this.#known.has(one)) return;
    const slots = this.#slots();
    one.remark = other(one, slots, this.#hashes);
    this.strip.update(one, slots);
    this.#table.update(one);
  }

  /** Shows what is new of a round a few times a second: laying out a thousand rows for every answer would take longer than the answers. */
  #updateSoon(one) {
    this.#changed.add(one);
    this.#later ??= setTimeout(() => this.#settle(), SHOWN);
  }

  #settle() {
    clearTimeout(this.#later);
    this.#later = undefined;
    const changed = [...this.#changed];
    this.#changed.clear();
    for (const one of changed) this.#draw(one);
    this.#showRound();
  }

  /** What a session recorded belongs to a model's file: where there is such, the files' hashes are needed. */
  async #hash(slots) {
    if (!this.#all.some(({ recorded }) => recorded)) return;
    for (const { opened, source } of slots) if (!this.#hashes.has(opened)) this.#hashes.set(opened, await hashOf(source.blob));
    for (const one of this.#all) this.#draw(one);
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
    const words = slots.length === 0 ? t`No model is ready` : this.#count(slots);
    this.#status.textContent = stopped && !all ? t`Stopped: ${words}` : words;
    this.onwork(working);
  }

  /** How many are classified, and why others are not. */
  #count(slots) {
    const some = (holds) => this.#all.filter(holds).length;
    const [wanted, refused] = [some((one) => one.wanted), some((one) => one.refused !== undefined && !one.wanted)];
    const classified = some((one) => one.refused === undefined && !one.lacks(slots));
    return [t`${classified} of ${this.#all.length} classified`, wanted > 0 && t`${wanted} to be given again`, refused > 0 && t`${refused} cannot be`].filter(Boolean).join(", ");
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
