import { aborted, unless } from "../jobs.js";
import { pool } from "../pool.js";
import { Unstartable } from "../queue.js";
import { cancelled } from "../words.js";
import { Lane } from "./lane.js";

/**
 * Goes through the images, several side by side where there are workers for it, and has each classified by every model that has not yet.
 *
 * It has seats of its own in the pool, with the models opened once more while it lasts: what the page shows of the image that is open stays
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
  #lanes = [];
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

  /** Starts its first worker before it is needed: a page that has been loaded needs the network no more. */
  async warm() {
    await this.#lane(0);
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
    this.#letGo();
  }

  /** A place of the round's, which is there from then on. */
  async #lane(index) {
    const life = this.#life;
    const module = await this.#program();
    // The viewer left the page meanwhile.
    if (life !== this.#life) throw aborted("removed");
    return (this.#lanes[index] ??= new Lane(pool.seat(module, 0, this.#lanes.map(({ seat }) => seat))));
  }

  #next() {
    const slots = this.#slots();
    return slots.length > 0 ? this.#cases().find((one) => !one.working && one.lacks(slots)) : undefined;
  }

  async #run() {
    const running = (this.#running = new AbortController());
    const { signal } = running;
    this.onchange();
    try {
      // Whoever gave images opens the first of them right away.
      await unless(signal, new Promise((resolve) => setTimeout(resolve)));
      const bytes = this.#slots().reduce((sum, { source }) => sum + source.blob.size, 0);
      const lanes = Array.from({ length: pool.room(bytes) }, (_, index) => this.#go(index, signal));
      for (const lane of lanes) lane.catch((error) => running.abort(error));
      await Promise.allSettled(lanes);
      await Promise.all(lanes);
    } catch (error) {
      // Without the program there are no answers, and the page says why.
      if (!cancelled(error)) this.stopped = true;
    } finally {
      this.#running = undefined;
      this.#letGo(1);
      this.onchange();
      this.wake();
    }
  }

  /** One lane's way through the images. */
  async #go(index, signal) {
    while (this.#next()) {
      await unless(signal, this.#idle());
      // Meanwhile the page, or another lane, may have taken what was the next.
      const one = this.#next();
      if (!one) continue;
      try {
        await this.#work(one, index, signal);
      } catch (error) {
        // Without a worker of its own a further lane leaves the images to the others.
        if (index > 0 && error instanceof Unstartable) return;
        throw error;
      }
    }
  }

  async #work(one, index, signal) {
    one.working = true;
    this.onchange(one);
    try {
      const lane = await unless(signal, this.#lane(index));
      const { refused, pixels, look } = await lane.open(() => unless(signal, one.blob()), signal);
      one.refused = refused;
      if (pixels) this.onthumbnail(one, pixels);
      for (const { opened, source } of this.#slots().filter((slot) => look && !one.answer(slot.opened))) {
        await unless(signal, this.#idle());
        if (!one.answer(opened)) one.take(opened, await lane.ask(opened, source, look, signal));
        this.onchange(one);
      }
    } finally {
      one.working = false;
      this.onchange(one);
    }
  }

  /** After a round its models are closed; of its seats the first few stay. */
  #letGo(staying = 0) {
    for (const lane of this.#lanes.splice(staying)) lane?.close();
    for (const lane of this.#lanes) lane?.empty();
  }
}
