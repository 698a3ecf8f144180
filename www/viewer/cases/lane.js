import { Unstartable } from "../queue.js";
import { cancelled, sentence } from "../words.js";

/** Pixels each way of an image's thumbnail. */
export const THUMBNAIL_SIDE = 80;
/** How it is cut. */
const THUMBNAIL = JSON.stringify({ preprocessing: { size: 224 } });

/** One of the places at which a round's images are opened and classified, with the models opened once more in its worker. */
export class Lane {
  /** Where it works. */
  seat;
  /** The models that the worker has, and in which of its lives. */
  #held = new Map();
  #generation;
  #key = 0;

  constructor(seat) {
    this.seat = seat;
  }

  /** Opens an image: `{ pixels, look }`, its thumbnail and what tells how a model sees it, or `{ refused }`, a sentence. */
  async open(read, signal) {
    let blob;
    let generation;
    const open = async () => {
      await this.seat.ask("open", { blob }, { signal });
      generation = this.seat.generation;
    };
    try {
      blob = await read();
      await open();
      const { pixels } = await this.seat.ask("thumbnail", { input: THUMBNAIL, side: THUMBNAIL_SIDE }, { signal, retry: false });
      const seen = new Map();
      const look = async (input) => {
        // A worker that a model made stop has forgotten the image.
        if (generation !== this.seat.generation) await open();
        if (!seen.has(input)) seen.set(input, await this.seat.ask("look", { input, side: 1 }, { signal, retry: false }));
        return seen.get(input);
      };
      return { pixels, look };
    } catch (error) {
      if (cancelled(error) || error instanceof Unstartable) throw error;
      return { refused: sentence(error) };
    }
  }

  /** What a model says of the image: `{ prediction }`, or `{ failed }` with a sentence. */
  async ask(opened, { blob, card }, look, signal) {
    try {
      const { tensor } = await look(opened.description.input);
      // A worker that was replaced has forgotten its models.
      if (this.#generation !== this.seat.generation) this.#held.clear();
      this.#generation = this.seat.generation;
      if (!this.#held.has(opened)) {
        const of = `${this.seat.name}/${(this.#key += 1)}`;
        await this.seat.ask("load", { of, blob, card }, { signal });
        this.#generation = this.seat.generation;
        this.#held.set(opened, of);
      }
      return { prediction: await this.seat.ask("classify", { of: this.#held.get(opened), tensor }, { signal, retry: false }) };
    } catch (error) {
      if (cancelled(error) || error instanceof Unstartable) throw error;
      return { failed: sentence(error) };
    }
  }

  /** Lets go of image and models. */
  empty() {
    this.#held.clear();
    if (!this.seat.queue.resting) this.seat.ask("close", {}).catch(() => {});
  }

  close() {
    this.seat.close();
  }
}
