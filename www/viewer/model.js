import { Room } from "./room.js";

/**
 * One classifier in a worker of its own: models are computed side by side, and closing one gives its memory back.
 */
export class Model {
  #room;
  #tensor;
  #explained;
  #generation;

  /** What `Classifier.describe` says; undefined until the model is open. */
  description;

  constructor(module) {
    this.#room = new Room(module);
  }

  /** Opens a model file (a Blob), with a card's JSON in place of its own where given. */
  async open(blob, { card, signal } = {}) {
    this.description = undefined;
    this.description = await this.#room.ask("load", { blob, card }, { signal, keep: true });
    return this.description;
  }

  /** `{ logits, probabilities, predicted }` for a network input. */
  async classify(tensor, { signal } = {}) {
    this.#explained = undefined;
    const answer = await this.#room.ask("classify", { tensor }, { signal });
    this.#tensor = tensor;
    this.#generation = this.#room.generation;
    return answer;
  }

  /** The raw gradient of a class's logit, `[3, H, W]`, at the image last classified. */
  async gradient(index, { signal } = {}) {
    if (this.#generation !== this.#room.generation) await this.classify(this.#tensor, { signal });
    const { gradient } = await this.#room.ask("gradient", { index }, { signal });
    this.#explained = index;
    return gradient;
  }

  /** The gradient asked for last: `{ pixels, scale, flag }`. */
  async paint(request, { signal } = {}) {
    if (this.#generation !== this.#room.generation) await this.gradient(this.#explained, { signal });
    return this.#room.ask("paint", request, { signal });
  }

  close() {
    this.#room.close();
  }
}
