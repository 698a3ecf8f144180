/**
 * The workers of a page, shared by all its viewers: as many for networks as the processor's cores and the memory allow, and one for pictures.
 *
 * Whoever holds something in a worker has a `Seat` there, and keeps it: a model stays where it was loaded, and what is asked of it goes there. A worker without seats
 * is ended. One that nobody asked anything for a while rests: its memory is given back, and it comes back with the next question. It rests earlier where all
 * together hold more than the budget, and at once where it has grown far beyond what it holds, since WebAssembly gives no memory back.
 */
import { WorkerQueue } from "./queue.js";

/** More workers than this gain little: the page does not need more at a time. */
const MOST = 8;
/** What browsers are taken for that do not tell their memory, in GiB; those that do say 8 at the most. */
const GIBIBYTES = 4;
const GIBIBYTE = 2 ** 30;
/** What a model takes in sizes of its file: its graph, the gradient's, and the activations that are kept. */
const PER_FILE = 5;
/** Bytes that a worker may have taken beyond what is expected of what it holds. */
const SPARE = 2 ** 28;

/** As many workers as there are cores, but no more than one for each GiB of memory. */
export function usualWorkers({ hardwareConcurrency = 2, deviceMemory = GIBIBYTES } = navigator) {
  return Math.max(1, Math.min(MOST, hardwareConcurrency, Math.floor(deviceMemory)));
}

/** A quarter of the machine's memory, as far as the browser tells it. */
export function usualBudget({ deviceMemory = GIBIBYTES } = navigator) {
  return (deviceMemory * GIBIBYTE) / 4;
}

/** One holder's place in a worker. */
export class Seat {
  #pool;

  /** `name` is its own in the whole page, `bytes` the size of the file that it holds. */
  constructor(pool, queue, name, bytes) {
    this.#pool = pool;
    Object.assign(this, { queue, name, bytes });
  }

  /** Tells one worker from the next: what an earlier one held, this one need not. */
  get generation() {
    return this.queue.generation;
  }

  /** A request of `worker.js` about what is held here; `of` names it where there is more than one thing. */
  ask(name, { of = this.name, ...request }, options = {}) {
    return this.queue.ask(name, { of, ...request }, { ...options, holder: this.name });
  }

  /** Lets go of what is held, and of whatever is waited for. */
  close() {
    this.#pool.leave(this);
  }
}

export class Pool {
  /** Milliseconds for which a worker may be idle before it rests: usually, where memory is short, and where it has grown. */
  patience = { idle: 600_000, short: 60_000, grown: 5_000 };
  /** Bytes that all workers may hold together before idle ones rest early. */
  budget = usualBudget();
  /** Those who want to know that something is otherwise: `() => {}`. */
  listeners = new Set();

  /** The workers for networks, and the seats in each. */
  #networks = new Map();
  /** The one for pictures. */
  #pictures = new Map();
  /** How many workers each viewer allows. */
  #allowed = new Map();
  #names = 0;
  #sweep;

  /** How many workers there may be for networks: what the most modest viewer allows. */
  get limit() {
    return Math.max(1, Math.min(...(this.#allowed.size > 0 ? this.#allowed.values() : [usualWorkers()])));
  }

  /** How many workers are running, and the bytes that they hold. */
  get state() {
    const awake = this.#queues.filter(({ resting }) => !resting);
    return { workers: awake.length, bytes: awake.reduce((sum, { bytes }) => sum + bytes, 0) };
  }

  /** A viewer allows so many workers; none: it leaves it to the machine. */
  allow(viewer, count) {
    if (count >= 1) this.#allowed.set(viewer, Math.floor(count));
    else this.#allowed.delete(viewer);
    this.#shrink();
    this.#tell();
  }

  /** A place for a model whose file has so many bytes; where it can be, in another worker than its `kin`, seats that work side by side with it. */
  seat(module, bytes = 0, kin = []) {
    const queue = this.#networks.size < this.limit ? this.#hire(this.#networks, module) : this.#lightest(kin);
    return this.#sit(this.#networks, queue, bytes);
  }

  /** A place for a picture. */
  picture(module) {
    const [queue = this.#hire(this.#pictures, module)] = this.#pictures.keys();
    return this.#sit(this.#pictures, queue, 0);
  }

  /** How many places there are for models of so many bytes together, side by side with what is held: one at least. */
  room(bytes) {
    const held = [...this.#networks.values()].reduce((sum, seats) => sum + weight(seats), 0);
    return Math.max(1, Math.min(this.limit, Math.floor((this.budget - held) / Math.max(1, PER_FILE * bytes))));
  }

  leave(seat) {
    const { queue, name } = seat;
    const workers = this.#networks.has(queue) ? this.#networks : this.#pictures;
    const seats = workers.get(queue);
    if (!seats?.delete(seat)) return;
    queue.leave(name);
    queue.forget(name);
    if (seats.size === 0) {
      queue.close();
      workers.delete(queue);
    } else if (!queue.resting) queue.ask("close", { of: name }).catch(() => {});
    this.#tell();
  }

  get #queues() {
    return [...this.#networks.keys(), ...this.#pictures.keys()];
  }

  #sit(workers, queue, bytes) {
    const seat = new Seat(this, queue, `s${(this.#names += 1)}`, bytes);
    workers.get(queue).add(seat);
    return seat;
  }

  /** The worker that holds the fewest of these seats, and of such the one that holds least. */
  #lightest(kin = []) {
    const load = ([queue, seats]) => [kin.filter((seat) => seat.queue === queue).length, weight(seats), seats.size];
    const less = (a, b) => a.map((value, index) => value - b[index]).find((difference) => difference !== 0) ?? 0;
    return [...this.#networks].sort((a, b) => less(load(a), load(b)))[0][0];
  }

  #hire(workers, module) {
    const queue = new WorkerQueue(module);
    queue.onchange = () => this.#tell();
    workers.set(queue, new Set());
    return queue;
  }

  /** Where there are more workers than may be, the seats of idle ones move to others. */
  #shrink() {
    for (const [queue, seats] of [...this.#networks].reverse()) {
      if (this.#networks.size <= this.limit) return;
      if (queue.busy) continue;
      this.#networks.delete(queue);
      for (const seat of seats) {
        seat.queue = this.#lightest();
        this.#networks.get(seat.queue).add(seat);
        seat.queue.receive(seat.name, queue.forget(seat.name));
      }
      queue.close();
    }
  }

  #tell() {
    this.#sweep ??= setTimeout(() => this.#rest(), this.patience.grown);
    for (const listener of this.listeners) listener();
  }

  /** Sends to rest who may; looks again while anybody works or waits. */
  #rest() {
    this.#sweep = undefined;
    this.#shrink();
    const { idle, short, grown } = this.patience;
    const now = performance.now();
    const since = (queue, most) => !queue.busy && !queue.resting && now - queue.used >= most;
    for (const [queue, seats] of [...this.#networks, ...this.#pictures]) {
      const large = queue.bytes > SPARE + 2 * weight(seats);
      if (since(queue, large ? grown : idle)) queue.rest();
    }
    // The one that was idle for longest goes first.
    const waiting = [...this.#networks.keys()].filter((queue) => since(queue, short)).sort((a, b) => a.used - b.used);
    for (const queue of waiting) if (this.state.bytes > this.budget) queue.rest();
    if (this.state.workers > 0) this.#sweep ??= setTimeout(() => this.#rest(), grown);
  }
}

/** Bytes that a worker's seats are expected to take. */
const weight = (seats) => [...seats].reduce((sum, { bytes }) => sum + PER_FILE * bytes, 0);

/** The page's own. */
export const pool = new Pool();
