import { t } from "./language.js";

/** The share of the way that has to be known before anything is said of the rest. */
const KNOWN = 0.1;

/** How long something takes still, by how long it took so far. The first thing told starts the clock: whatever came before was another matter. */
export class TimeLeft {
  #first;

  /** In words, once a tenth is done; `at` is the time in milliseconds. */
  after(done, total, at = performance.now()) {
    this.#first ??= { done, at };
    const since = done - this.#first.done;
    if (done < KNOWN * total || since <= 0 || done >= total) return "";
    return words((((at - this.#first.at) / since) * (total - done)) / 1000);
  }
}

/** No more exact than it is known: whole seconds, from ten on every fifth, from ninety on minutes. */
function words(seconds) {
  if (seconds >= 90) return t`about ${Math.round(seconds / 60)} min left`;
  return t`about ${seconds < 10 ? Math.max(1, Math.ceil(seconds)) : 5 * Math.round(seconds / 5)} s left`;
}
