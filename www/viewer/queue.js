import { aborted } from "./jobs.js";
import { t } from "./language.js";

/**
 * The page's side of one Web Worker: a queue of requests, each answered by a promise, each cancellable.
 *
 * A request that waits is cancelled by not sending it. A request that runs cannot be interrupted from outside: its promise is rejected at
 * once and its answer thrown away; if the worker has not come free within a moment, it is ended in the middle of its work and replaced. A worker whose
 * WebAssembly has trapped is replaced as well, and the request that it died of is given to the new one, once. After a replacement the requests
 * marked as `keep` are sent again, so that the new worker holds what the old one held. A worker that rests has been ended, and comes back in the same way
 * with the next request.
 */

/** Milliseconds for which a cancelled request may go on before its worker is replaced: for one that is as good as done that is quicker. */
const PATIENCE = 1500;
/** The same for one that takes many runs of the network, which has told how far it is. */
const IMPATIENCE = 100;

/** A policy that forbids workers does not tell the page so: it looks as if the script were missing. */
const WHY_NOT = t`load the page anew, and see that its Content-Security-Policy allows workers from its own origin (worker-src 'self').`;

/** No worker could be started. */
export class Unstartable extends Error {}

/** Why the browser did not even try to start a worker. */
function unavailable(error) {
  const { origin } = new URL(import.meta.url);
  if (origin !== location.origin) {
    return new Unstartable(t`The viewer's files lie at ${origin}, and a page may start workers of its own origin only (${location.origin}): put them there.`);
  }
  return new Unstartable(t`The viewer's worker could not be started (${error.message}): ${WHY_NOT}`);
}

/** Counts all workers that there were. */
let workers = 0;

export class WorkerQueue {
  #module;
  #worker;
  #queue = [];
  #running;
  /** What a new worker is sent again: for each holder its requests by their names, in the order in which they came first. */
  #kept = new Map();
  #nextId = 0;
  #patience;
  #broken;
  #closed = false;
  /** Whether a worker of this queue has ever answered: the next one that does not start may be tried again. */
  #proven = false;

  /** Which worker it is, of all that there were: an answer from an earlier one says nothing about what this one holds. */
  generation = 0;
  /** Bytes of WebAssembly memory that the worker has taken, as far as it told; 0 while it rests. */
  bytes = 0;
  /** When it was last asked or answered, as `performance.now()` counts. */
  used = performance.now();
  /** Called when it has answered, began or rests. */
  onchange = () => {};

  constructor(module) {
    this.#module = module;
    this.#open();
  }

  get busy() {
    return this.#running !== undefined || this.#queue.length > 0;
  }

  get resting() {
    return this.#worker === undefined;
  }

  /**
   * Sends a request of `worker.js`. With `keep`, a new worker will receive it again, in place of an earlier kept
   * request of the same name and `holder`. `retry: false` is for what hangs on more than what is kept: a new worker would lack it.
   * `progress({ done, total })` is told how far it is, where it says so.
   */
  ask(name, request, { signal, keep = false, retry = true, holder, progress } = {}) {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      if (this.#broken) return reject(this.#broken);
      if (this.#closed) return reject(aborted("closed"));
      const job = { id: this.#nextId++, name, request, keep, retry, holder, progress, resolve, reject };
      signal?.addEventListener("abort", () => this.#cancel(job, signal.reason), { once: true });
      this.#queue.push(job);
      this.used = performance.now();
      if (this.resting) this.#open();
      else this.#next();
    });
  }

  /** Cancels whatever a holder waits for. */
  leave(holder) {
    this.#queue = this.#queue.filter((job) => !job.again || job.holder !== holder);
    for (const job of [this.#running, ...this.#queue]) if (job?.holder === holder && !job.again) this.#cancel(job, aborted("closed"));
  }

  /** Forgets what a holder kept; what it held in the worker has to be let go of by a request. */
  forget(holder) {
    const kept = this.#kept.get(holder);
    this.#kept.delete(holder);
    return kept;
  }

  /** Keeps what a holder kept in another queue, and has the worker hold it. */
  receive(holder, kept) {
    if (!kept) return;
    this.#kept.set(holder, kept);
    if (this.resting) return;
    for (const [name, request] of kept) this.#queue.push(this.#silent(name, request, holder));
    this.#next();
  }

  /** Ends an idle worker, whose memory is given back, until the next request. */
  rest() {
    if (this.busy || this.resting || this.#closed) return;
    this.#worker.terminate();
    this.#none();
    this.onchange();
  }

  /** Ends the worker and frees its memory. */
  close() {
    this.#closed = true;
    this.bytes = 0;
    clearTimeout(this.#patience);
    this.#worker?.terminate();
    const gone = aborted("closed");
    for (const job of [this.#running, ...this.#queue]) job?.reject(gone);
    this.#queue = [];
    this.#running = undefined;
  }

  #open() {
    this.generation = workers += 1;
    this.bytes = 0;
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
    const again = [...this.#kept].flatMap(([holder, kept]) => [...kept].map(([name, request]) => this.#silent(name, request, holder)));
    this.#queue.unshift(this.#silent("start", { module: this.#module }), ...again);
    this.#next();
  }

  /** A request that nobody waits for. If it fails, the requests behind it will say so. */
  #silent(name, request, holder) {
    return { id: this.#nextId++, name, request, holder, again: true, resolve() {}, reject() {} };
  }

  #next() {
    if (this.#running || this.#queue.length === 0) return;
    this.#running = this.#queue.shift();
    const { id, name, request } = this.#running;
    this.#worker.postMessage({ id, name, request });
  }

  #answer({ id, result, error, fatal, progress, bytes }) {
    const job = this.#running;
    if (!job || job.id !== id) return;
    if (progress) {
      job.long = progress.total > 1;
      return job.progress?.(progress);
    }
    this.#running = undefined;
    this.used = performance.now();
    this.bytes = bytes ?? this.bytes;
    clearTimeout(this.#patience);
    if (error !== undefined && job.name === "start") return this.#giveUp(new Unstartable(t`The viewer's worker could not be started (${error}): ${WHY_NOT}`));
    this.#proven = true;
    if (error === undefined) {
      if (job.keep) this.#keep(job);
      job.resolve(result);
    } else if (fatal && job.retry && !job.cancelled) {
      // What a worker dies of may be what it held before.
      job.retry = false;
      this.#queue.unshift(job);
    } else {
      job.reject(fatal ? new Trap(error, fatal.bytes) : new Error(error));
      // What a new worker chokes on is not given to the next one.
      if (job.again) this.#kept.get(job.holder)?.delete(job.name);
    }
    if (fatal) this.#replace();
    else this.#next();
    this.onchange();
  }

  #keep({ holder, name, request }) {
    if (!this.#kept.has(holder)) this.#kept.set(holder, new Map());
    this.#kept.get(holder).set(name, request);
  }

  /** A worker that does not start never will where none has; later the network may be away for a while. */
  #giveUp(error) {
    if (!this.#proven) this.#broken = error;
    this.#worker?.terminate();
    this.#none();
    for (const job of this.#queue) job.reject(error);
    this.#queue = [];
    this.onchange();
  }

  #cancel(job, reason) {
    job.cancelled = true;
    job.reject(reason);
    if (job === this.#running) {
      clearTimeout(this.#patience);
      this.#patience = setTimeout(() => this.#replace(), job.long ? IMPATIENCE : PATIENCE);
    } else {
      this.#queue = this.#queue.filter((waiting) => waiting !== job);
    }
  }

  /** There is no worker, and so nothing that it holds. */
  #none() {
    this.#worker = undefined;
    this.generation = this.bytes = 0;
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
