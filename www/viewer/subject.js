import { Case } from "./cases/case.js";
import { aborted, anyOf, unless } from "./jobs.js";
import { t } from "./language.js";
import { TimeLeft } from "./timeleft.js";
import { cancelled, isBlob, sentence } from "./words.js";

/** How the picture is cut for its thumbnail: as most networks see it. */
export const THUMBNAIL = JSON.stringify({ preprocessing: { size: 224 } });
export const THUMBNAIL_SIDE = 160;
const SAMPLE_SIDE = 448;
/** The longer side in pixels of the picture on the screen, at the most. */
const SCREEN = 2048;
/** Pixels each way of the drawing that outlines a sample's cause. */
const CAUSE_SIDE = 512;

/** For promises whose failure the page has said already. */
const heard = () => {};

/**
 * The image that is open, and what the models say of it.
 *
 * `page` is what it needs of the page: `jobs`, `intake`, `cases`, `controls`, `display`, `looking`, `painter`, `status`, `life()`, `program()`, the models that are `ready()`,
 * and `emit(name, detail, how)` for the element's events.
 */
export class Subject {
  picture;
  /** What the picture was opened from: a Blob, a case, or `{ phantom }`. */
  source;
  /** Its file, where it has one. */
  file;
  /** The name that stands beside it. */
  name = "";

  #page;
  /** The picture for the screen. */
  #whole;
  #looks = new Map();
  /** Aborted when another image, or another class, takes the place of the current one. */
  #run;

  constructor(page) {
    this.#page = page;
  }

  /** Nothing is open any more, and nothing is computed. */
  close() {
    this.stop("removed");
    this.picture = this.source = undefined;
    this.#looks.clear();
  }

  /** Ends what is computed. */
  stop(why) {
    this.#run?.abort(aborted(why));
  }

  /** An image that was given, and is none. */
  refused(one) {
    this.stop("replaced");
    this.picture = undefined;
    this.refuse(sentence(one.refused), one);
  }

  /** Shows a model that comes later what is open. */
  async join(slot, signal) {
    if (!this.picture) return;
    this.#page.status.elapsed = undefined;
    await this.present(slot, anyOf([this.#run.signal, signal]));
  }

  /** What the person opened; what goes wrong is said in the page, and told to whoever waits for the promise. */
  open(source, name) {
    this.#page.intake.showError();
    const done = this.#compute(t`Reading the image…`, (job) => this.#read(source, name, job));
    done.catch(heard);
    return done;
  }

  /** A job that takes the place of the one before it. */
  async #compute(text, work) {
    this.#run?.abort(aborted("replaced"));
    const run = (this.#run = new AbortController());
    const began = performance.now();
    try {
      return await this.#page.jobs.run(text, work, { signals: [run.signal, this.#page.life()?.signal] });
    } finally {
      if (run === this.#run) this.#page.status.elapsed = performance.now() - began;
      if (!this.#page.jobs.busy) this.#page.status.settle();
    }
  }

  async #read(source, name, job) {
    const { signal } = job;
    this.picture = undefined;
    try {
      if (!source) throw new Error(t`What the page was given to open is no file: it takes a Blob or File with an image.`);
      const blob = source instanceof Case ? await unless(signal, source.blob()) : source;
      const { images } = await unless(signal, this.#page.program() ?? Promise.reject(new Error(t`The viewer is not in the page.`)));
      const request = isBlob(blob) ? { blob } : { phantom: source.phantom, size: SAMPLE_SIDE };
      const opened = await images.ask("open", request, { signal, keep: true });
      this.#looks.clear();
      const { pixels } = await images.ask("thumbnail", { input: THUMBNAIL, side: THUMBNAIL_SIDE }, { signal });
      this.#whole = await images.ask("whole", { most: SCREEN }, { signal });
      this.#page.intake.showImage(name, opened, pixels, source.phantom);
      this.#page.cases.show(source, pixels);
      for (const { panel } of this.#page.ready()) panel.clear();
      this.picture = opened;
      this.source = source;
      this.file = isBlob(blob) ? blob : undefined;
      this.name = name;
      this.#page.looking.open(opened);
      this.#page.display.offerCause(opened.truth !== undefined);
    } catch (error) {
      if (!cancelled(error)) this.refuse(sentence(error), source);
      throw error;
    }
    job.say(t`Classifying…`);
    await Promise.all(this.#page.ready().map((slot) => this.present(slot, signal)));
    signal.throwIfAborted();
  }

  /** What could not be opened must not stand beside the answers to something else. */
  refuse(text, source) {
    this.#page.emit("error", { message: text, model: null });
    for (const { panel } of this.#page.ready()) {
      panel.clear();
      panel.rest();
    }
    this.#page.intake.showNoImage();
    this.#page.intake.showError(text);
    this.#page.cases.show();
    if (source instanceof Case) this.#page.cases.refuse(source, text);
  }

  /** The picture as a model sees it; models that see alike share the work. */
  async #look(input) {
    const { images } = await this.#page.program();
    if (!this.#looks.has(input)) this.#looks.set(input, images.ask("look", { input, side: CAUSE_SIDE }));
    return this.#looks.get(input);
  }

  /** A mask's file as a network sees it, a byte for each place of its map. */
  async mask(blob, input) {
    const { images } = await this.#page.program();
    const { inside } = await images.ask("mask", { blob, input });
    return inside;
  }

  /** Picture, prediction, saliency of one model. What fails is said in its panel: the others go on. */
  async present(slot, signal) {
    const { model, panel, opened } = slot;
    const [run, source] = [this.#run, this.source];
    panel.clear();
    panel.stage(t`Classifying`, null);
    try {
      const look = await this.#look(panel.description.input);
      signal.throwIfAborted();
      panel.showPicture(this.#whole, this.picture);
      panel.showSight(look);
      const prediction = await model.classify(look.tensor, { signal });
      panel.showPrediction(prediction);
      this.#page.emit("result", answer(panel));
      if (source instanceof Case) this.#page.cases.tell(source, opened, { prediction });
      await this.#explain(slot, signal);
    } catch (error) {
      // What was replaced has nothing to say any more.
      if (this.#run === run && slot.ready) panel.fail(error);
    }
  }

  /** The map of the chosen class by the chosen method. */
  async #explain(slot, signal) {
    const { model, panel } = slot;
    const { description, prediction } = panel;
    const { methods } = this.#page.controls;
    const index = panel.classFor(this.#page.controls.code);
    if (index === null) return panel.withoutMap(t`The model's answer is not a number: it may be damaged, or its settings wrong.`);
    if (index < 0) return panel.withoutMap(t`This model does not know the chosen class.`);
    if (description.noGradient && methods.name !== "occlusion") return panel.withoutMap(sentence(description.noGradient));
    let question;
    try {
      question = this.#page.controls.question(description, index);
    } catch (error) {
      return panel.withoutMap(sentence(error));
    }
    const called = methods.answer;
    const [given, left] = [new AbortController(), new TimeLeft()];
    const until = anyOf([signal, given.signal]);
    const method = methods.long ? called : undefined;
    panel.ongiveup = () => given.abort(aborted("cancelled"));
    panel.stage(methods.long ? called : t`Computing saliency`, null, { method });
    const progress = ({ done, total }) => {
      if (!method || given.signal.aborted) return;
      panel.stage(t`${called}: ${done} of ${total}`, done / total, { left: left.after(done, total), method });
      this.#page.emit("progress", { text: called, busy: true, model: panel.name, done, total });
    };
    let answer;
    slot.asking += 1;
    try {
      answer = await model.explain(question, { signal: until, progress });
      await this.#page.painter.paint(slot, { fresh: { question, answer, words: called }, signal: until });
    } catch (error) {
      if (!given.signal.aborted || signal.aborted) throw error;
    } finally {
      slot.asking -= 1;
    }
    if (given.signal.aborted) this.#givenUp(panel);
    await this.#page.painter.catchUp(slot);
    signal.throwIfAborted();
    if (given.signal.aborted) return;
    await this.#page.looking.show(slot);
    this.#tell(panel, question, answer, prediction);
  }

  /** The map before stays, where there is one. */
  #givenUp(panel) {
    if (panel.map) panel.stage();
    else panel.withoutMap(t`Cancelled.`);
  }

  /** Tells the page what was computed. */
  #tell({ name, description }, { class: index, against, method }, { values, channels }, { logits, probabilities }) {
    const code = (which) => (which === null ? null : description.classes[which].code);
    const gradient = method.name === "gradient" && against === null ? values : null;
    const detail = { model: name, code: code(index), against: code(against), method, size: description.size, channels, logits, probabilities, attribution: values, gradient };
    this.#page.emit("pellucid-saliency", detail, { bubbles: true, composed: true });
  }

  /** Another class was chosen. Models that were not done with the image yet start over. */
  async again() {
    if (!this.picture) return;
    const explain = async (slot, signal) => {
      const run = this.#run;
      try {
        await this.#explain(slot, signal);
      } catch (error) {
        if (!cancelled(error)) slot.panel.fail(error);
        else if (this.#run === run) {
          slot.panel.stage();
          await this.#page.painter.catchUp(slot).catch(heard);
        }
      }
    };
    await this.#compute(t`Computing saliency…`, ({ signal }) =>
      Promise.all(this.#page.ready().map((slot) => (slot.panel.prediction ? explain(slot, signal) : this.present(slot, signal)))),
    );
  }
}

/** What a model says of the image. */
export function answer({ name, description, prediction }) {
  const { logits, probabilities, predicted } = prediction;
  const classes = description.classes.map(({ code, title }, index) => ({ code, title, score: logits[index], probability: probabilities?.[index] ?? null }));
  return { model: name, predicted: predicted === null ? null : description.classes[predicted].code, classes };
}
