/**
 * What is going on: jobs that begin, say what they do, can be cancelled each for itself or all together, and end.
 */
export class Jobs {
  #open = new Set();
  #waiting = [];

  /** Called with the job that has something to say; with none once the last one has ended. */
  onchange = () => {};

  /** Whether the person stopped one of the jobs that ran since nothing was going on. */
  stopped = false;

  get busy() {
    return this.#open.size > 0;
  }

  /** Whether there is something that the person may stop. */
  get stoppable() {
    return [...this.#open].some((job) => job.stoppable);
  }

  /**
   * Runs `work(job)` and gives back its result or error. `job.signal` tells when to stop, because of the person or of one of
   * `signals`; `job.say(text, { quiet })` changes what is said of it. A `quiet` text is one of many that follow each other fast.
   */
  async run(text, work, { signals = [], stoppable = true } = {}) {
    const controller = new AbortController();
    const job = {
      text,
      stoppable,
      signal: anyOf([controller.signal, ...signals]),
      stop: () => controller.abort(aborted("cancelled")),
      say: (words, { quiet = false } = {}) => {
        job.text = words;
        if (this.#open.has(job)) this.onchange(job, quiet);
      },
    };
    if (!this.busy) this.stopped = false;
    this.#open.add(job);
    this.onchange(job, false);
    try {
      job.signal.throwIfAborted();
      return await work(job);
    } finally {
      this.#open.delete(job);
      const [next] = [...this.#open].reverse();
      this.onchange(next, false);
      if (!this.busy) for (const go of this.#waiting.splice(0)) go();
    }
  }

  /** A promise that nothing is going on. */
  idle() {
    return this.busy ? new Promise((resolve) => this.#waiting.push(resolve)).then(() => this.idle()) : Promise.resolve();
  }

  /** Stops every job that may be stopped. */
  stop() {
    for (const job of [...this.#open].filter(({ stoppable }) => stoppable)) {
      this.stopped = true;
      job.stop();
    }
  }
}

/** The error by which a job ends that somebody stopped. */
export function aborted(why) {
  return new DOMException(why, "AbortError");
}

/** A signal that is aborted with the first of several (AbortSignal.any is newer than the browsers that are supported). */
export function anyOf(signals) {
  const known = signals.filter(Boolean);
  if (known.length === 1) return known[0];
  const controller = new AbortController();
  for (const signal of known) {
    if (signal.aborted) controller.abort(signal.reason);
    else signal.addEventListener("abort", () => controller.abort(signal.reason), { once: true, signal: controller.signal });
  }
  return controller.signal;
}

/** The promise's outcome, or the signal's reason if that comes first. */
export function unless(signal, promise) {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason);
    const stop = () => reject(signal.reason);
    signal.addEventListener("abort", stop, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", stop));
  });
}
