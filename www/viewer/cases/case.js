/**
 * One image among several, with what each model says of it.
 *
 *     waiting → working → done
 *
 * An image that cannot be read is `refused`, for the reason that is said. An answer belongs to a model as it was opened: with other
 * settings it is another model, which has not answered yet.
 */
export class Case {
  /** Where it was found: its name, after those of the folders and archives that it lies in. */
  path;
  working = false;
  /** Why it is no image, as a sentence. */
  refused;
  /** The SHA-256 of the file, where it is known. */
  hash;
  /** What a session says that models answered, `[{ model, code, title, probability, score }]`, `model` the SHA-256 of its file. */
  recorded;
  /** Where that is otherwise than what the models answer now, as a sentence. */
  remark;
  #read;
  #answers = new Map();

  constructor({ path, read, refused, hash, recorded }) {
    Object.assign(this, { path, refused, hash, recorded });
    this.#read = read;
  }

  /** Whether a session knows of it, and its file has still to be given. */
  get wanted() {
    return !this.#read && this.hash !== undefined;
  }

  /** Its file was given. */
  give(read) {
    this.#read = read;
    this.refused = undefined;
  }

  get name() {
    return this.path.split("/").pop();
  }

  /** The folders and archives that it lies in, or nothing. */
  get folder() {
    return this.path.split("/").slice(0, -1).join("/");
  }

  /** Whether there is a file that could be opened. */
  get readable() {
    return this.#read !== undefined;
  }

  /** Its file. */
  async blob() {
    if (!this.#read) throw new Error(this.refused);
    return this.#read();
  }

  /** What an opened model says: `{ prediction }`, `{ failed }` with a sentence, or nothing yet. */
  answer(opened) {
    return this.#answers.get(opened);
  }

  take(opened, answer) {
    this.refused = undefined;
    this.#answers.set(opened, answer);
  }

  /** Whether one of these models has still to answer. */
  lacks(slots) {
    return this.refused === undefined && slots.some(({ opened }) => !this.#answers.has(opened));
  }
}

/**
 * Whether models agree on the class of an image: `agree`, `differ`, or nothing while one has not answered, and where their classes are not the
 * same ones: a class without a name is a number, and the same number need not mean the same.
 */
export function agreement(one, slots) {
  if (slots.length < 2) return undefined;
  const said = slots.map(({ opened }) => ({ ...opened.description, predicted: one.answer(opened)?.prediction?.predicted }));
  if (said.some(({ predicted, named }) => predicted === undefined || predicted === null || !named)) return undefined;
  const codes = said.map(({ classes, predicted }) => classes[predicted].code);
  if (codes.every((code) => code === codes[0])) return "agree";
  const known = ({ classes }) => codes.every((code) => classes.some((own) => own.code === code));
  return said.every(known) ? "differ" : undefined;
}
