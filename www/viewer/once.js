import { aborted } from "./jobs.js";

/**
 * Work that is done once for all who ask for it: several viewers in a page share each download and the compiled program.
 *
 * Who asks while it is going on waits for the same outcome; who asks later gets it too, as long as somebody holds what came of it. It is
 * stopped when all who waited have stopped waiting. What failed is tried again by the next who asks.
 */
export class Once {
  #going = new Map();
  #done = new Map();

  /** `work({ signal, progress })` makes what `key` stands for, an object; `progress(...)` is told what the work tells. */
  async ask(key, work, { signal, progress = () => {} } = {}) {
    signal?.throwIfAborted();
    const there = this.#done.get(key)?.deref();
    if (there) return there;
    const one = this.#going.get(key) ?? this.#begin(key, work);
    const waiting = { progress };
    one.waiting.add(waiting);
    if (one.told) progress(...one.told);
    try {
      return await Promise.race([one.outcome, stopped(signal, waiting)]);
    } finally {
      waiting.forget?.();
      one.waiting.delete(waiting);
      if (one.waiting.size === 0 && this.#going.get(key) === one) {
        this.#going.delete(key);
        one.controller.abort(aborted("nobody waits"));
      }
    }
  }

  #begin(key, work) {
    const one = { waiting: new Set(), controller: new AbortController(), told: undefined };
    const progress = (...told) => {
      one.told = told;
      for (const waiting of one.waiting) waiting.progress(...told);
    };
    one.outcome = work({ signal: one.controller.signal, progress }).then(
      (made) => {
        this.#end(key, one);
        this.#done.set(key, new WeakRef(made));
        return made;
      },
      (error) => {
        this.#end(key, one);
        throw error;
      },
    );
    one.outcome.catch(() => {});
    this.#going.set(key, one);
    return one;
  }

  #end(key, one) {
    if (this.#going.get(key) === one) this.#going.delete(key);
  }
}

/** A promise that is rejected when the signal is aborted. */
function stopped(signal, waiting) {
  if (!signal) return new Promise(() => {});
  return new Promise((_, reject) => {
    const stop = () => reject(signal.reason);
    signal.addEventListener("abort", stop, { once: true });
    waiting.forget = () => signal.removeEventListener("abort", stop);
  });
}
