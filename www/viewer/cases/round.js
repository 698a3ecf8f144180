import { aborted, unless } from "../jobs.js";
import { WorkerQueue } from "../queue.js";
import { cancelled, sentence } from "../words.js";

/** Pixels each way of an image's thumbnail. */
export const THUMBNAIL_SIDE = 80;
/** Bytes that its worker may have taken and live on: WebAssembly gives none back. */
const SPARE = 2 ** 28;
/** How it is cut. */
const THUMBNAIL = JSON.stringify({ preprocessing: { size: 224 } });

/**
 * Goes through the images one after the other and has each classified by every model that has not yet.
 *
 * It has a worker of its own, with the models opened once more while it lasts: what the page shows of the image that is open stays
 * whole. That one comes first: between two computations the round waits until nobody waits for anything else.
 */
export class Round {
  /** Whether the person stopped it. */
  stopped = false;
  /** Told of a case about which something is new, or of none when the round begins or ends. */
  onchange = () => {};
  /** Told of a case's small picture, RGBA. */
  onthumbnail = () => {};

  #program;
  #cases;
  #slots;
  #idle;
  #running;
  #worker;
  /** The models that the worker has, and which of its lives that is true of. */
  #held = new Map();
  #generation;
  #key = 0;
  /** Counts how often it was closed. */
  #life = 0;

  /** `program()` is a promise of the compiled module, `idle()` one that nothing else is going on. */
  constructor({ program, cases, slots, idle }) {
    this.#program = program;
    this.#cases = cases;
    this.#slots = slots;
    this.#idle = idle;
  }

  get working() {
    return this.#running !== undefined;
  }

  /** Starts the worker before it is needed: a page that has been loaded needs the network no more. */
  async warm() {
    const life = this.#life;
    const module = await this.#program();
    // The viewer left the page meanwhile.
    if (life !== this.#life) throw aborted("removed");
    this.#worker ??= new WorkerQueue(module);
  }

  /** Goes on, if there is something to do and nobody stopped it. */
  wake() {
    if (!this.#running && !this.stopped && this.#next()) this.#run();
  }

  resume() {
    this.stopped = false;
    this.wake();
  }

  stop() {
    this.stopped = true;
    this.#running?.abort(aborted("cancelled"));
  }

  /** Forgets that it was stopped. */
  clear() {
    this.stop();
    this.stopped = false;
  }

  close() {
    this.clear();
    this.#life += 1;
    this.#worker?.close();
    this.#worker = undefined;
  }

  #next() {
    const slots = this.#slots();
    return slots.length > 0 ? this.#cases().find((one) => one.lacks(slots)) : undefined;
  }

  async #run() {
    const running = (this.#running = new AbortController());
    const { signal } = running;
    this.onchange();
    try {
      // Whoever gave images opens the first of them right away.
      await unless(signal, new Promise((resolve) => setTimeout(resolve)));
      while (this.#next()) {
        await unless(signal, this.#idle());
        // Meanwhile the page may have computed what was the next.
        const one = this.#next();
        if (one) await this.#work(one, signal);
      }
    } catch (error) {
      // Without the program there are no answers, and the page says why.
      if (!cancelled(error)) this.stopped = true;
    } finally {
      this.#running = undefined;
      this.#letGo();
      this.onchange();
      this.wake();
    }
  }

  async #work(one, signal) {
    one.working = true;
    this.onchange(one);
    try {
      await unless(signal, this.warm());
      const looks = await this.#open(one, signal);
      if (!looks) return;
      for (const { opened, source } of this.#slots().filter((slot) => !one.answer(slot.opened))) {
        await unless(signal, this.#idle());
        if (!one.answer(opened)) one.take(opened, await this.#ask(opened, source, looks, signal));
        this.onchange(one);
      }
    } finally {
      one.working = false;
      this.onchange(one);
    }
  }

  /** Opens an image; gives what tells how a model sees it. Nothing where it is none, which is said of the case. */
  async #open(one, signal) {
    const worker = this.#worker;
    let blob;
    let generation;
    const open = async () => {
      await worker.ask("open", { blob }, { signal });
      generation = worker.generation;
    };
    try {
      blob = await unless(signal, one.blob());
      await open();
      const { pixels } = await worker.ask("thumbnail", { input: THUMBNAIL, side: THUMBNAIL_SIDE }, { signal });
      this.onthumbnail(one, pixels);
    } catch (error) {
      if (cancelled(error)) throw error;
      one.refused = sentence(error);
      return undefined;
    }
    const seen = new Map();
    return async (input) => {
      // A worker that a model made stop has forgotten the image.
      if (generation !== worker.generation) await open();
      if (!seen.has(input)) seen.set(input, await worker.ask("look", { input, side: 1 }, { signal }));
      return seen.get(input);
    };
  }

  async #ask(opened, { blob, card }, looks, signal) {
    const worker = this.#worker;
    try {
      const { tensor } = await looks(opened.description.input);
      // A worker that was replaced has forgotten its models.
      if (this.#generation !== worker.generation) this.#held.clear();
      this.#generation = worker.generation;
      if (!this.#held.has(opened)) {
        const key = (this.#key += 1);
        await worker.ask("loadFurther", { key, blob, card }, { signal });
        this.#held.set(opened, key);
      }
      return { prediction: await worker.ask("classifyFurther", { key: this.#held.get(opened), tensor }, { signal }) };
    } catch (error) {
      if (cancelled(error)) throw error;
      return { failed: sentence(error) };
    }
  }

  /** After a round its models are closed, and a worker that grew large as well. */
  async #letGo() {
    const worker = this.#worker;
    this.#held.clear();
    const left = await worker?.ask("drop", {}).catch(() => undefined);
    if (worker !== this.#worker || this.working || !(left?.bytes > SPARE)) return;
    worker.close();
    this.#worker = undefined;
  }
}
