import { aborted } from "./jobs.js";
import { t } from "./language.js";

/**
 * The page's side of one Web Worker: a queue of requests, each answered by a promise, each cancellable.
 *
 * A request that waits is cancelled by not sending it. A request that runs cannot be interrupted from outside: its promise is rejected at
 * once and its answer thrown away; if the worker has not come free within a moment, it is ended in the middle of its work and replaced. A worker whose
 * WebAssembly has trapped is replaced as well. After a replacement the requests marked as `keep` are sent again, so that
 * the new worker holds what the old one held.
 */

/** Milliseconds for which a cancelled request may go on before its worker is replaced: for one that is as good as done that is quicker. */
const PATIENCE = 1500;
/** The same for one that takes many runs of the network, which has told how far it is. */
const IMPATIENCE = 100;

/** A policy that forbids workers does not tell the page so: it looks as if the script were missing. */
const WHY_NOT = t`load the page anew, and see that its Content-Security-Policy allows workers from its own origin (worker-src 'self').`;

/** Why the browser did not even try to start a worker. */
function unavailable(error) {
  const { origin } = new URL(import.meta.url);
  if (origin !== location.origin) {
    return new Error(t`The viewer's files lie at ${origin}, and a page may start workers of its own origin only (${location.origin}): put them there.`);
  }
  return new Error(t`The viewer's worker could not be started (${error.message}): ${WHY_NOT}`);
}

export class WorkerQueue {
  #module;
  #worker;
  #queue = [];
  #running;
  #kept = new Map();
  #nextId = 0;
  #patience;
  #broken;
  #closed = false;

  /** Counts the workers had so far: an answer from an earlier one says nothing about what this one holds. */
  generation = 0;

  constructor(module) {
    this.#module = module;
    this.#open();
  }

  /**
   * Sends a request of `worker.js`. With `keep`, a new worker will receive it again, in place of an earlier kept
   * request of the same name. `progress({ done, total })` is told how far it is, where it says so.
   */
  ask(name, request, { signal, transfer = [], keep = false, progress } = {}) {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      if (this.#broken) return reject(this.#broken);
      if (this.#closed) return reject(aborted("closed"));
      const job = { id: this.#nextId++, name, request, transfer, keep, progress, resolve, reject };
      signal?.addEventListener("abort", () => this.#cancel(job, signal.reason), { once: true });
      this.#queue.push(job);
      this.#next();
    });
  }

  /** Ends the worker and frees its memory. */
  close() {
    this.#closed = true;
    clearTimeout(this.#patience);
    this.#worker?.terminate();
    const gone = aborted("closed");
    for (const job of [this.#running, ...this.#queue]) job?.reject(gone);
    this.#queue = [];
    this.#running = undefined;
  }

  #open() {
    this.generation += 1;
    this.#running = undefined;
    try {
      const name = new URLSearchParams(location.search).get("convolutions") ?? "";
      this.#worker = new Worker(new URL("worker.js", import.meta.url), { type: "module", name });
    } catch (error) {
      return this.#giveUp(unavailable(error));
    }
    this.#worker.onmessage = ({ data }) => this.#answer(data);
    this.#worker.onerror = (event) => {
      event.preventDefault();
      this.#answer({ id: this.#running?.id, error: event.message || t`its script could not be loaded`, fatal: { bytes: 0 } });
    };
    const again = [["start", { module: this.#module }], ...this.#kept];
    this.#queue.unshift(...again.map(([name, request]) => this.#silent(name, request)));
    this.#next();
  }

  /** A request that nobody waits for. If it fails, the requests behind it will say so. */
  #silent(name, request) {
    return { id: this.#nextId++, name, request, transfer: [], again: true, resolve() {}, reject() {} };
  }

  #next() {
    if (this.#running || this.#queue.length === 0) return;
    this.#running = this.#queue.shift();
    const { id, name, request, transfer } = this.#running;
    this.#worker.postMessage({ id, name, request }, transfer);
  }

  #answer({ id, result, error, fatal, progress }) {
    const job = this.#running;
    if (!job || job.id !== id) return;
    if (progress) {
      job.long = progress.total > 1;
      return job.progress?.(progress);
    }
    this.#running = undefined;
    clearTimeout(this.#patience);
    if (error === undefined) {
      if (job.keep) this.#kept.set(job.name, job.request);
      job.resolve(result);
    } else {
      job.reject(fatal ? new Trap(error, fatal.bytes) : new Error(error));
      // What a new worker chokes on is not given to the next one.
      if (job.again) this.#kept.delete(job.name);
    }
    if (error !== undefined && job.name === "start") this.#giveUp(new Error(t`The viewer's worker could not be started (${error}): ${WHY_NOT}`));
    else if (fatal) this.#replace();
    else this.#next();
  }

  #giveUp(error) {
    this.#broken = error;
    for (const job of this.#queue) job.reject(this.#broken);
    this.#queue = [];
  }

  #cancel(job, reason) {
    job.reject(reason);
    if (job === this.#running) {
      clearTimeout(this.#patience);
      this.#patience = setTimeout(() => this.#replace(), job.long ? IMPATIENCE : PATIENCE);
    } else {
      this.#queue = this.#queue.filter((waiting) => waiting !== job);
    }
  }

  #replace() {
    clearTimeout(this.#patience);
    this.#worker.terminate();
    this.#open();
  }
}

/** WebAssembly does not tell why it stopped; with this many bytes in use, memory is the likely reason. */
const MUCH_MEMORY = 1.5e9;

/** What browsers write of why WebAssembly stopped, none like the other, and what it means. */
const REASONS = [
  [/unreachable/i, t`it met something that the viewer was not made for`],
  [/stack|recursion/i, t`it went too deep`],
  [/bounds|range|memory/i, t`it reached beyond its memory`],
];

/** Why it stopped, in plain words; what is none of these reasons is told as it is. */
const inWords = (why) => REASONS.find(([sign]) => sign.test(why))?.[1] ?? why;

/** The worker's WebAssembly stopped and was started anew. */
export class Trap extends Error {
  constructor(why, bytes) {
    super(
      bytes > MUCH_MEMORY
        ? t`The computation ran out of memory and was restarted: close other tabs, or use a smaller image or model.`
        : t`The computation stopped unexpectedly (${inWords(why)}) and was restarted: try again, or use another image or model.`,
    );
  }
}
