import { h } from "./dom.js";
import { aborted, anyOf } from "./jobs.js";
import { t } from "./language.js";
import { manifest } from "./manifest.js";
import { Slot } from "./slot.js";

/** For promises whose failure the page has said already. */
const heard = () => {};

/**
 * The models of the page, from their files to their panels.
 *
 * `page` is what they need of it: `jobs`, `view()`, `life()` and `program()`; it is told who `entered`, that something `changed`, that `settle` is due, and of
 * `trouble(error)` with the list; `present(slot, signal)` shows a model the image that is open.
 */
export class Models {
  /** Their slots, in the order of the panels. */
  all = [];
  element = h("div", { class: "panels", part: "panels" });

  #page;
  /** Aborted when another list of models takes the place of the one that is being loaded. */
  #list;

  constructor(page) {
    this.#page = page;
  }

  /** Loads those of a list: its address, `none`, or nothing for the one beside the module. */
  async load(address, signal) {
    this.#list?.abort(aborted("replaced"));
    const { signal: until } = (this.#list = new AbortController());
    if (address === "none") return;
    const url = address ? new URL(address, document.baseURI) : new URL("../models/manifest.json", import.meta.url);
    try {
      const listed = await manifest(url.href, { signal: anyOf([signal, until]) });
      await this.fetchAll(listed.map(({ name, ...source }) => this.enter(name, source)));
    } catch (error) {
      this.#page.trouble(error);
      throw error;
    }
  }

  /** A place for a model: `source` as `Slot` has it. */
  enter(name, source) {
    const slot = new Slot(name, source, this.#page.view());
    const { panel } = slot;
    panel.onremove = () => this.remove(slot);
    panel.onretry = () => this.fetchAll([slot]).catch(heard);
    panel.onsettings = (card) => {
      panel.corrected = true;
      this.prepare(slot, { card }).catch(heard);
    };
    this.#page.entered(slot);
    this.all.push(slot);
    this.element.append(panel.element);
    return slot;
  }

  /** Takes a model away. */
  remove(slot) {
    const { element } = slot.panel;
    // Whoever works with the keyboard goes on at the neighbour.
    const next = element.contains(element.getRootNode().activeElement) ? element.nextElementSibling : null;
    this.all = this.all.filter((known) => known !== slot);
    slot.remove();
    (next?.querySelector(".remove") ?? next)?.focus();
    this.#page.changed();
    if (!this.#page.jobs.busy && this.#page.life()) this.#page.settle();
  }

  /** Downloads one model after the other, so that the first one is there early; they are prepared meanwhile. */
  fetchAll(slots) {
    if (slots.length === 0) return Promise.resolve();
    return this.#page.jobs.run(t`Loading models…`, (job) => this.#fetchEach(slots, job), { signals: [this.#page.life()?.signal] });
  }

  async #fetchEach(slots, job) {
    const prepared = [];
    for (const slot of slots) {
      if (slot.life.aborted) continue;
      const place = this.all.length > 1 ? t`model ${this.all.indexOf(slot) + 1} of ${this.all.length}` : t`the model`;
      try {
        await slot.load(job.signal, (words, how) => job.say(t`Loading ${place}: ${slot.name}, ${words}`, how));
      } catch {
        continue;
      }
      prepared.push(this.prepare(slot, { place }).catch(heard));
    }
    await Promise.all(prepared);
  }

  /** Opens a model whose file is there, and shows it the image that is open. */
  prepare(slot, { place = "model", card } = {}) {
    const work = async (job) => {
      const program = this.#page.program().then(({ module }) => module);
      await slot.prepare(program, job.signal, card);
      this.#page.changed();
      await this.#page.present(slot, job.signal);
    };
    return this.#page.jobs.run(t`Preparing ${place}: ${slot.name}`, work, { signals: [this.#page.life()?.signal, slot.life] });
  }

  /** Those that are open. */
  get ready() {
    return this.all.filter((slot) => slot.ready);
  }
}
