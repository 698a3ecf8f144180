/**
 * One classifier at its seat in the pool: models are computed side by side as far as there are workers.
 *
 * The worker has one map at a time, that of the question asked last. Whoever wants something of a map says whose, and where the worker
 * has another one (a question was cancelled, or the worker is new) it is computed again: no map is ever taken for another.
 */
export class Model {
  #seat;
  /** The question whose map the worker has once it has done all that it was asked; unknown after one that failed. */
  #held;
  #generation;

  /** What `Classifier.describe` says; undefined until the model is open. */
  description;

  constructor(seat) {
    this.#seat = seat;
  }

  /** Opens a model file (a Blob), with a card's JSON in place of its own where given. */
  async open(blob, { card, signal } = {}) {
    this.description = undefined;
    this.description = await this.#seat.ask("load", { blob, card }, { signal, keep: true });
    return this.description;
  }

  /** `{ logits, probabilities, predicted }` for a network input. */
  async classify(tensor, { signal } = {}) {
    this.#held = undefined;
    return this.#seat.ask("classify", { tensor }, { signal, keep: true });
  }

  /**
   * The answer to a question about the image last classified: `{ values, map, channels, remark }`, the raw attribution `[channels, H, W]`
   * and its sum over the channels. `progress({ done, total })` is told how far it is.
   */
  async explain(question, { signal, progress } = {}) {
    this.#held = question;
    try {
      const answer = await this.#seat.ask("explain", { question }, { signal, progress });
      this.#generation = this.#seat.generation;
      return answer;
    } catch (error) {
      if (this.#held === question) this.#held = undefined;
      throw error;
    }
  }

  /** Whether the worker has the map of a question. */
  holds(question) {
    return this.#held === question && this.#generation === this.#seat.generation;
  }

  /** The map of a question as `{ pixels, strengths, scale, ownScale, flag }`. */
  async paint(question, style, { signal } = {}) {
    if (!this.holds(question)) await this.explain(question, { signal });
    return this.#seat.ask("paint", { style }, { signal, retry: false });
  }

  /** The share of the magnitude of a question's map that lies inside a region, a byte for each of its pixels. */
  async inside(question, region, { signal } = {}) {
    if (!this.holds(question)) await this.explain(question, { signal });
    const { share } = await this.#seat.ask("inside", { region }, { signal, retry: false });
    return share;
  }

  close() {
    this.#seat.close();
  }
}
