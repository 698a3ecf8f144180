import { Case } from "../cases/case.js";
import { hashOf } from "../hashes.js";
import { t } from "../language.js";
import { isBlob, visible } from "../words.js";
import { readSession } from "./session.js";

/**
 * Tells what a session keeps of the page, and brings one back.
 *
 * `slots()` are the models, `seen()` is what is open, `{ source, file, name }`, `idle()` a promise that nothing is going on; `prepare(slot, card)`
 * opens a model with other settings, `open(source, name)` an image, `again()` explains the one that is open anew.
 */
export class Keeper {
  #page;

  constructor(page) {
    this.#page = page;
  }

  get #ready() {
    return this.#page.slots().filter(({ ready }) => ready);
  }

  /** What `sessionFile` takes. */
  async session() {
    const { cases, controls, display } = this.#page;
    const settings = { explained: controls.settings, shown: display.settings };
    const [loaded, ready, seen, current, all] = [this.#loaded, this.#ready, this.#page.seen(), cases.current, cases.all];
    const alone = this.#alone(seen, all);
    const images = [...alone, ...all.filter((one) => one.readable || one.wanted)];
    const open = alone.length > 0 ? 0 : images.indexOf(current);
    const models = loaded.map(({ name, source, panel }) => ({ name, card: source.card, assumed: panel.description?.assumed.map(({ text }) => text) }));
    const hashes = await hashesOf(loaded);
    const kept = await hashesOf(ready);
    return {
      settings,
      models: models.map((model, index) => ({ ...model, sha256: hashes[index] })),
      cases: images.map((one) => saved(one, ready, kept)),
      current: open < 0 ? undefined : open,
      sample: seen?.source?.phantom,
    };
  }

  /** Brings a session back; gives what is still to be given, in words. */
  async restore(file) {
    const { cases, controls, display, prepare, open, again } = this.#page;
    const { settings, models, images, current, sample } = await readSession(file);
    await this.#page.idle();
    controls.settings = settings.explained ?? {};
    display.settings = settings.shown ?? {};
    const { there, missing } = await matched(models, this.#loaded);
    for (const [slot, { card }] of there) if (card !== undefined && card !== slot.source.card) await prepare(slot, card);
    const names = new Map(models.map(({ sha256, name }) => [sha256, name]));
    const named = (answers) => answers.map((answer) => ({ ...answer, name: names.get(answer.model) }));
    const restored = cases.restore(images.map((image) => ({ ...image, answers: named(image.answers) })));
    const first = restored[current] ?? restored.find(({ readable }) => readable);
    if (sample !== undefined && current === undefined) open({ phantom: sample }, t`Sample ${sample + 1}`);
    else if (first?.readable) open(first, first.name);
    else again();
    return asking(missing, restored.filter(({ wanted }) => wanted).length) || t`The session is open.`;
  }

  /** Models whose file is there. */
  get #loaded() {
    return this.#page.slots().filter(({ source }) => source.blob);
  }

  /** What is seen and is not in the list of images: what the host's page opened, or what was open when the list was cleared. */
  #alone(seen, all) {
    if (!seen?.file || all.includes(seen.source)) return [];
    const { source, file, name } = seen;
    const one = isBlob(source) ? new Case({ path: name, read: async () => file }) : source;
    for (const { opened, panel } of this.#ready) if (panel.prediction) one.take(opened, { prediction: panel.prediction });
    return [one];
  }
}

const hashesOf = (slots) => Promise.all(slots.map(({ source }) => hashOf(source.blob)));

/** A session's image as it is saved, with what the models of the page say of it now, or what it was recorded with while its file is not given. */
function saved(one, slots, hashes) {
  const answers = slots.flatMap(({ opened }, index) => {
    const prediction = one.answer(opened)?.prediction;
    if (!prediction || prediction.predicted === null) return [];
    const { predicted, probabilities, logits } = prediction;
    const { code, title } = opened.description.classes[predicted];
    return [{ model: hashes[index], code, title, probability: probabilities ? probabilities[predicted] : null, score: logits[predicted] }];
  });
  const older = (one.recorded ?? []).filter(({ model }) => !hashes.includes(model) || one.wanted);
  return {
    path: one.path,
    blob: () => one.blob(),
    sha256: async () => (one.hash ??= await hashOf(await one.blob())),
    answers: (one.wanted ? one.recorded : [...answers, ...older]).map(({ name, ...answer }) => answer),
  };
}

/** Which of a session's models are in the page, `{ there: [[slot, model]], missing: [model] }`. */
async function matched(models, slots) {
  const hashes = await hashesOf(slots);
  const there = models.flatMap((model) => slots.filter((_, index) => hashes[index] === model.sha256).map((slot) => [slot, model]));
  return { there, missing: models.filter(({ sha256 }) => !hashes.includes(sha256)) };
}

/** What is still to be given, in words. */
function asking(missing, wanted) {
  const models = missing.map(({ name, sha256 }) => t`${visible(name)} (SHA-256 ${sha256.slice(0, 12)}…)`);
  return [
    wanted > 0 && t`Give the session's images again, by dropping or choosing them: ${wanted} ${wanted === 1 ? t`is` : t`are`} known by SHA-256.`,
    models.length > 0 && t`The session also used what is not in this page: ${models.join(", ")}. Add the file.`,
  ]
    .filter(Boolean)
    .join(" ");
}
